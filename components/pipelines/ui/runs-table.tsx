import {
  Answered,
  liveAnswer,
  Table,
  useChosen,
  useKit,
  useMessages,
  useNavigate,
  useTableSort,
  type LiveListResult,
} from "@headrace/ui-kit";
import { useMemo } from "react";
import type { Run } from "../resources/index.ts";
import { pipelineMessages } from "./messages.ts";
import { runColumns } from "./runs-page.tsx";
import { runId, runPath } from "./runs-of.ts";
import { RunsBulkBar } from "./runs-bulk-bar.tsx";

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
  /** What could not be done if they cannot be shown. */
  readonly failed: string;
  readonly empty: React.ReactNode;
}) {
  const t = useMessages(pipelineMessages);
  const { namespace } = useKit();
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "started", descending: true });
  const chosen = useChosen(runs, runId);
  const columns = useMemo(() => runColumns(t, namespace === ""), [t, namespace]);
  const hidden = [...without, "id", "cached", "version", "schedule", ...(namespace === "" ? [] : ["namespace"])];
  return (
    <>
      <Answered answer={liveAnswer(live, runs)} failed={failed} rows={6}>
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
      {chosen.items.length > 0 ? <RunsBulkBar chosen={chosen} /> : null}
    </>
  );
}
