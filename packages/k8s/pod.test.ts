import assert from "node:assert/strict";
import { test } from "node:test";
import { admit, applyStrategicMerge, freeze, prune } from "@headrace/model";
import {
  Pod,
  podResources,
  qosClass,
  summarise,
  type Container,
  type ContainerStatus,
  type PodStatus,
} from "./index.ts";

const container = (fields: object = {}): Container => ({ name: "main", image: "python:3.11", ...fields });
const pod = (spec: object = {}, metadata: object = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "a", ...metadata },
  spec: { containers: [container()], ...spec },
});

function admitted(value: object, old?: Pod, subresource = ""): Pod {
  const { object, causes } = admit(Pod, freeze(value), old, subresource);
  assert.ok(object, JSON.stringify(causes));
  return object;
}

const refused = (spec: object, old?: Pod): string[] =>
  (admit(Pod, freeze(pod(spec)), old).causes ?? []).map(({ field, message }) => `${field}: ${message}`);

test("a small pod is completed as Kubernetes completes it", () => {
  assert.deepEqual(admitted(pod()), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "a" },
    spec: {
      containers: [
        {
          name: "main",
          image: "python:3.11",
          imagePullPolicy: "IfNotPresent",
          resources: {},
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "File",
        },
      ],
      dnsPolicy: "ClusterFirst",
      enableServiceLinks: true,
      preemptionPolicy: "PreemptLowerPriority",
      priority: 0,
      restartPolicy: "Always",
      schedulerName: "default-scheduler",
      securityContext: {},
      serviceAccount: "default",
      serviceAccountName: "default",
      terminationGracePeriodSeconds: 30,
    },
    status: { phase: "Pending", qosClass: "BestEffort" },
  });
});

test("completing a complete pod changes nothing", () => {
  const once = admitted(
    pod({
      hostNetwork: true,
      volumes: [{ name: "v" }],
      containers: [container({ ports: [{ containerPort: 80 }], resources: { limits: { cpu: "1" } } })],
    }),
  );
  assert.deepEqual(once.spec.volumes, [{ name: "v", emptyDir: {} }]);
  assert.deepEqual(once.spec.containers[0]?.ports, [{ containerPort: 80, hostPort: 80, protocol: "TCP" }]);
  assert.deepEqual(once.spec.containers[0]?.resources, { limits: { cpu: "1" }, requests: { cpu: "1" } });
  assert.deepEqual(admitted(once, once), once);
});

test("an update that leaves out what the server filled in is no change", () => {
  const old = admitted(pod());
  assert.deepEqual(admitted({ ...pod(), status: old.status }, old), old);
});

test("the image's tag decides when it is pulled", () => {
  const policy = (image: string): string | undefined =>
    admitted(pod({ containers: [container({ image })] })).spec.containers[0]?.imagePullPolicy;
  assert.equal(policy("python"), "Always");
  assert.equal(policy("host:5000/python"), "Always");
  assert.equal(policy("host:5000/python:latest"), "Always");
  assert.equal(policy("python:3.11"), "IfNotPresent");
  assert.equal(policy("python@sha256:abc"), "IfNotPresent");
});

