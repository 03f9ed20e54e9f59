import { formatTime } from "./clock.ts";
import { s, type Schema } from "./schema.ts";

/** meta/v1 Condition, with the two times that Kubeflow's kinds have beside it. */
export interface Condition<Type extends string = string> {
  readonly type: Type;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
  /** When `status` changed last. */
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
  readonly lastProbeTime?: string | null;
}

/** The schema of a list of conditions. The types given are the kind's own, for the compiler; others are accepted, as upstream does. */
export function conditions<const Type extends string>(..._types: readonly Type[]): Schema<readonly Condition<Type>[]> {
  const condition: Schema<Condition<Type>> = s.object(
    { type: s.string() as Schema<Type>, status: s.string({ enum: ["True", "False", "Unknown"] }) },
    {
      reason: s.string(),
      message: s.string(),
      observedGeneration: s.integer({ format: "int64" }),
      lastTransitionTime: s.time(),
      lastUpdateTime: s.time(),
      lastProbeTime: s.nullable(s.time()),
    },
  );
  return s.listMap("type", condition);
}

export function findCondition<Type extends string>(
  list: readonly Condition<Type>[] | undefined,
  type: Type,
): Condition<Type> | undefined {
  return list?.find((condition) => condition.type === type);
}

export function isConditionTrue<Type extends string>(
  list: readonly Condition<Type>[] | undefined,
  type: Type,
): boolean {
  return findCondition(list, type)?.status === "True";
}

/**
 * The list with this condition in it: replaced where its type stands, else at the end. `lastTransitionTime` is `now` if the
 * status changed and as before otherwise; if nothing changed, the very list that came in.
 */
export function withCondition<Type extends string>(
  list: readonly Condition<Type>[] | undefined,
  condition: Omit<Condition<Type>, "lastTransitionTime">,
  now: number,
): readonly Condition<Type>[] {
  const old = findCondition(list, condition.type);
  if (!old) return [...(list ?? []), { ...condition, lastTransitionTime: formatTime(now) }];
  const lastTransitionTime = old.status === condition.status ? old.lastTransitionTime : undefined;
  const next: Condition<Type> = { ...condition, lastTransitionTime: lastTransitionTime ?? formatTime(now) };
  return list && sameCondition(old, next)
    ? list
    : (list ?? []).map((each) => (each.type === condition.type ? next : each));
}

function sameCondition(a: Condition, b: Condition): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration &&
    a.lastTransitionTime === b.lastTransitionTime &&
    a.lastUpdateTime === b.lastUpdateTime &&
    a.lastProbeTime === b.lastProbeTime
  );
}
