import {
  DetailPage,
  FoundPage,
  Link,
  Sentence,
  StateMark,
  useLiveOne,
  useMessages,
  useNavigate,
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
  const { step: id = "" } = useParams();
  const answer = useLiveOne(taskKind, `spec.id=${/^\d+$/.test(id) ? id : "0"}`, ({ spec }) => String(spec.id) === id);
  return (
    <FoundPage
      id={id}
      answer={answer}
      nameOf={({ spec }) => spec.displayName}
      list={{ to: "/executions", label: t("steps") }}
      missing={{ title: t("step.missing"), sentence: t("step.missingWhy", { id }), back: t("step.back") }}
      failed={t("steps.failed")}
    >
      {(task) => <FoundStep task={task} />}
    </FoundPage>
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
