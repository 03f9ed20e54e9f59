import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonOf, pythonOf, requestOf, type RunRequest } from "./new-run-request.ts";

const spec = {
  root: { dag: { tasks: { train: { cachingOptions: { enableCache: true } } } } },
};
const asked: RunRequest = {
  name: "first",
  description: "",
  experiment: { id: "e-1", name: "Default" },
  serviceAccount: "",
  pipelineRoot: "",
  parameters: { epochs: 3, layers: [64, 32] },
  caching: true,
  cacheMaxAge: "",
  keepGoing: false,
  source: { pipeline: "p-1", version: "v-1", always: false, spec },
};

test("a run names the version, and says nothing that it was not given", () => {
  assert.deepEqual(requestOf(asked), {
    path: "/apis/v2beta1/runs",
    body: {
      display_name: "first",
      experiment_id: "e-1",
      pipeline_version_reference: { pipeline_id: "p-1", pipeline_version_id: "v-1" },
      runtime_config: { parameters: { epochs: 3, layers: [64, 32] } },
    },
  });
});

test("without caching the pipeline itself is sent, with caching off in it", () => {
  const { body } = requestOf({ ...asked, caching: false });
  assert.deepEqual(body["pipeline_spec"], { root: { dag: { tasks: { train: { cachingOptions: {} } } } } });
  assert.equal(body["pipeline_version_reference"], undefined);
  const platform = { platforms: {} };
  const wrapped = { pipeline_spec: spec, platform_spec: platform };
  const own = requestOf({ ...asked, caching: false, source: { spec: wrapped } }).body["pipeline_spec"];
  assert.deepEqual(own, {
    pipeline_spec: { root: { dag: { tasks: { train: { cachingOptions: {} } } } } },
    platform_spec: platform,
  });
});

test("a schedule has its trigger, and the pipeline alone if it follows the latest version", () => {
  const { path, body } = requestOf({
    ...asked,
    source: { pipeline: "p-1", version: "v-1", always: true, spec },
    schedule: {
      trigger: { intervalMs: 3_600_000 },
      startAt: undefined,
      endAt: "2026-12-01T00:00:00Z",
      catchUp: false,
      maxConcurrency: 2,
    },
  });
  assert.equal(path, "/apis/v2beta1/recurringruns");
  assert.deepEqual(body["pipeline_version_reference"], { pipeline_id: "p-1" });
  assert.deepEqual(body["trigger"], {
    periodic_schedule: { end_time: "2026-12-01T00:00:00Z", interval_second: "3600" },
  });
  assert.equal(body["max_concurrency"], "2");
  assert.equal(body["no_catchup"], true);
});

test("the same in Python is a call that kfp's client takes", () => {
  const text = pythonOf({ ...asked, parameters: { verbose: true, note: 'a "b"', options: { x: null } } }, "http://h");
  assert.equal(
    text,
    `from kfp import Client

client = Client(host="http://h")
experiment = client.get_experiment(experiment_name="Default")
client.run_pipeline(
    experiment_id=experiment.experiment_id,
    job_name="first",
    pipeline_id="p-1",
    version_id="v-1",
    params={
        "verbose": True,
        "note": "a \\"b\\"",
        "options": {"x": None},
    },
)
`,
  );
});

test("the body that is shown leaves a whole pipeline out", () => {
  assert.match(jsonOf({ ...asked, caching: false }), /^POST \/apis\/v2beta1\/runs\n\n[^]*"pipeline_spec": "…"/);
});

test("what KFP has no words for is sent as a plugin's input, and the Python says that it cannot", () => {
  const wanted = { ...asked, keepGoing: true, cacheMaxAge: "24h" };
  assert.deepEqual(requestOf(wanted).body["plugins_input"], { headrace: { keepGoing: true, cacheMaxAge: "24h" } });
  assert.match(pythonOf(wanted, "http://h"), /^# kfp has no argument for .*keepGoing/);
});
