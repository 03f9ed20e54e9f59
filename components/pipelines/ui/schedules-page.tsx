import {
  Link,
  ListPage,
  NoMatch,
  useFreshAnswer,
  useKit,
  useListing,
  useMessages,
  usePage,
  type Filterable,
} from "@headrace/ui-kit";
import { useCallback } from "react";
import { scheduledWorkflows } from "../resources/index.ts";
import { useLiveStamp } from "./live-stamp.ts";
import { newRunPath } from "./places.ts";
import { listSchedules, type Schedule } from "./schedules-api.ts";
import { schedulesMessages } from "./schedules-messages.ts";
import { ScheduleTable, statusOf, useNames } from "./schedule-table.tsx";

/** What runs by itself: Kubeflow's recurring runs. */
export function SchedulesPage() {
  const t = useMessages(schedulesMessages);
  const { namespace, request } = useKit();
  usePage(t("schedules"), [{ label: t("schedules") }]);
  const stamp = useLiveStamp(scheduledWorkflows, { namespace });
  const answer = useFreshAnswer(`schedules/${namespace}`, stamp, (signal) =>
    listSchedules(request, { namespace }, signal),
  );
  const { pipelines, experiments } = useNames();
  const all = answer.state === "ready" ? answer.value : none;
  const filterable = useCallback(
    (it: Schedule): Filterable => ({
      text: `${it.displayName} ${it.description} ${it.id}`,
      fields: {
        name: it.displayName,
        status: statusOf(it, undefined),
        pipeline: pipelines.get(it.pipeline),
        experiment: experiments.get(it.experiment),
        id: it.id,
      },
    }),
    [pipelines, experiments],
  );
  const list = useListing(all, filterable);
  return (
    <ListPage
      title={t("schedules")}
      count={answer.state === "ready" ? list.count : undefined}
      sentence={t("sentence")}
      actions={
        <Link className="button primary" to={newRunPath({ recurring: "1" })}>
          {t("new")}
        </Link>
      }
      filter={{
        ...list.filter,
        placeholder: t("filter"),
        fields: [
          { name: "status", label: t("column.status").toLowerCase(), values: ["enabled", "disabled", "failing"] },
          { name: "pipeline", label: t("column.pipeline").toLowerCase(), values: [...pipelines.values()].slice(0, 12) },
          {
            name: "experiment",
            label: t("column.experiment").toLowerCase(),
            values: [...experiments.values()].slice(0, 12),
          },
        ],
      }}
    >
      <ScheduleTable
        answer={answer}
        kept={list.rows}
        without={[]}
        noMatch={<NoMatch sentence={t("emptyFilter")} onClear={list.clear} />}
      />
    </ListPage>
  );
}

const none: readonly Schedule[] = [];
