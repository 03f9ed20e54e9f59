import {
  Answered,
  Bytes,
  CopyId,
  DefinitionList,
  DetailPage,
  formatBytes,
  FoundPage,
  Link,
  Sentence,
  Skeleton,
  StateMark,
  Tabs,
  Time,
  useAnswer,
  useKit,
  useLiveOne,
  useMessages,
  useParams,
  useTab,
} from "@headrace/ui-kit";
import { artifacts as artifactKindOf, isStepType, type Artifact } from "../resources/index.ts";
import { artifactPath } from "./api.ts";
import { ArtifactContent, ArtifactProperties } from "./artifact-content.tsx";
import { notedProperties, typeName } from "./artifacts.ts";
import { outputName } from "./artifacts-page.tsx";
import { edgeAsker } from "./lineage-api.ts";
import { LineageView, runOf } from "./lineage-view.tsx";
import type { LineageEdge } from "./lineage.ts";
import { resultMessages } from "./results-messages.ts";
import { stateOfTask } from "./state.ts";

/** One artifact, by its number or by its uuid. */
export function ArtifactPage() {
  const { artifact: id = "" } = useParams();
  return /^\d+$/.test(id) ? <NumberedArtifact key={id} id={id} /> : <ArtifactByUid key={id} uid={id} />;
}

/** Addresses of the coming API name artifacts by uuid; the lineage knows their numbers. */
function ArtifactByUid({ uid }: { readonly uid: string }) {
  const { request } = useKit();
  const answer = useAnswer(uid, (signal) => edgeAsker(request, signal)({ artifacts: [uid] }));
  if (answer.state === "loading") return <Skeleton rows={8} />;
  const number = answer.state === "ready" ? answer.value[0]?.artifact.number : undefined;
  return <NumberedArtifact id={number === undefined ? uid : String(number)} />;
}

function NumberedArtifact({ id }: { readonly id: string }) {
  const t = useMessages(resultMessages);
  const answer = useLiveOne(artifactKindOf, `metadata.name=${id}`, ({ metadata }) => metadata.name === id);
  return (
    <FoundPage
      id={id}
      answer={answer}
      nameOf={outputName}
      list={{ to: "/artifacts", label: t("artifacts") }}
      missing={{ title: t("artifact.missing"), sentence: t("artifact.missingWhy", { id }), back: t("artifact.back") }}
      failed={t("artifacts.failed")}
    >
      {(artifact) => <FoundArtifact artifact={artifact} />}
    </FoundPage>
  );
}

const tabNames = ["overview", "lineage"] as const;

function FoundArtifact({ artifact }: { readonly artifact: Artifact }) {
  const t = useMessages(resultMessages);
  const tab = useTab(tabNames);
  const { spec, metadata } = artifact;
  const namespace = metadata.namespace ?? "";
  const type = typeName(spec.type);
  const sentence = spec.producer
    ? t("artifact.sentence", {
        what: spec.size === undefined ? type : t("artifact.sized", { type, size: formatBytes(spec.size) }),
        step: spec.producer.step,
        run: spec.producer.runName,
      })
    : t("artifact.sentenceOrphan", { type });
  return (
    <DetailPage
      mark={null}
      name={outputName(artifact)}
      sentence={<Sentence text={sentence} />}
      actions={
        <a className="button-link" href={artifactPath(namespace, spec.id)} download={outputName(artifact)}>
          {t("artifact.download")}
        </a>
      }
      facts={<Facts artifact={artifact} />}
      tabs={
        <Tabs
          label={t("artifacts")}
          names={tabNames}
          current={tab}
          path={`/artifacts/${spec.id}`}
          say={(name) => t(`tab.${name}`)}
        />
      }
    >
      {tab === "lineage" ? <LineageView uid={metadata.uid ?? ""} /> : <Overview artifact={artifact} />}
    </DetailPage>
  );
}

