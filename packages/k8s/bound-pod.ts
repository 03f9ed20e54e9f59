import { formatTime } from "@headrace/model";
import type { Pod } from "./pod.ts";

/** The pod with its node, and the condition that says so. @param now milliseconds since the epoch. */
export function boundPod(pod: Pod, nodeName: string, now: number): Pod {
  const scheduled = { type: "PodScheduled", status: "True", lastTransitionTime: formatTime(now) } as const;
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== scheduled.type);
  return {
    ...pod,
    spec: { ...pod.spec, nodeName },
    status: { ...pod.status, conditions: [...others, scheduled] },
  };
}
