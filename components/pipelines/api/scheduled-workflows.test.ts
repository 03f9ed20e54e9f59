import assert from "node:assert/strict";
import { test } from "node:test";
import { isApiError, type StatusReason } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { type ScheduledWorkflow, scheduledWorkflows } from "../resources/index.ts";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";

const path = "/apis/v2beta1/recurringruns";
const namespace = "kubeflow";

const schedules = ({ objects }: TestFace) => objects.resource(scheduledWorkflows);

const refused = (reason: StatusReason, message: RegExp) => (error: unknown) =>
  isApiError(error, reason) && message.test(error.message);

async function created(face: TestFace, body: Record<string, unknown> = {}) {
  const { json, text, status } = await face.call("POST", path, {
    body: {
      display_name: "Hourly train",
      pipeline_spec: addPipeline(),
      runtime_config: { parameters: { a: 1 } },
      max_concurrency: 2,
      trigger: { cron_schedule: { cron: "0 0 * * * *" } },
      mode: "ENABLE",
      ...body,
    },
  });
  assert.equal(status, 200, text);
  return String(json["recurring_run_id"]);
}

async function uploaded(face: TestFace): Promise<string> {
  const body = { pipeline: { name: "p" }, pipeline_version: { pipeline_spec: addPipeline() } };
  return String((await face.call("POST", "/apis/v2beta1/pipelines/create", { body })).json["pipeline_id"]);
}

const schedule = (spec: ScheduledWorkflow["spec"]): ScheduledWorkflow => ({
  apiVersion: "kubeflow.org/v1beta1",
  kind: "ScheduledWorkflow",
  metadata: { name: "typed", namespace },
  spec: { enabled: true, trigger: { periodicSchedule: { intervalSecond: 60 } }, ...spec },
});

test("a recurring run is a ScheduledWorkflow of the same uid, with what it will do next", async () => {
  await using face = await testFace({ clock: testClock() });
  const id = await created(face);
  const [object] = (await schedules(face).list({ namespace })).items;
  assert.match(object?.metadata.name ?? "", /^hourlytrain[a-z0-9]{5}$/);
  assert.deepEqual(
    [object?.metadata.uid, object?.metadata.labels],
    [
      id,
      {
        "scheduledworkflows.kubeflow.org/enabled": "true",
        "scheduledworkflows.kubeflow.org/status": "Enabled",
      },
    ],
  );
  assert.deepEqual(object?.spec, {
    enabled: true,
    maxConcurrency: 2,
    noCatchup: false,
    trigger: { cronSchedule: { cron: "0 0 * * * *" } },
    workflow: { parameters: [{ name: "a", value: "1" }] },
    experimentId: object?.spec.experimentId,
    serviceAccount: "pipeline-runner",
  });
  assert.deepEqual(object?.status, {
    conditions: [{ type: "Enabled", status: "True", reason: "Enabled", message: "The schedule is enabled." }],
    trigger: { nextTriggeredTime: "2026-01-01T01:00:00Z" },
    workflowHistory: { active: [], completed: [] },
  });
});

test("what a patch changes, KFP's API shows", async () => {
  await using face = await testFace({ clock: testClock() });
  const id = await created(face);
  const [object] = (await schedules(face).list({ namespace })).items;
  const key = { namespace, name: object?.metadata.name ?? "" };
  const patched = await schedules(face).patch(key, {
    type: "merge",
    body: {
      metadata: { labels: { team: "a" } },
      spec: {
        enabled: false,
        maxConcurrency: 5,
        noCatchup: true,
        trigger: { cronSchedule: null, periodicSchedule: { intervalSecond: 30, endTime: "2027-01-01T00:00:00Z" } },
        workflow: { parameters: [{ name: "a", value: "2.5" }] },
      },
    },
  });
  assert.equal(patched.metadata.labels?.["team"], "a");
  const { json } = await face.call("GET", `${path}/${id}`);
  assert.deepEqual(
    [json["status"], json["max_concurrency"], json["no_catchup"], json["trigger"], json["runtime_config"]],
    [
      "DISABLED",
      "5",
      true,
      { periodic_schedule: { interval_second: "30", end_time: "2027-01-01T00:00:00Z" } },
      { parameters: { a: 2.5 } },
    ],
  );
});

