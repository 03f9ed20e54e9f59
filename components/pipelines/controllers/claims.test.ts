import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Client } from "@headrace/client";
import { PersistentVolumeClaim, Pod } from "@headrace/k8s";
import { ApiError, stepIOAnnotation } from "@headrace/model";
import { eventually } from "@headrace/model/testing";
import { type Bench, createBench } from "../testing/index.ts";

const text = { parameterType: "STRING" };
const constant = (value: unknown) => ({ runtimeValue: { constant: value } });
const output = (producerTask: string, outputParameterKey: string) => ({
  taskOutputParameter: { producerTask, outputParameterKey },
});
const optional = (parameterType: string) => ({ parameterType, isOptional: true });

const components = {
  "comp-createpvc": {
    executorLabel: "exec-createpvc",
    inputDefinitions: {
      parameters: {
        access_modes: { parameterType: "LIST" },
        size: text,
        pvc_name: optional("STRING"),
        pvc_name_suffix: optional("STRING"),
        storage_class_name: { ...optional("STRING"), defaultValue: "" },
        annotations: optional("STRUCT"),
      },
    },
    outputDefinitions: { parameters: { name: text } },
  },
  "comp-deletepvc": { executorLabel: "exec-deletepvc", inputDefinitions: { parameters: { pvc_name: text } } },
  "comp-use": { executorLabel: "exec-use", inputDefinitions: { parameters: { path: optional("STRING") } } },
  "comp-read": {
    executorLabel: "exec-use",
    inputDefinitions: { artifacts: { data: { artifactType: { schemaTitle: "system.Dataset" } } } },
  },
  "comp-import": {
    executorLabel: "exec-import",
    outputDefinitions: { artifacts: { artifact: { artifactType: { schemaTitle: "system.Dataset" } } } },
  },
};

const python = (name: string) => ({
  container: {
    image: "python:3.11",
    command: ["python3", "-c", ""],
    args: ["--executor_input", "{{$}}", "--function_to_execute", name],
  },
});

const create = (parameters: Record<string, unknown>, enableCache = false) => ({
  componentRef: { name: "comp-createpvc" },
  cachingOptions: enableCache ? { enableCache } : {},
  inputs: {
    parameters: Object.fromEntries(
      Object.entries({ access_modes: ["ReadWriteOnce"], size: "1Gi", ...parameters }).map(([name, value]) => [
        name,
        constant(value),
      ]),
    ),
  },
});
const remove = (source: object, ...dependentTasks: readonly string[]) => ({
  componentRef: { name: "comp-deletepvc" },
  dependentTasks,
  inputs: { parameters: { pvc_name: source } },
});
const use = (...dependentTasks: readonly string[]) => ({ componentRef: { name: "comp-use" }, dependentTasks });

interface Platform {
  readonly use?: object;
  readonly config?: object;
  readonly importer?: object;
}

function pipeline(
  tasks: Record<string, object>,
  { use: settings = {}, config = {}, importer = {} }: Platform = {},
): string {
  return JSON.stringify({
    pipeline_spec: {
      schemaVersion: "2.1.0",
      pipelineInfo: { name: "volumes" },
      components,
      deploymentSpec: {
        executors: {
          "exec-createpvc": { container: { image: "argostub/createpvc" } },
          "exec-deletepvc": { container: { image: "argostub/deletepvc" } },
          "exec-use": python("use"),
          "exec-import": {
            importer: {
              artifactUri: { constant: "minio://mlpipeline/data/rows" },
              typeSchema: { schemaTitle: "system.Dataset" },
              ...importer,
            },
          },
        },
      },
      root: { dag: { tasks } },
    },
    platform_spec: {
      platforms: {
        kubernetes: { deploymentSpec: { executors: { "exec-use": settings } }, pipelineConfig: config },
      },
    },
  });
}

const claims = (bench: Bench) => bench.api.client.resource(PersistentVolumeClaim);
const names = async (bench: Bench) => (await claims(bench).list()).items.map(({ metadata }) => metadata.name ?? "");

/** Nothing but a controller of storage lets go of claims; here nothing uses them. */
async function letGo(bench: Bench): Promise<void> {
  for (const { metadata } of (await claims(bench).list()).items) {
    if (metadata.deletionTimestamp === undefined) continue;
    const key = { namespace: "kubeflow", name: metadata.name ?? "" };
    await claims(bench).patch(key, { type: "merge", body: { metadata: { finalizers: null } } });
  }
}