test("probes and volumes get their defaults", () => {
  const { spec } = admitted(
    pod({
      containers: [
        container({ livenessProbe: { httpGet: { port: "http" } }, volumeMounts: [{ name: "c", mountPath: "/c" }] }),
      ],
      volumes: [{ name: "c", configMap: { name: "settings" } }],
    }),
  );
  assert.deepEqual(spec.containers[0]?.livenessProbe, {
    httpGet: { port: "http", path: "/", scheme: "HTTP" },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  assert.deepEqual(spec.volumes, [{ name: "c", configMap: { name: "settings", defaultMode: 0o644 } }]);
});

test("what is wrong with a pod is said with upstream's paths and words", () => {
  assert.deepEqual(refused({ containers: [] }), ["spec.containers: Required value"]);
  assert.deepEqual(refused({ containers: [{ name: "", image: "x" }] }), ["spec.containers[0].name: Required value"]);
  assert.deepEqual(refused({ containers: [{ name: "a" }] }), ["spec.containers[0].image: Required value"]);
  assert.deepEqual(refused({ containers: [container(), container()] }), [
    'spec.containers[1].name: Duplicate value: "main"',
  ]);
  assert.deepEqual(refused({ restartPolicy: "Sometimes" }), [
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
  ]);
  assert.deepEqual(refused({ containers: [container({ volumeMounts: [{ name: "x", mountPath: "/x" }] })] }), [
    'spec.containers[0].volumeMounts[0].name: Not found: "x"',
  ]);
  assert.deepEqual(refused({ volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/" } }] }), [
    "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
  ]);
  assert.deepEqual(refused({ containers: [container({ ports: [{ containerPort: 70000 }] })] }), [
    "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
  ]);
  assert.deepEqual(
    refused({ containers: [container({ resources: { requests: { memory: "2Gi" }, limits: { memory: "1Gi" } } })] }),
    ['spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi'],
  );
  assert.deepEqual(
    refused({ containers: [container({ resources: { limits: { "nvidia.com/gpu": "500m" } } })] }).at(0),
    'spec.containers[0].resources.limits[nvidia.com/gpu]: Invalid value: "500m": must be an integer',
  );
  assert.deepEqual(
    refused({
      containers: [
        container({ env: [{ name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
      ],
    }),
    ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
  );
  assert.deepEqual(refused({ containers: [container({ livenessProbe: {} })] }), [
    "spec.containers[0].livenessProbe: Required value: must specify a handler type",
  ]);
  assert.deepEqual(
    refused({ initContainers: [container({ name: "i", readinessProbe: { exec: { command: ["x"] } } })] }),
    [
      "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
  );
  assert.deepEqual(
    refused({
      containers: [container({ volumeMounts: [{ name: "v", mountPath: "/v", subPath: "../x" }] })],
      volumes: [{ name: "v" }],
    }),
    ["spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../x\": must not contain '..'"],
  );
  assert.deepEqual(
    refused({ tolerations: [{ operator: "Exists", value: "x" }], nodeSelector: { a: "b c" } }).length,
    2,
  );
  assert.deepEqual(
    refused({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "In" }] }],
          },
        },
      },
    }),
    [
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
  );
});

test("unknown fields are found deep inside", () => {
  const { unknown } = prune(Pod.schema, pod({ junk: 1, containers: [container({ resource: {} })] }));
  assert.deepEqual(unknown, ["spec.containers[0].resource", "spec.junk"]);
});

test("a pod's spec is fixed, but for what Kubernetes lets change", () => {
  const old = admitted(pod({ tolerations: [{ key: "a", operator: "Exists" }], activeDeadlineSeconds: 100 }));
  const changed = (spec: object): string[] => {
    const next = { ...old, spec: { ...old.spec, ...spec } };
    return (admit(Pod, freeze(next), old).causes ?? []).map(({ field = "", reason }) => `${field} ${reason}`);
  };
  assert.deepEqual(changed({ containers: [container({ image: "other:1", imagePullPolicy: "IfNotPresent" })] }), []);
  assert.deepEqual(changed({ tolerations: [...(old.spec.tolerations ?? []), { key: "b", operator: "Exists" }] }), []);
  assert.deepEqual(changed({ activeDeadlineSeconds: 50 }), []);
  assert.deepEqual(changed({ activeDeadlineSeconds: 200 }), ["spec.activeDeadlineSeconds FieldValueInvalid"]);
  assert.deepEqual(changed({ tolerations: [] }), ["spec.tolerations FieldValueForbidden"]);
  assert.deepEqual(changed({ containers: [container({ command: ["x"] })] }), ["spec FieldValueForbidden"]);
  assert.deepEqual(changed({ hostNetwork: true }), ["spec FieldValueForbidden"]);
});

test("binding and status don't count as changes of the spec", () => {
  const old = admitted(pod());
  admitted({ ...old, spec: { ...old.spec, nodeName: "n" } }, old, "binding");
  admitted({ ...old, status: { phase: "Running" } }, old, "status");
});

test("strategic patches join containers by name and mounts by path", () => {
  const value = pod({ containers: [container({ volumeMounts: [{ name: "v", mountPath: "/a" }] })] });
  const patched = applyStrategicMerge(Pod.schema, value, {
    spec: { containers: [{ name: "main", volumeMounts: [{ mountPath: "/a", readOnly: true }] }] },
  });
  assert.deepEqual(
    patched,
    pod({ containers: [container({ volumeMounts: [{ name: "v", mountPath: "/a", readOnly: true }] })] }),
  );
});

test("grace is the pod's own once it has a node, and none before or after its life", () => {
  const grace = (spec: object, status: PodStatus = {}): number | undefined =>
    Pod.gracePeriodSeconds?.({ ...admitted(pod(spec)), status });
  assert.equal(grace({}), 0);
  assert.equal(grace({ nodeName: "n" }), 30);
  assert.equal(grace({ nodeName: "n", terminationGracePeriodSeconds: 5 }), 5);
  assert.equal(grace({ nodeName: "n" }, { phase: "Succeeded" }), 0);
});

test("what a pod asks of a node is the larger of its start and its life", () => {
  const sized = (name: string, cpu: string, fields: object = {}): Container =>
    container({ name, resources: { requests: { cpu } }, ...fields });
  const { spec } = admitted(
    pod({
      containers: [sized("a", "1"), sized("b", "500m")],
      initContainers: [sized("big", "3"), sized("side", "250m", { restartPolicy: "Always" }), sized("late", "1")],
    }),
  );
  assert.deepEqual(podResources(spec), { cpu: "3" });
  assert.deepEqual(podResources({ ...spec, initContainers: [] }), { cpu: "1500m" });
  assert.equal(qosClass(spec), "Burstable");
  const full = { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } };
  assert.equal(qosClass({ containers: [container({ resources: full })] }), "Guaranteed");
});

const running: ContainerStatus = {
  name: "main",
  ready: true,
  restartCount: 0,
  image: "",
  imageID: "",
  state: { running: {} },
};
const said = (status: PodStatus, spec: object = {}, metadata: object = {}): string => {
  const { status: word, ready } = summarise({
    ...admitted(pod(spec)),
    metadata: { name: "p", namespace: "a", ...metadata },
    status,
  });
  return `${ready} ${word}`;
};

test("kubectl's one word for a pod is the most telling reason", () => {
  const ended = (exitCode: number, reason?: string): ContainerStatus => ({
    ...running,
    ready: false,
    state: { terminated: { exitCode, ...(reason && { reason }) } },
  });
  const waiting = (reason: string): ContainerStatus => ({ ...running, ready: false, state: { waiting: { reason } } });
  const init = { initContainers: [container({ name: "i" }), container({ name: "j" })] };
  const containerStatuses = [waiting("PodInitializing")];
  assert.equal(said({ phase: "Pending" }), "0/1 Pending");
  assert.equal(said({ phase: "Running", containerStatuses: [running] }), "1/1 Running");
  assert.equal(said({ phase: "Running", containerStatuses: [waiting("CrashLoopBackOff")] }), "0/1 CrashLoopBackOff");
  assert.equal(said({ phase: "Succeeded", containerStatuses: [ended(0, "Completed")] }), "0/1 Completed");
  assert.equal(said({ phase: "Failed", containerStatuses: [ended(137)] }), "0/1 ExitCode:137");
  assert.equal(said({ phase: "Failed", reason: "Evicted" }), "0/1 Evicted");
  assert.equal(
    said(
      {
        phase: "Pending",
        initContainerStatuses: [
          { ...ended(0), name: "i" },
          { ...running, name: "j" },
        ],
        containerStatuses,
      },
      init,
    ),
    "0/1 Init:1/2",
  );
  assert.equal(
    said({ phase: "Pending", initContainerStatuses: [{ ...ended(1, "Error"), name: "i" }], containerStatuses }, init),
    "0/1 Init:Error",
  );
  assert.equal(
    said(
      { phase: "Pending", initContainerStatuses: [{ ...waiting("ImagePullBackOff"), name: "i" }], containerStatuses },
      init,
    ),
    "0/1 Init:ImagePullBackOff",
  );
  assert.equal(
    said({ phase: "Running", containerStatuses: [running] }, {}, { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    "1/1 Terminating",
  );
  const gated: PodStatus = {
    phase: "Pending",
    conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
  };
  assert.equal(said(gated), "0/1 SchedulingGated");
  const two = { containers: [container(), container({ name: "side" })] };
  const half: PodStatus = {
    phase: "Running",
    containerStatuses: [ended(0, "Completed"), { ...running, name: "side" }],
    conditions: [{ type: "Ready", status: "False" }],
  };
  assert.equal(said(half, two), "1/2 NotReady");
});

test("sidecars count as containers once they started", () => {
  const spec = { initContainers: [container({ name: "side", restartPolicy: "Always" })] };
  assert.equal(
    said(
      {
        phase: "Running",
        initContainerStatuses: [{ ...running, name: "side", started: true }],
        containerStatuses: [running],
      },
      spec,
    ),
    "2/2 Running",
  );
});

test("restarts are told with the time of the last", () => {
  const status: PodStatus = {
    phase: "Running",
    containerStatuses: [
      { ...running, restartCount: 2, lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-01T00:00:00Z" } } },
    ],
  };
  const column = Pod.columns.find((each) => each.name === "Restarts");
  const restarted: Pod = { ...admitted(pod()), status };
  assert.equal(column?.value(restarted, Date.parse("2026-01-01T00:03:00Z")), "2 (3m ago)");
});
