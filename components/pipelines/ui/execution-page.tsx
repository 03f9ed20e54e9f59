import {
  DetailPage,
  ErrorPanel,
  Link,
  MissingPage,
  Sentence,
  Skeleton,
  StateMark,
  useKit,
  useLiveList,
  useMessages,
  useNavigate,
  usePage,
  useParams,
} from "@headrace/ui-kit";
import { tasks as taskKind, type Task } from "../resources/index.ts";
import { resultMessages } from "./results-messages.ts";
import type { RunNode } from "./run-tree.ts";
import { taskState } from "./state.ts";
import { TaskDetails } from "./task-panel.tsx";

/** One step of one run, by its number, as Kubeflow's own page of an execution. */
export function ExecutionPage() {
  const t = useMessages(resultMessages);
  const { namespace } = useKit();
  const { step: id = "" } = useParams();
  const fieldSelector = `spec.id=${/^\d+$/.test(id) ? id : "0"}`;
  const anywhere = useLiveList(taskKind, { fieldSelector });
  const refused = anywhere.phase === "refused" && namespace !== "";
  const inNamespace = useLiveList(taskKind, refused ? { namespace, fieldSelector } : undefined);
  const live = refused ? inNamespace : anywhere;
  const task = live.items.find(({ spec }) => String(spec.id) === id);
  const name = task?.spec.displayName ?? id;
  usePage(name, [
    { label: t("steps"), to: "/executions" },
    { label: name, name: true },
  ]);
  if (task) return <FoundStep key={id} task={task} />;
  if (live.phase === "refused") return <ErrorPanel what={t("steps.failed")} error={live.error} onRetry={live.retry} />;
  if (!live.complete) return <Skeleton rows={8} />;
  return (
    <MissingPage
      title={t("step.missing")}
      sentence={<Sentence text={t("step.missingWhy", { id })} />}
      back={{ to: "/executions", label: t("step.back") }}
    />
  );
}

function FoundStep({ task }: { readonly task: Task }) {
  const t = useMessages(resultMessages);
  const navigate = useNavigate();
  const { spec, metadata } = task;
  const node: RunNode = {
    key: spec.key,
    path: spec.key,
    name: spec.name,
    label: spec.displayName,
    kind: spec.type === "IMPORTER" ? "importer" : spec.type === "RUNTIME" ? "step" : "group",
    state: taskState(task),
    dependsOn: [],
    children: [],
    task,
  };
  const inRun = `/runs/details/${spec.run}/execution/${spec.id}`;
  return (
    <DetailPage
      mark={<StateMark state={node.state} size={16} />}
      name={spec.displayName}
      sentence={<Sentence text={t("step.of", { key: spec.key, run: spec.runName ?? spec.run })} />}
      actions={
        <Link className="button-link" to={inRun}>
          {t("step.openRun")}
        </Link>
      }
    >
      <div className="page-scroll step-page">
        <TaskDetails
          node={node}
          tree={node}
          run={{ id: spec.run, namespace: metadata.namespace ?? "" }}
          onSelect={() => undefined}
          onArtifact={(artifact) => void navigate(`/artifacts/${artifact}`)}
        />
      </div>
    </DetailPage>
  );
}
