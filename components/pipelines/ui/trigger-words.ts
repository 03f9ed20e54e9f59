import type { Language, Translate } from "@headrace/ui-kit";
import type { Trigger } from "../core/schedule.ts";
import { cronWords } from "./cron-words.ts";
import type { newRunMessages } from "./new-run-messages.ts";
import { splitInterval } from "./trigger-draft.ts";

export type NewRunWords = Translate<keyof (typeof newRunMessages)["en"]>;

/** When a schedule runs, in words. */
export function sayTrigger(trigger: Trigger | undefined, t: NewRunWords, language: Language): string {
  if (trigger === undefined) return t("said.none");
  if ("cron" in trigger) return cronWords(trigger.cron, language) ?? t("said.cron", { cron: trigger.cron });
  const { count, unit } = splitInterval(trigger.intervalMs);
  return count === 1
    ? t("said.one", { unit: t(`one.${unit}`) })
    : t("said.interval", { count, unit: t(`unit.${unit}`) });
}
