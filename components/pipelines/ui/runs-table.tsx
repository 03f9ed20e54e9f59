import {
  ErrorPanel,
  Skeleton,
  Table,
  useKit,
  useMessages,
  useNavigate,
  useTableSort,
  type LiveListResult,
} from "@headrace/ui-kit";
import { useMemo, useState } from "react";
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
  const [checked, setChecked] = useState<ReadonlySet<string>>(new Set());
  const chosen = useMemo(() => runs.filter((run) => checked.has(runId(run))), [runs, checked]);
  const columns = useMemo(() => runColumns(t, namespace === ""), [t, namespace]);
  const hidden = [...without, "id", "cached", ...(namespace === "" ? [] : ["namespace"])];
  if (live.phase === "refused") return <ErrorPanel what={failed} error={live.error} onRetry={live.retry} />;
  if (!live.complete && runs.length === 0) return <Skeleton rows={6} />;
  return (
    <>
      <Table
        label={t("runs")}
        rows={runs}
        columns={columns}
        hidden={hidden}
        rowKey={runId}
        sort={sort}
        onSort={setSort}
        checked={checked}
        onCheck={setChecked}
        onOpen={(run) => void navigate(runPath(runId(run)))}
        empty={empty}
      />
      {chosen.length === 0 ? null : (
        <div className="bulk-bar">
          <RunsBulkBar runs={chosen} onDone={() => setChecked(new Set())} />
        </div>
      )}
    </>
  );
}
