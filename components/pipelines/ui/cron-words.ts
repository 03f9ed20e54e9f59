import cronstrue from "cronstrue";
// oxlint-disable-next-line import/no-unassigned-import -- adds its language to the library
import "cronstrue/locales/zh_CN";
import type { Language } from "@headrace/ui-kit";

/** A cron expression as a sentence; undefined for one that the library does not read, or that has words of its own (`@every 1h`). */
export function cronWords(cron: string, language: Language): string | undefined {
  const fields = cron.trim().split(/\s+/);
  if (cron.startsWith("@every")) return undefined;
  // The weekday may be missing here; the library would take the seconds for it.
  const expression = fields.length === 5 ? `${cron.trim()} *` : cron.trim();
  try {
    return cronstrue.toString(expression, {
      locale: language === "zh" ? "zh_CN" : "en",
      use24HourTimeFormat: true,
      verbose: true,
      throwExceptionOnParseError: true,
    });
  } catch {
    return undefined;
  }
}