test("one can be made of a pipeline by its id, and is deleted with the choice of what becomes of its runs", async () => {
  await using face = await testFace({ clock: testClock() });
  const pipelineId = await uploaded(face);
  const made = await schedules(face).create(
    schedule({ pipelineId, maxConcurrency: 3, workflow: { parameters: [{ name: "a", value: "1" }] } }),
  );
  const { json } = await face.call("GET", `${path}/${made.metadata.uid}`);
  assert.deepEqual(
    [json["display_name"], json["max_concurrency"], json["pipeline_version_reference"]],
    ["typed", "3", { pipeline_id: pipelineId }],
  );
  const key = { namespace, name: "typed" };
  await schedules(face).delete(key, { propagationPolicy: "Orphan" });
  await assert.rejects(schedules(face).get(key), refused("NotFound", /typed/));
  assert.equal((await face.call("GET", `${path}/${made.metadata.uid}`)).status, 404);
});

test("it cannot be in another namespace than its experiment", async () => {
  await using face = await testFace({ clock: testClock(), tenancy: { multiUser: true } });
  const body = { display_name: "e", namespace: "ben" };
  const { experiment_id } = (await face.call("POST", "/apis/v2beta1/experiments", { body })).json;
  const spec = { pipelineId: "p", experimentId: String(experiment_id) };
  await assert.rejects(schedules(face).create(schedule(spec)), refused("Invalid", /spec\.experimentId: Not found/));
  const alone = schedules(face).create(schedule({ pipelineId: "p" }));
  await assert.rejects(alone, refused("Invalid", /spec\.experimentId: Required value/));
});

test("what cannot be kept is refused with its place", async () => {
  await using face = await testFace({ clock: testClock() });
  const pipelineId = await uploaded(face);
  const workflow = { parameters: [{ name: "a", value: "1" }] };
  const cases: [ScheduledWorkflow["spec"], StatusReason, RegExp][] = [
    [{ workflow }, "Invalid", /spec\.pipelineId: Required value/],
    [{ pipelineId, workflow: { ...workflow, spec: "kind: Workflow" } }, "Invalid", /spec\.workflow\.spec: Forbidden/],
    [{ pipelineId, workflow, maxHistory: 3 }, "Invalid", /spec\.maxHistory: Forbidden/],
    [{ pipelineId, workflow, maxConcurrency: 11 }, "Invalid", /spec\.maxConcurrency/],
    [{ pipelineId, workflow: {} }, "Invalid", /spec\.workflow\.parameters\.a: Required value/],
    [
      { pipelineId, workflow: { parameters: [{ name: "a", value: "one" }] } },
      "Invalid",
      /parameters\.a: .*must be JSON/,
    ],
    [
      { pipelineId, workflow, trigger: { cronSchedule: { cron: "* *" } } },
      "Invalid",
      /spec\.trigger\.cronSchedule\.cron: /,
    ],
    [{ pipelineId: "none", workflow }, "NotFound", /Pipeline none not found/],
  ];
  for (const [spec, reason, message] of cases)
    await assert.rejects(schedules(face).create(schedule(spec)), refused(reason, message), String(message));
  await schedules(face).create(schedule({ pipelineId, workflow }));
  const key = { namespace, name: "typed" };
  const patch = (body: object) => schedules(face).patch(key, { type: "merge", body });
  await assert.rejects(
    patch({ spec: { pipelineId: "other" } }),
    refused("Invalid", /spec\.pipelineId: Forbidden: cannot be/),
  );
  await assert.rejects(patch({ metadata: { finalizers: ["a.b/c"] } }), refused("Invalid", /metadata\.finalizers/));
});
