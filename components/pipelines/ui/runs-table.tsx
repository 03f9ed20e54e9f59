import {
  Answered,
  liveAnswer,
  Table,
  useChosen,
  useKit,
  useMessages,
  useNavigate,
  useTableSort,
  type Asked,
  type Chosen,
  type LiveListResult,
  type TableColumn,
} from "@headrace/ui-kit";
import { useMemo, type ReactNode } from "react";
import type { Run } from "../resources/index.ts";
import { pipelineMessages } from "./messages.ts";
import { RunsBulkBar } from "./runs-bulk-bar.tsx";
import { runColumns } from "./runs-columns.tsx";
import { runId, runPath } from "./runs-of.ts";

/** Runs as rows, the latest first, each of which opens its page. */
export function RunRows({
  answer,
  columns,
  hidden,
  chosen,
  failed,
  height,
  empty,
}: {
  readonly answer: Asked<readonly Run[]>;
  readonly columns: readonly TableColumn<Run>[];
  readonly hidden: readonly string[];
  readonly chosen: Chosen<Run>;
  /** What could not be done if they cannot be shown. */
  readonly failed: string;
  /** In rows, until they are there. */
  readonly height: number;
  readonly empty: ReactNode;
}) {
  const t = useMessages(pipelineMessages);
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "started", descending: true });
  return (
    <Answered answer={answer} failed={failed} rows={height}>
      {(rows) => (
        <Table
          label={t("runs")}
          rows={rows}
          columns={columns}
          hidden={hidden}
          rowKey={runId}
          sort={sort}
          onSort={setSort}
          {...chosen.boxes}
          onOpen={(run) => void navigate(runPath(runId(run)))}
          empty={empty}
        />
      )}
    </Answered>
  );
}

/** The runs of one thing, as a part of its page. */
export function RunsTable({
  runs,
  live,
  without,
  failed,
  empty,
}: {
  readonly runs: readonly Run[];
  /** Where they come from, for how far it has got. */
  readonly live: LiveListResult<Run>;
  /** Columns that would say the same in every row. */
  readonly without: readonly string[];
  readonly failed: string;
  readonly empty: ReactNode;
}) {
  const t = useMessages(pipelineMessages);
  const { namespace } = useKit();
  const chosen = useChosen(runs, runId);
  const columns = useMemo(() => runColumns(t, namespace === ""), [t, namespace]);
  const hidden = [...without, "id", "cached", "version", "schedule", ...(namespace === "" ? [] : ["namespace"])];
  return (
    <>
      <RunRows
        answer={liveAnswer(live, runs)}
        columns={columns}
        hidden={hidden}
        chosen={chosen}
        failed={failed}
        height={6}
        empty={empty}
      />
      {chosen.items.length > 0 ? <RunsBulkBar chosen={chosen} /> : null}
    </>
  );
}
