import assert from "node:assert/strict";
import { test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type Answer, type TestFace, testFace } from "../testing/platform.ts";

const path = "/apis/v2beta1/recurringruns";

const daily = { cron_schedule: { cron: "0 30 9 * * *" } };

function create(face: TestFace, body: Record<string, unknown> = {}): Promise<Answer> {
  return face.call("POST", path, {
    body: {
      display_name: "Nightly train",
      pipeline_spec: addPipeline(),
      runtime_config: { parameters: { a: 1 } },
      max_concurrency: 1,
      trigger: daily,
      mode: "ENABLE",
      ...body,
    },
  });
}

async function created(face: TestFace, body?: Record<string, unknown>): Promise<string> {
  const { json, status, text } = await create(face, body);
  assert.equal(status, 200, text);
  return String(json["recurring_run_id"]);
}

async function uploaded(face: TestFace, name = "p") {
  const body = { pipeline: { name }, pipeline_version: { pipeline_spec: addPipeline() } };
  const { pipeline_id } = (await face.call("POST", "/apis/v2beta1/pipelines/create", { body })).json;
  const { json } = await face.call("GET", `/apis/v2beta1/pipelines/${pipeline_id}/versions`);
  const [version] = json["pipeline_versions"] as { pipeline_version_id: string }[];
  return { pipeline_id: String(pipeline_id), pipeline_version_id: version?.pipeline_version_id ?? "" };
}

const names = ({ json }: Answer): string[] =>
  ((json["recurringRuns"] ?? []) as { display_name: string }[]).map((each) => each.display_name);

test("a new recurring run is shown with what it was made of, whole numbers as text", async () => {
  await using face = await testFace({ clock: testClock() });
  const trigger = {
    periodic_schedule: { start_time: "2026-01-02T00:00:00Z", end_time: "2026-02-01T00:00:00Z", interval_second: 3600 },
  };
  const { json } = await create(face, { description: "d", service_account: "me", max_concurrency: "3", trigger });
  assert.deepEqual(json, {
    recurring_run_id: json["recurring_run_id"],
    display_name: "Nightly train",
    description: "d",
    pipeline_spec: addPipeline(),
    runtime_config: { parameters: { a: 1 } },
    service_account: "me",
    max_concurrency: "3",
    trigger: {
      periodic_schedule: {
        start_time: "2026-01-02T00:00:00Z",
        end_time: "2026-02-01T00:00:00Z",
        interval_second: "3600",
      },
    },
    mode: "ENABLE",
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    status: "ENABLED",
    namespace: "kubeflow",
    experiment_id: json["experiment_id"],
  });
  assert.deepEqual((await face.call("GET", `${path}/${json["recurring_run_id"]}`)).json, json);
});

test("without a trigger it happens once", async () => {
  await using face = await testFace();
  for (const trigger of [undefined, {}]) {
    const id = await created(face, { trigger });
    assert.deepEqual((await face.call("GET", `${path}/${id}`)).json["trigger"], {});
  }
});

test("without a mode it is disabled, as upstream; enabling and disabling it changes when it was updated", async () => {
  const clock = testClock();
  await using face = await testFace({ clock });
  const id = await created(face, { mode: undefined, no_catchup: true });
  const states = [(await face.call("GET", `${path}/${id}`)).json];
  for (const verb of ["enable", "disable"]) {
    await clock.advance(60_000);
    assert.deepEqual((await face.call("POST", `${path}/${id}:${verb}`)).json, {});
    states.push((await face.call("GET", `${path}/${id}`)).json);
  }
  assert.deepEqual(
    states.map((each) => [each["mode"], each["status"], each["updated_at"], each["no_catchup"]]),
    [
      ["DISABLE", "DISABLED", "2026-01-01T00:00:00Z", true],
      ["ENABLE", "ENABLED", "2026-01-01T00:01:00Z", true],
      ["DISABLE", "DISABLED", "2026-01-01T00:02:00Z", true],
    ],
  );
});

