import { useKit, useMessages, useQueryItem } from "@headrace/ui-kit";
import { useLayoutEffect, useMemo, useState } from "react";
import { readRunOptions } from "../core/run-options.ts";
import type { Experiment } from "./experiments-api.ts";
import { chosenOf, useChoices } from "./new-run-choices.ts";
import { freshDraft, type readClone, type RunDraft } from "./new-run-draft.ts";
import { newRunMessages } from "./new-run-messages.ts";
import type { RunRequest } from "./new-run-request.ts";
import { readParameters, textsOf } from "./parameter-values.ts";
import type { PipelineVersion } from "./pipelines-api.ts";
import { pipelineInputs } from "./planned-task.ts";
import { useRunDefaults } from "./run-defaults.ts";
import { instantOf, triggerOf } from "./trigger-draft.ts";
import { triggerFaults } from "./trigger-fields.tsx";

/** The form for a new run: what stands in it, what is wrong with that, and what would be sent. */
export type NewRunForm = ReturnType<typeof useNewRun>;

export function useNewRun(clone: Awaited<ReturnType<typeof readClone>>) {
  const t = useMessages(newRunMessages);
  const { namespace, clock } = useKit();
  const [draft, setDraft] = useFirstDraft(clone);
  const set = (change: Partial<RunDraft>): void => setDraft((before) => ({ ...before, ...change }));
  const choices = useChoices(draft.pipeline);
  const { pipeline, version, experiment } = chosenOf(draft, choices);
  const place = experiment?.namespace ?? namespace;
  const defaults = useRunDefaults(place);
  const spec = draft.pipeline === "" ? clone?.spec : version?.spec;
  const inputs = useMemo(() => readInputs(spec), [spec]);
  const given = useGiven(clone?.given, inputs, draft, set);
  const name = draft.name ?? defaultName(pipeline?.displayName, draft);
  const read = readParameters(inputs.specs, given);
  const faults = {
    pipeline: spec === undefined ? t("pipeline.needed") : undefined,
    // While there is no pipeline there is no name to offer either: one complaint is enough.
    name: spec !== undefined && name.trim() === "" ? t("name.needed") : undefined,
    experiment: choices.multiUser && experiment === undefined ? t("experiment.needed") : undefined,
    cacheAge: isAge(draft.cacheMaxAge) ? undefined : t("cacheAge.wrong"),
  };
  const trigger = triggerFaults(draft.trigger, { now: clock.now(), zone: defaults.cronTimeZone }, t);
  // Runs are told with the account that they got; what everybody gets need not be asked for.
  const serviceAccount = draft.serviceAccount.trim() === defaults.serviceAccount ? "" : draft.serviceAccount.trim();
  const wanted = requestFor(
    { ...draft, name: name.trim(), serviceAccount },
    { version, experiment, spec, given: read.given },
  );
  const isFaultless = Object.values({ ...faults, ...(draft.recurring && trigger) }).every((it) => it === undefined);
  return {
    draft,
    set,
    choices,
    version,
    experiment,
    /** The namespace that it would run in. */
    place,
    defaults,
    spec,
    inputs,
    given,
    name,
    faults,
    triggerFaults: trigger,
    /** What is sent; undefined while it is not known what is to run, or when. */
    wanted,
    isSound: isFaultless && read.problems.size === 0 && wanted !== undefined,
  };
}

/** What the address asks for, or what is cloned. */
function useFirstDraft(clone: Awaited<ReturnType<typeof readClone>>) {
  const t = useMessages(newRunMessages);
  const { clock } = useKit();
  const [pipeline] = useQueryItem("pipelineId");
  const [version] = useQueryItem("pipelineVersionId");
  const [experiment] = useQueryItem("experimentId");
  const [recurring] = useQueryItem("recurring");
  return useState<RunDraft>(() => ({
    ...freshDraft(clock.now()),
    pipeline,
    version,
    experiment,
    recurring: recurring === "1",
    ...clone?.draft,
    ...(clone && { name: t("clone.name", { name: clone.name }) }),
  }));
}

interface Inputs {
  readonly specs: ReturnType<typeof pipelineInputs>;
  readonly broken?: string;
}

function readInputs(spec: unknown): Inputs {
  try {
    return { specs: spec === undefined ? new Map() : pipelineInputs(spec) };
  } catch (error) {
    return { specs: new Map(), broken: error instanceof Error ? error.message : String(error) };
  }
}

/** Values of what is cloned become the fields' texts once it is known how its pipeline wants them written. */
function useGiven(
  cloned: Readonly<Record<string, unknown>> | undefined,
  { specs }: Inputs,
  draft: RunDraft,
  set: (change: Partial<RunDraft>) => void,
): RunDraft["texts"] {
  const [pending, setPending] = useState(cloned);
  // Before anything is painted: nobody is to see, or to send, the defaults in their place.
  useLayoutEffect(() => {
    if (pending === undefined || specs.size === 0) return;
    set({ texts: textsOf(specs, pending) });
    setPending(undefined);
  }, [pending, specs]);
  return draft.texts;
}

/** Whether the server would read it as a duration. */
function isAge(text: string): boolean {
  try {
    readRunOptions(text.trim() === "" ? {} : { headrace: { cacheMaxAge: text.trim() } });
    return true;
  } catch {
    return false;
  }
}

/** As kfp names runs: the pipeline and the time. A schedule has the pipeline's name. */
function defaultName(pipeline: string | undefined, { recurring, openedAt }: RunDraft): string {
  if (pipeline === undefined) return "";
  const time = new Date(openedAt - new Date(openedAt).getTimezoneOffset() * 60_000).toISOString();
  return recurring ? pipeline : `${pipeline} ${time.slice(0, 10)} ${time.slice(11, 19).replaceAll(":", "-")}`;
}

interface Chosen {
  readonly version: PipelineVersion | undefined;
  readonly experiment: Experiment | undefined;
  readonly spec: unknown;
  readonly given: RunRequest["parameters"];
}

/** What would be sent; undefined while it is not known what is to run, or when. */
function requestFor(
  draft: RunDraft & { readonly name: string },
  { version, experiment, spec, given }: Chosen,
): RunRequest | undefined {
  const trigger = draft.recurring ? triggerOf(draft.trigger) : undefined;
  if (spec === undefined || (draft.recurring && trigger === undefined)) return undefined;
  return {
    name: draft.name,
    description: draft.description,
    experiment: experiment && { id: experiment.id, name: experiment.displayName },
    serviceAccount: draft.serviceAccount,
    pipelineRoot: draft.pipelineRoot.trim(),
    parameters: given,
    caching: draft.caching,
    cacheMaxAge: draft.caching ? draft.cacheMaxAge.trim() : "",
    keepGoing: draft.keepGoing,
    source:
      draft.pipeline === "" || version === undefined
        ? { spec }
        : { pipeline: version.pipeline, version: version.id, always: draft.recurring && draft.version === "", spec },
    schedule: trigger && {
      trigger,
      startAt: instantOf(draft.trigger.start),
      endAt: instantOf(draft.trigger.end),
      catchUp: draft.trigger.catchUp,
      maxConcurrency: Number(draft.trigger.maxConcurrency),
    },
  };
}
