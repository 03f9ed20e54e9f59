import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  advance,
  type ContainerEvent,
  type ContainerKind,
  type ContainerState,
  newContainer,
} from "./container-state.ts";
import { type Action, plan, type PodPlan } from "./plan.ts";

const now = 1_000_000;

function container(name: string, kind: ContainerKind, ...events: ContainerEvent[]): ContainerState {
  return events.reduce(advance, newContainer(name, kind));
}

const start: ContainerEvent = { type: "start" };
const started: ContainerEvent = { type: "started", at: now };
const stop: ContainerEvent = { type: "stop" };
const ended = (exitCode: number): ContainerEvent => ({
  type: "ended",
  ended: {
    exitCode,
    reason: exitCode === 0 ? "Completed" : "Error",
    message: "",
    startedAt: now,
    finishedAt: now,
    restarts: 0,
  },
});

const waits = (name = "main", kind: ContainerKind = "main") => container(name, kind);
const runs = (name = "main", kind: ContainerKind = "main") => container(name, kind, start, started);
const isOver = (exitCode: number, name = "main", kind: ContainerKind = "main") =>
  container(name, kind, start, started, ended(exitCode));

function pod(overrides: Partial<PodPlan>): PodPlan {
  return {
    restartPolicy: "Never",
    containers: [],
    starting: new Set(),
    volumes: "ready",
    volumesNotBefore: 0,
    ending: undefined,
    deadline: undefined,
    finished: false,
    ...overrides,
  };
}