describe("claim tasks", () => {
  test("make a claim that steps mount by the name that it got, and delete it again", async () => {
    const pods: Pod[] = [];
    await using bench = await createBench(({ pod }) => (pods.push(pod), {}));
    const tasks = {
      createpvc: create({ pvc_name_suffix: "-data", annotations: { a: 1 } }),
      use: use("createpvc"),
      deletepvc: remove(output("createpvc", "name"), "use"),
    };
    const mount = { pvcNameParameter: output("createpvc", "name"), mountPath: "/data", subPath: "in" };
    const ended = await bench.run(pipeline(tasks, { use: { pvcMount: [mount] } }));
    assert.equal(ended.run.state, "SUCCEEDED", ended.run.error ?? "");
    const name = String(ended.outputs("root/createpvc")["name"]);
    assert.match(name, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-data$/);
    assert.deepEqual(bench.node.ran, ["use"]);
    assert.deepEqual(pods[0]?.spec.volumes, [{ name, persistentVolumeClaim: { claimName: name } }]);
    assert.deepEqual(pods[0]?.spec.containers[0]?.volumeMounts, [{ name, mountPath: "/data", subPath: "in" }]);
    const claim = await claims(bench).get({ namespace: "kubeflow", name });
    assert.ok(claim.metadata.deletionTimestamp);
    assert.deepEqual(claim.metadata.annotations, { a: "1" });
    assert.equal(claim.spec.storageClassName, undefined, "the default of the component is the cluster's");
  });

  const refusals: readonly [what: string, tasks: Record<string, object>, says: RegExp][] = [
    ["two names", { createpvc: create({ pvc_name: "a", pvc_name_suffix: "b" }) }, /at most one of pvc_name/],
    [
      "a size that is none",
      { createpvc: create({ size: "big" }) },
      /resources\.requests\[storage\].*quantities must match/,
    ],
    ["an access mode that is none", { createpvc: create({ access_modes: ["Any"] }) }, /Unsupported value: Any/],
    ["a claim that is not there", { deletepvc: remove(constant("none")) }, /cannot find claim "none"/],
  ];
  for (const [what, tasks, says] of refusals) {
    test(`fail for ${what}`, async () => {
      await using bench = await createBench(() => ({}));
      const ended = await bench.run(pipeline(tasks));
      assert.equal(ended.run.state, "FAILED");
      assert.match(ended.run.error ?? "", says);
    });
  }

  test("leave a claim of somebody else's alone", async () => {
    await using bench = await createBench(() => ({}));
    await claims(bench).create({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { namespace: "kubeflow", name: "mine" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    });
    const ended = await bench.run(pipeline({ createpvc: create({ pvc_name: "mine" }) }));
    assert.match(ended.run.error ?? "", /"mine" already exists, and belongs to something else/);
  });

  test("are reused from the cache while the claim is there, and the names of claims are part of steps' keys", async () => {
    await using bench = await createBench(() => ({}));
    const tasks = (name: string) => ({
      createpvc: create({ pvc_name: name }, true),
      use: { ...use("createpvc"), cachingOptions: { enableCache: true } },
    });
    const mount = (claim: string) => ({ pvcMount: [{ constant: claim, mountPath: "/data" }] });
    const run = (name: string) => bench.run(pipeline(tasks(name), { use: mount(name) }));
    assert.equal((await run("one")).states["root/createpvc"], "SUCCEEDED");
    const again = await run("one");
    assert.deepEqual([again.states["root/createpvc"], again.states["root/use"]], ["CACHED", "CACHED"]);
    assert.deepEqual(again.outputs("root/createpvc"), { name: "one" });
    assert.equal((await run("two")).states["root/use"], "SUCCEEDED");
    await claims(bench).delete({ namespace: "kubeflow", name: "one" });
    await letGo(bench);
    assert.equal((await run("one")).states["root/createpvc"], "SUCCEEDED");
    assert.deepEqual((await names(bench)).toSorted(), ["one", "two"]);
  });

  /** The engine is killed right after the API has carried a call out, before it could hear of it. */
  for (const verb of ["create", "delete"] as const) {
    test(`that were interrupted after their ${verb} are done once`, async () => {
      let kill = (): void => {};
      const wrapClient = (client: Client): Client => ({
        ...client,
        resource: (definition) => {
          const inner = client.resource(definition);
          if (definition.kind !== "PersistentVolumeClaim") return inner;
          return {
            ...inner,
            [verb]: async (...args: [never, never]) => {
              await inner[verb](...args);
              kill();
              throw new ApiError("ServiceUnavailable", "killed");
            },
          };
        },
      });
      await using bench = await createBench(() => ({}), { wrapClient });
      let killed = false;
      kill = () => {
        if (!killed) bench.kill();
        killed = true;
      };
      await claims(bench).create({
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { namespace: "kubeflow", name: "old" },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
      });
      await claims(bench).patch(
        { namespace: "kubeflow", name: "old" },
        { type: "merge", body: { metadata: { finalizers: null } } },
      );
      const run = await bench.submit(pipeline({ createpvc: create({}), deletepvc: remove(constant("old")) }));
      await eventually("the engine was killed", () => killed);
      await bench.restart();
      const ended = await bench.ended(run);
      assert.equal(ended.run.state, "SUCCEEDED", ended.run.error ?? "");
      const left = await names(bench);
      assert.equal(left.length, 1);
      assert.equal(left[0], ended.outputs("root/createpvc")["name"]);
    });
  }
});

describe("a workspace", () => {
  const config = { workspace: { size: "2Gi", kubernetes: { pvcSpecPatch: { storageClassName: "fast" } } } };
  const told = {
    ...use(),
    cachingOptions: { enableCache: true },
    inputs: { parameters: { path: constant("{{$.workspace_path}}/out") } },
  };

  test("is a claim of the run's, mounted where it is spoken of, that goes with success", async () => {
    const pods: Pod[] = [];
    await using bench = await createBench(({ pod }) => (pods.push(pod), {}));
    const ended = await bench.run(pipeline({ told, untold: use("told") }, { config }));
    assert.equal(ended.run.state, "SUCCEEDED", ended.run.error ?? "");
    assert.deepEqual(ended.inputs("root/told"), { path: "/kfp-workspace/out" });
    const [first, second] = pods;
    const name = `${ended.run.resource_name}-kfp-workspace`;
    assert.deepEqual(first?.spec.volumes, [{ name: "kfp-workspace", persistentVolumeClaim: { claimName: name } }]);
    assert.deepEqual(first?.spec.containers[0]?.volumeMounts, [{ name: "kfp-workspace", mountPath: "/kfp-workspace" }]);
    assert.equal(second?.spec.volumes, undefined);
    const claim = await eventually("the claim is being deleted", async () => {
      const found = await claims(bench).get({ namespace: "kubeflow", name });
      return found.metadata.deletionTimestamp !== undefined && found;
    });
    assert.equal(claim.spec.storageClassName, "fast");
    assert.deepEqual(claim.spec.resources, { requests: { storage: "2Gi" } });
  });

  test("of a run that failed waits for a retry, and goes with the run", async () => {
    let exitCode = 1;
    await using bench = await createBench(() => ({ exitCode }));
    const run = await bench.submit(pipeline({ told }, { config }));
    assert.equal((await bench.ended(run)).run.state, "FAILED");
    assert.equal((await claims(bench).list()).items[0]?.metadata.deletionTimestamp, undefined);
    exitCode = 1;
    await bench.engine.retry(run);
    await bench.ended(run);
    await bench.engine.forget(run);
    await eventually("the claim is being deleted", async () =>
      Boolean((await claims(bench).list()).items[0]?.metadata.deletionTimestamp),
    );
  });

  test("of a run that succeeded goes, also if the engine was killed before it could say so", async () => {
    let isHeld = true;
    const held = new ApiError("ServiceUnavailable", "held");
    await using bench = await createBench(() => ({}), {
      wrapClient: (client) => ({
        ...client,
        resource: (definition) => {
          const inner = client.resource(definition);
          if (definition.kind !== "PersistentVolumeClaim") return inner;
          return { ...inner, delete: async (...args) => (isHeld ? Promise.reject(held) : inner.delete(...args)) };
        },
      }),
    });
    await bench.run(pipeline({ told }, { config }));
    bench.kill();
    isHeld = false;
    assert.equal((await claims(bench).list()).items[0]?.metadata.deletionTimestamp, undefined);
    await bench.restart();
    await eventually("the claim is being deleted", async () =>
      Boolean((await claims(bench).list()).items[0]?.metadata.deletionTimestamp),
    );
  });

  test("takes what an importer puts into it by a step of its own, and steps find it there", async () => {
    const seen: { name: string; pod: Pod }[] = [];
    await using bench = await createBench(({ name, pod }) => (seen.push({ name, pod }), {}));
    bench.shelf.uris.add("minio://mlpipeline/data/rows");
    const imported = { componentRef: { name: "comp-import" } };
    const read = {
      componentRef: { name: "comp-read" },
      cachingOptions: { enableCache: true },
      inputs: {
        artifacts: { data: { taskOutputArtifact: { producerTask: "imported", outputArtifactKey: "artifact" } } },
      },
    };
    const ended = await bench.run(pipeline({ imported, read }, { config, importer: { downloadToWorkspace: true } }));
    assert.equal(ended.run.state, "SUCCEEDED", ended.run.error ?? "");
    const [copy, reader] = seen;
    const path = "/kfp-workspace/.artifacts/minio/mlpipeline/data/rows";
    assert.deepEqual(copy?.pod.spec.containers[0]?.args, ["/minio/mlpipeline/data/rows", path]);
    const input = JSON.parse(reader?.pod.spec.containers[0]?.args?.[1] ?? "{}").inputs.artifacts.data.artifacts[0];
    assert.deepEqual(input.metadata, { _kfp_workspace: true });
    const { artifacts } = JSON.parse(reader?.pod.metadata.annotations?.[stepIOAnnotation] ?? "{}");
    assert.deepEqual(artifacts, [], "it is not mounted a second time");
    assert.match(JSON.stringify(reader?.pod.spec.volumes), /kfp-workspace/);
    const failed = await bench.run(pipeline({ imported }, { importer: { downloadToWorkspace: true } }));
    assert.match(failed.run.error ?? "", /Cannot import into the workspace: the pipeline has none/);
  });

  test("is tried again by an importer that has retries, and not at all by one whose condition does not hold", async () => {
    let failures = 2;
    await using bench = await createBench(() => ({ exitCode: failures-- > 0 ? 1 : 0 }));
    bench.shelf.uris.add("minio://mlpipeline/data/rows");
    const imported = { componentRef: { name: "comp-import" }, retryPolicy: { maxRetryCount: 2 } };
    const passedOver = { componentRef: { name: "comp-import" }, triggerPolicy: { condition: "1 == 2" } };
    const ended = await bench.run(
      pipeline({ imported, passedOver }, { config, importer: { downloadToWorkspace: true } }),
    );
    assert.deepEqual(ended.states, {
      root: "SUCCEEDED",
      "root/imported": "SUCCEEDED",
      "root/passedOver": "SKIPPED",
    });
    assert.equal(bench.node.ran.length, 3);
  });

  test("leaves its place to nobody else", async () => {
    await using bench = await createBench(() => ({}));
    const mount = { emptyDirMounts: [{ volumeName: "tmp", mountPath: "/kfp-workspace/tmp" }] };
    const ended = await bench.run(pipeline({ told }, { config, use: mount }));
    assert.match(ended.run.error ?? "", /Cannot mount volume "tmp" at \/kfp-workspace\/tmp/);
  });
});

describe("what a run leaves in Kubernetes", () => {
  const left = async (bench: Bench) => (await bench.api.client.resource(Pod).list()).items.length;

  test("goes when the time is over that the pipeline gives for how it ended", async () => {
    let exitCode = 0;
    await using bench = await createBench(() => ({ exitCode }));
    const config = { resourceTtlOnCompletion: 100, resourceTtlOnSuccess: 10 };
    await bench.run(pipeline({ use: use() }, { config }));
    assert.equal(await left(bench), 1);
    await bench.clock.advance(9_000);
    assert.equal(await left(bench), 1);
    await bench.clock.advance(2_000);
    await eventually("the pod is gone", async () => (await left(bench)) === 0);
    exitCode = 1;
    await bench.run(pipeline({ use: use() }, { config }));
    await bench.clock.advance(50_000);
    assert.equal(await left(bench), 1);
    bench.kill();
    await bench.clock.advance(60_000);
    assert.equal(await left(bench), 1);
    await bench.restart();
    await bench.clock.advance(1);
    await eventually("the pod is gone", async () => (await left(bench)) === 0);
  });
});