function Facts({ artifact }: { readonly artifact: Artifact }) {
  const t = useMessages(resultMessages);
  const { spec, metadata } = artifact;
  return (
    <DefinitionList
      wide
      items={[
        [t("fact.type"), typeName(spec.type)],
        [t("fact.size"), spec.size === undefined ? undefined : <Bytes size={spec.size} />],
        [
          t("fact.step"),
          spec.producer ? (
            <Link className="mono" to={runOf(spec.producer)}>
              {spec.producer.step}
            </Link>
          ) : undefined,
        ],
        [
          t("fact.run"),
          spec.producer ? <Link to={`/runs/details/${spec.producer.run}`}>{spec.producer.runName}</Link> : undefined,
        ],
        [t("fact.created"), <Time key="created" at={metadata.creationTimestamp} />],
        [t("fact.namespace"), <code key="ns">{metadata.namespace}</code>],
        [t("fact.digest"), spec.digest === undefined ? undefined : <CopyId id={spec.digest.replace(/^sha256:/, "")} />],
        [t("fact.id"), <code key="id">{spec.id}</code>],
      ]}
    />
  );
}

function Overview({ artifact }: { readonly artifact: Artifact }) {
  const t = useMessages(resultMessages);
  const { spec, metadata } = artifact;
  return (
    <div className="page-scroll preview-page">
      <DefinitionList items={[[t("fact.uri"), <CopyId key="uri" id={spec.uri} short={false} />]]} />
      <Heading text={t("artifact.preview")} />
      <ArtifactContent artifact={{ ...spec, name: outputName(artifact) }} namespace={metadata.namespace ?? ""} />
      {notedProperties(spec).length === 0 ? null : (
        <>
          <Heading text={t("artifact.properties")} />
          <ArtifactProperties artifact={spec} />
        </>
      )}
      <Uses uid={metadata.uid ?? ""} />
    </div>
  );
}

const Heading = ({ text }: { readonly text: string }) => (
  <header className="section-head">
    <h2>{text}</h2>
  </header>
);

/** Which steps took it, and which had it from the cache in place of making it again. */
function Uses({ uid }: { readonly uid: string }) {
  const t = useMessages(resultMessages);
  const { request } = useKit();
  const answer = useAnswer(uid, (signal) => edgeAsker(request, signal)({ artifacts: [uid] }));
  return (
    <Answered answer={answer} failed={t("lineage.failed")} rows={2}>
      {(edges) => <UsesOf edges={edges} />}
    </Answered>
  );
}

function UsesOf({ edges }: { readonly edges: readonly LineageEdge[] }) {
  const t = useMessages(resultMessages);
  const steps = edges.filter(({ task }) => isStepType(task.type));
  const users = steps.filter(({ direction }) => direction === "in");
  const reusers = steps.filter(({ direction, task }) => direction === "out" && task.state === "CACHED");
  return (
    <>
      <Heading text={t("artifact.usedBy")} />
      {users.length === 0 ? <p className="muted">{t("artifact.unused")}</p> : <StepLinks edges={users} />}
      {reusers.length === 0 ? null : (
        <>
          <Heading text={t("artifact.reusedBy")} />
          <StepLinks edges={reusers} />
        </>
      )}
    </>
  );
}

/** More users than this are told by their number. */
const mostUsers = 50;

function StepLinks({ edges }: { readonly edges: readonly LineageEdge[] }) {
  return (
    <ul className="plain-list">
      {edges.slice(0, mostUsers).map(({ task, port }) => (
        <li key={`${task.uid} ${port}`}>
          <StateMark state={stateOfTask(task.state) ?? "pending"} />{" "}
          <Link className="mono" to={`/executions/${task.number}`}>
            {task.name}
          </Link>{" "}
          <Link className="quiet-link" to={runOf(task)}>
            {task.runName}
          </Link>
        </li>
      ))}
      {edges.length > mostUsers ? <li className="faint">+{edges.length - mostUsers}</li> : null}
    </ul>
  );
}