test("it names the version that it is bound to, or only the pipeline whose latest version each run takes", async () => {
  await using face = await testFace();
  const reference = await uploaded(face);
  const bound = await created(face, { pipeline_spec: undefined, pipeline_version_reference: reference });
  const { pipeline_id } = reference;
  const latest = await created(face, { pipeline_spec: undefined, pipeline_version_reference: { pipeline_id } });
  const shown = async (id: string) => (await face.call("GET", `${path}/${id}`)).json;
  assert.deepEqual((await shown(bound))["pipeline_version_reference"], reference);
  assert.deepEqual((await shown(latest))["pipeline_version_reference"], { pipeline_id });
  await face.call("DELETE", `/apis/v2beta1/pipelines/${pipeline_id}`, { query: { cascade: "True" } });
  assert.deepEqual((await shown(bound))["pipeline_spec"], addPipeline());
});

test("what cannot be is refused, and the field is named", async () => {
  await using face = await testFace();
  const experiments = "/apis/v2beta1/experiments";
  const { experiment_id } = (await face.call("POST", experiments, { body: { display_name: "old" } })).json;
  await face.call("POST", `${experiments}/${experiment_id}:archive`);
  const cron = (text: string) => ({ trigger: { cron_schedule: { cron: text } } });
  const cases: [Record<string, unknown>, number, RegExp][] = [
    [{ display_name: " " }, 400, /display_name: Required/],
    [{ experiment_id: "none" }, 404, /Experiment none not found/],
    [{ experiment_id }, 400, /archived/],
    [{ max_concurrency: 0 }, 400, /max_concurrency: Invalid value: 0: must be at least 1 and at most 10/],
    [{ max_concurrency: 11 }, 400, /max_concurrency/],
    [{ max_concurrency: undefined }, 400, /max_concurrency/],
    [
      { trigger: { ...daily, periodic_schedule: { interval_second: 1 } } },
      400,
      /periodic_schedule: cannot be set together with/,
    ],
    [{ trigger: { periodic_schedule: {} } }, 400, /interval_second: Invalid value: 0/],
    [{ trigger: { periodic_schedule: { interval_second: -1 } } }, 400, /interval_second: Invalid/],
    [cron(""), 400, /trigger\.cron_schedule\.cron: Required/],
    [cron("* * * *"), 400, /trigger\.cron_schedule\.cron: Invalid value: .*: expected 5 or 6 fields, found 4/],
    [cron("0 0 0 30 2 *"), 400, /no such time within the next five years/],
    [
      {
        trigger: {
          periodic_schedule: {
            interval_second: 1,
            start_time: "2027-01-01T00:00:00Z",
            end_time: "2026-01-01T00:00:00Z",
          },
        },
      },
      400,
      /trigger\.periodic_schedule\.end_time: Invalid value: it is before start_time/,
    ],
    [{ pipeline_spec: undefined }, 400, /pipeline_spec or pipeline_version_reference/],
    [{ pipeline_version_reference: { pipeline_id: "p" } }, 400, /together/],
    [{ runtime_config: { parameters: {} } }, 400, /runtime_config\.parameters\.a: Required/],
    [{ runtime_config: { parameters: { a: 1 }, pipeline_root: "gs://b" } }, 400, /pipeline_root/],
    [{ plugins_input: { mlflow: {} } }, 400, /plugins_input\.mlflow/],
    [{ mode: "SOMETIMES" }, 400, /mode: Unsupported value/],
    [{ colour: "red" }, 400, /colour: unknown field of RecurringRun/],
  ];
  for (const [body, status, message] of cases) {
    const answer = await create(face, body);
    assert.deepEqual([answer.status, message.test(answer.text)], [status, true], answer.text);
  }
  assert.deepEqual((await face.call("GET", path)).json, {});
});