const cases: readonly { readonly what: string; readonly pod: PodPlan; readonly actions: readonly Action[] }[] = [
  {
    what: "volumes come before containers",
    pod: pod({ volumes: "missing", containers: [waits()] }),
    actions: [{ do: "prepare" }],
  },
  {
    what: "volumes that failed wait for their time",
    pod: pod({ volumes: "missing", volumesNotBefore: now + 5, containers: [waits()] }),
    actions: [{ do: "wake", at: now + 5 }],
  },
  {
    what: "nothing starts while volumes are prepared",
    pod: pod({ volumes: "preparing", containers: [waits()] }),
    actions: [],
  },
  {
    what: "a pod that was taken over ends without its volumes",
    pod: pod({ volumes: "missing", volumesNotBefore: now + 5, containers: [isOver(0)] }),
    actions: [{ do: "finish", phase: "Succeeded" }],
  },
  {
    what: "volumes of a pod that was taken over are brought up to date",
    pod: pod({ volumes: "missing", containers: [runs()] }),
    actions: [{ do: "prepare" }],
  },
  {
    what: "main containers start together",
    pod: pod({ containers: [waits("a"), waits("b")] }),
    actions: [
      { do: "start", container: "a" },
      { do: "start", container: "b" },
    ],
  },
  {
    what: "the second init container waits for the first",
    pod: pod({ containers: [runs("a", "init"), waits("b", "init"), waits()] }),
    actions: [],
  },
  {
    what: "main containers wait for the last init container",
    pod: pod({ containers: [isOver(0, "a", "init"), waits("b", "init"), waits()] }),
    actions: [{ do: "start", container: "b" }],
  },
  {
    what: "a failed init container ends a pod that never restarts",
    pod: pod({ containers: [isOver(1, "a", "init"), waits()] }),
    actions: [{ do: "finish", phase: "Failed" }],
  },
  {
    what: "a failed init container is restarted otherwise",
    pod: pod({ restartPolicy: "OnFailure", containers: [isOver(1, "a", "init"), waits()] }),
    actions: [{ do: "restart", container: "a" }],
  },
  {
    what: "main containers start once a sidecar runs",
    pod: pod({ containers: [runs("proxy", "sidecar"), waits()] }),
    actions: [{ do: "start", container: "main" }],
  },
  {
    what: "main containers wait for the sidecar's startup probe",
    pod: pod({ containers: [runs("proxy", "sidecar"), waits()], starting: new Set(["proxy"]) }),
    actions: [],
  },
  {
    what: "sidecars are ended when the work is done",
    pod: pod({ containers: [runs("proxy", "sidecar"), isOver(0)] }),
    actions: [{ do: "end", reason: "" }],
  },
  {
    what: "a sidecar's status decides nothing",
    pod: pod({
      containers: [isOver(143, "proxy", "sidecar"), isOver(0)],
      ending: { reason: "", message: "", killAt: now },
    }),
    actions: [{ do: "finish", phase: "Succeeded" }],
  },
  {
    what: "success of all is success",
    pod: pod({ containers: [isOver(0, "a"), isOver(0, "b")] }),
    actions: [{ do: "finish", phase: "Succeeded" }],
  },
  {
    what: "failure of one is failure",
    pod: pod({ containers: [isOver(0, "a"), isOver(1, "b")] }),
    actions: [{ do: "finish", phase: "Failed" }],
  },
  {
    what: "OnFailure leaves what succeeded",
    pod: pod({ restartPolicy: "OnFailure", containers: [isOver(0, "a"), isOver(1, "b")] }),
    actions: [{ do: "restart", container: "b" }],
  },
  {
    what: "Always restarts what succeeded as well",
    pod: pod({ restartPolicy: "Always", containers: [isOver(0)] }),
    actions: [{ do: "restart", container: "main" }],
  },
  {
    what: "a restart waits for its time",
    pod: pod({ restartPolicy: "Always", containers: [advance(isOver(1), { type: "restart", now })] }),
    actions: [{ do: "wake", at: now + 10_000 }],
  },
  {
    what: "a deadline is watched",
    pod: pod({ containers: [runs()], deadline: now + 1 }),
    actions: [{ do: "wake", at: now + 1 }],
  },
  {
    what: "a deadline that is over ends the pod",
    pod: pod({ containers: [runs()], deadline: now }),
    actions: [{ do: "end", reason: "DeadlineExceeded" }],
  },
  {
    what: "an ending pod stops its main containers before its sidecars",
    pod: pod({ containers: [runs("proxy", "sidecar"), runs()], ending: { reason: "", message: "", killAt: now + 9 } }),
    actions: [
      { do: "stop", container: "main" },
      { do: "wake", at: now + 9 },
    ],
  },
  {
    what: "what is stopping is not stopped again",
    pod: pod({
      containers: [container("main", "main", start, started, stop)],
      ending: { reason: "", message: "", killAt: now + 9 },
    }),
    actions: [{ do: "wake", at: now + 9 }],
  },
  {
    what: "at the end of the grace everything is killed",
    pod: pod({ containers: [runs("proxy", "sidecar"), runs()], ending: { reason: "", message: "", killAt: now } }),
    actions: [
      { do: "kill", container: "proxy" },
      { do: "kill", container: "main" },
    ],
  },
  {
    what: "a pod that never ran is failed when it ends",
    pod: pod({ containers: [waits()], ending: { reason: "", message: "", killAt: now } }),
    actions: [{ do: "finish", phase: "Failed" }],
  },
  { what: "a finished pod is left alone", pod: pod({ containers: [isOver(0)], finished: true }), actions: [] },
];

describe("what a pod does next", () => {
  for (const { what, pod, actions } of cases) {
    test(what, () => assert.deepEqual(plan(pod, now), actions));
  }
});

describe("a container", () => {
  test("takes an exit that is told twice once", () => {
    const over = isOver(1);
    assert.equal(advance(over, ended(0)), over);
  });

  test("takes an exit that comes before its start was answered", () => {
    const over = container("main", "main", start, ended(0));
    assert.equal(advance(over, started), over);
  });

  test("waits twice as long after each failure, at most five minutes, and starts anew after ten minutes of health", () => {
    let state = waits();
    const delays: number[] = [];
    for (let round = 0; round < 7; round++) {
      state = [start, started, ended(1), { type: "restart" as const, now }].reduce(advance, state);
      delays.push((state.notBefore - now) / 1000);
    }
    assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
    const healthy = { ...ended(1) };
    if (healthy.type !== "ended") return;
    const later: ContainerEvent = { type: "ended", ended: { ...healthy.ended, finishedAt: now + 600_000 } };
    state = [start, started, later, { type: "restart" as const, now }].reduce(advance, state);
    assert.equal(state.notBefore, now + 600_000 + 10_000);
  });
});
