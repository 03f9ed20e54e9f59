import {
  CheckField,
  errorText,
  formatTime,
  FormSection,
  Sentence,
  SelectField,
  Switch,
  TextField,
  useKit,
  useMessages,
  useNow,
  type Language,
} from "@headrace/ui-kit";
import { useMemo } from "react";
import { newRunMessages } from "./new-run-messages.ts";
import { instantOf, intervalUnits, nextTimes, triggerOf, withSeconds, type TriggerDraft } from "./trigger-draft.ts";
import { sayTrigger, type NewRunWords } from "./trigger-words.ts";

const presets = {
  hourly: "0 0 * * * *",
  nightly: "0 0 2 * * *",
  weekdays: "0 0 8 * * 1-5",
  monthly: "0 0 3 1 * *",
} as const;

export interface TriggerFaults {
  readonly trigger?: string | undefined;
  readonly end?: string | undefined;
  readonly concurrency?: string | undefined;
}

/** From when on, in milliseconds since the epoch, and on whose clock: the IANA name of the server's time zone. */
export interface TriggerMoment {
  readonly now: number;
  readonly zone: string;
}

/** What is wrong with the fields of a trigger. */
export function triggerFaults(draft: TriggerDraft, at: TriggerMoment, t: NewRunWords): TriggerFaults {
  const trigger = triggerOf(draft);
  const [start, end] = [instantOf(draft.start), instantOf(draft.end)];
  const concurrency = Number(draft.maxConcurrency);
  return {
    trigger:
      trigger === undefined ? t(draft.kind === "cron" ? "trigger.needed" : "trigger.everyNeeded") : faultOf(draft, at),
    end: start !== undefined && end !== undefined && end <= start ? t("trigger.ends") : undefined,
    concurrency:
      Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 10
        ? undefined
        : t("trigger.concurrencyNeeded"),
  };
}

function faultOf(draft: TriggerDraft, at: TriggerMoment): string | undefined {
  const ahead = lookAhead(draft, at);
  return "error" in ahead ? ahead.error : undefined;
}

function lookAhead(
  draft: TriggerDraft,
  { now, zone }: TriggerMoment,
): { readonly times: readonly number[] } | { readonly error: string } | { readonly untold: true } {
  const trigger = triggerOf(draft);
  if (trigger === undefined) return { times: [] };
  if (typeof Temporal === "undefined" && "cron" in trigger) return { untold: true };
  try {
    const limits = { startAt: instantOf(draft.start), endAt: instantOf(draft.end) };
    return { times: nextTimes({ trigger, ...limits }, now, 5, zone) };
  } catch (error) {
    return { error: errorText(error).replace(/^cron: Invalid value: "[^"]*": /, "") };
  }
}

/** When a recurring run happens: the fields, what they mean in words, and the next five times. */
export function TriggerFields({
  draft,
  onChange,
  faults,
  zone,
}: {
  readonly draft: TriggerDraft;
  /** The server's. */
  readonly zone: string;
  readonly onChange: (change: Partial<TriggerDraft>) => void;
  readonly faults: TriggerFaults;
}) {
  const t = useMessages(newRunMessages);
  const { language } = useKit();
  const better = draft.kind === "cron" ? withSeconds(draft.cron) : undefined;
  return (
    <FormSection
      title={t("trigger")}
      tools={
        <Switch
          label={t("trigger")}
          value={draft.kind}
          onChange={(kind) => onChange({ kind })}
          options={[
            { value: "cron", label: t("trigger.cron") },
            { value: "interval", label: t("trigger.interval") },
          ]}
        />
      }
    >
      {draft.kind === "cron" ? (
        <>
          <TextField
            label={t("trigger.expression")}
            value={draft.cron}
            onChange={(cron) => onChange({ cron })}
            mono
            note={Object.entries(presets).map(([name, cron]) => (
              <button key={name} type="button" className="link" onClick={() => onChange({ cron })}>
                {t(`preset.${name as keyof typeof presets}`)}
              </button>
            ))}
            help={t("trigger.help")}
            error={faults.trigger}
          />
          {better === undefined ? null : (
            <p className="field field-warn">
              <Sentence text={t("trigger.five", { cron: better })} />
              <button type="button" className="compact" onClick={() => onChange({ cron: better })}>
                {t("trigger.fiveAction")}
              </button>
            </p>
          )}
        </>
      ) : (
        <div className="field-row field-row-narrow">
          <TextField
            label={t("trigger.every")}
            value={draft.every}
            onChange={(every) => onChange({ every })}
            inputMode="numeric"
            error={faults.trigger}
          />
          <SelectField
            label={t("trigger.unit")}
            value={draft.unit}
            onChange={(unit) => onChange({ unit: intervalUnits.find((it) => it === unit) ?? "hour" })}
            options={intervalUnits.map((unit) => ({ value: unit, label: t(`unit.${unit}`) }))}
          />
        </div>
      )}
      <NextTimes draft={draft} zone={zone} t={t} language={language} />
      <div className="field-row">
        <TextField
          label={t("trigger.start")}
          optional
          type="datetime-local"
          value={draft.start}
          onChange={(start) => onChange({ start })}
          help={t("trigger.limitsHelp")}
        />
        <TextField
          label={t("trigger.end")}
          optional
          type="datetime-local"
          value={draft.end}
          onChange={(end) => onChange({ end })}
          error={faults.end}
        />
      </div>
      <TextField
        label={t("trigger.concurrency")}
        value={draft.maxConcurrency}
        onChange={(maxConcurrency) => onChange({ maxConcurrency })}
        inputMode="numeric"
        help={t("trigger.concurrencyHelp")}
        error={faults.concurrency}
      />
      <CheckField
        label={t("trigger.catchUp")}
        help={t("trigger.catchUpHelp")}
        checked={draft.catchUp}
        onChange={(catchUp) => onChange({ catchUp })}
      />
    </FormSection>
  );
}

/** The trigger as a sentence, and when it would fire. */
function NextTimes({
  draft,
  zone,
  t,
  language,
}: {
  readonly draft: TriggerDraft;
  readonly zone: string;
  readonly t: NewRunWords;
  readonly language: Language;
}) {
  const now = useNow();
  const second = Math.floor(now / 1000);
  const ahead = useMemo(() => lookAhead(draft, { now: second * 1000, zone }), [draft, second, zone]);
  if ("error" in ahead) return null;
  return (
    <div className="field next-times" aria-live="polite">
      <p>{sayTrigger(triggerOf(draft), t, language)}</p>
      {"untold" in ahead ? (
        <p className="field-help">{t("trigger.untold")}</p>
      ) : ahead.times.length === 0 ? (
        <p className="field-error">{triggerOf(draft) === undefined ? "" : t("trigger.never")}</p>
      ) : (
        <>
          <ol aria-label={t("trigger.next")}>
            {ahead.times.map((time) => (
              <li key={time}>
                <time dateTime={new Date(time).toISOString()}>{sayMoment(time, zone, language)}</time>{" "}
                <span className="faint">{soon(time, now, language)}</span>
              </li>
            ))}
          </ol>
          <p className="field-help">{t("trigger.zone", { zone })}</p>
        </>
      )}
    </div>
  );
}

/** `Thu 26 Nov, 02:00:00` on the server's clock. */
export function sayMoment(time: number, zone: string, language: Language): string {
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
    timeZone: zone,
  }).format(time);
}

/** In how long, within a day. */
const soon = (time: number, now: number, language: Language): string =>
  time - now < 86_000_000 ? formatTime(time, now, language) : "";