test("they are listed under the name recurringRuns, by experiment, by name, by state, and a page at a time", async () => {
  await using face = await testFace();
  const { experiment_id } = (await face.call("POST", "/apis/v2beta1/experiments", { body: { display_name: "e" } }))
    .json;
  for (const display_name of ["one", "two"]) await created(face, { display_name });
  await created(face, { display_name: "three", experiment_id, mode: "DISABLE" });
  const list = async (query: Record<string, string>) => face.call("GET", path, { query });
  const where = (key: string, operation: number | string, string_value: string) => ({
    filter: JSON.stringify({ predicates: [{ key, operation, string_value }] }),
  });
  assert.deepEqual(names(await list({})), ["one", "two", "three"]);
  assert.deepEqual(names(await list({ experiment_id: String(experiment_id) })), ["three"]);
  assert.deepEqual(names(await list(where("display_name", 9, "o"))), ["one", "two"]);
  assert.deepEqual(names(await list(where("status", "EQUALS", "DISABLED"))), ["three"]);
  const page = await list({ page_size: "2", sort_by: "name desc" });
  assert.deepEqual([names(page), page.json["total_size"]], [["two", "three"], 3]);
  const rest = await list({ page_size: "2", page_token: String(page.json["next_page_token"]) });
  assert.deepEqual([names(rest), rest.json["next_page_token"]], [["one"], undefined]);
  assert.equal((await list({ sort_by: "colour" })).status, 400);
});

test("an archived experiment's are disabled, and can be enabled again once it is restored", async () => {
  await using face = await testFace();
  const experiments = "/apis/v2beta1/experiments";
  const { experiment_id } = (await face.call("POST", experiments, { body: { display_name: "e" } })).json;
  const id = await created(face, { experiment_id });
  await face.call("POST", `${experiments}/${experiment_id}:archive`);
  assert.equal((await face.call("GET", `${path}/${id}`)).json["status"], "DISABLED");
  const refused = await face.call("POST", `${path}/${id}:enable`);
  assert.deepEqual([refused.status, /archived; restore that first/.test(refused.text)], [400, true], refused.text);
  await face.call("POST", `${experiments}/${experiment_id}:unarchive`);
  assert.equal((await face.call("GET", `${path}/${id}`)).json["status"], "DISABLED");
  assert.equal((await face.call("POST", `${path}/${id}:enable`)).status, 200);
});

test("what is deleted is gone; a policy that nobody knows deletes nothing", async () => {
  await using face = await testFace();
  const id = await created(face);
  assert.equal((await face.call("DELETE", `${path}/${id}`, { query: { propagation_policy: "MAYBE" } })).status, 400);
  assert.deepEqual((await face.call("DELETE", `${path}/${id}`, { query: { propagation_policy: "ORPHAN" } })).json, {});
  for (const [method, verb] of [
    ["GET", ""],
    ["DELETE", ""],
    ["POST", ":enable"],
  ] as const) {
    assert.equal((await face.call(method, `${path}/${id}${verb}`)).status, 404);
  }
  assert.deepEqual(face.bugs, []);
});

test("with several users it is where its experiment is, and lists say whose they are", async () => {
  await using face = await testFace({ tenancy: { multiUser: true } });
  const experiment = async (namespace: string) => {
    const body = { display_name: "e", namespace };
    return (await face.call("POST", "/apis/v2beta1/experiments", { body })).json["experiment_id"];
  };
  const refused = await create(face);
  assert.deepEqual([refused.status, /experiment_id: Required/.test(refused.text)], [400, true], refused.text);
  await created(face, { display_name: "ana's", experiment_id: await experiment("ana") });
  await created(face, { display_name: "ben's", experiment_id: await experiment("ben") });
  assert.deepEqual(names(await face.call("GET", path, { query: { namespace: "ana" } })), ["ana's"]);
  assert.equal((await face.call("GET", path)).status, 400);
});

test("each verb is asked for by name, in the namespace of what it is about", async () => {
  const asked: string[] = [];
  await using face = await testFace({
    authorizer: {
      async authorize({ verb, resource, namespace }) {
        if (resource === "jobs") asked.push(`${verb} ${namespace}`);
        return { allowed: verb !== "disable", reason: "" };
      },
    },
  });
  const id = await created(face);
  await face.call("GET", path);
  await face.call("GET", `${path}/${id}`);
  await face.call("POST", `${path}/${id}:enable`);
  assert.equal((await face.call("POST", `${path}/${id}:disable`)).status, 403);
  await face.call("DELETE", `${path}/${id}`);
  assert.deepEqual(
    asked,
    ["create", "list", "get", "enable", "disable", "delete"].map((verb) => `${verb} kubeflow`),
  );
});
