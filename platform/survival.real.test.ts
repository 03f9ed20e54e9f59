import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient, createHttpTransport } from "@headrace/client";
import { eventually } from "@headrace/model/testing";
import { runLabel, runs, tasks } from "@headrace/pipelines/resources";
import { HeadraceProcess } from "./testing/headrace-process.ts";

/** Asks without a token as whom it calls. */
const whoami = `python3 -c '
import json, urllib.request
review = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode()
url = "http://ml-pipeline.kubeflow:8888/kube/apis/authentication.k8s.io/v1/selfsubjectreviews"
request = urllib.request.Request(url, review, {"content-type": "application/json"})
print(json.load(urllib.request.urlopen(request, timeout=60))["status"]["userInfo"]["username"])
'`;

/** Says that it began, waits until it may go on, and says who it is and that it ended: `$0` is its name, `$1` the folder. */
const script = `echo began >> "$1/$0.began"; while [ ! -e "$1/$0.go" ]; do sleep 0.05; done
if [ "$0" = late ]; then ${whoami} > "$1/$0.name"; fi; echo ended >> "$1/$0.ended"`;

/** Two steps at once, `early` and `late`, and one after both. */
function pipeline(folder: string): unknown {
  const executor = (name: string) => [
    `exec-${name}`,
    { container: { image: "busybox", command: ["sh", "-c", script, name, folder] } },
  ];
  const names = ["early", "late", "last"];
  const task = (name: string) => [
    name,
    {
      componentRef: { name: `comp-${name}` },
      taskInfo: { name },
      ...(name === "last" && { dependentTasks: ["early", "late"] }),
    },
  ];
  return {
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    pipelineInfo: { name: "survives" },
    deploymentSpec: { executors: Object.fromEntries(names.map(executor)) },
    components: Object.fromEntries(names.map((name) => [`comp-${name}`, { executorLabel: `exec-${name}` }])),
    root: { dag: { tasks: Object.fromEntries(names.map(task)) } },
  };
}

test("a run goes on after kill -9, and no step runs twice", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "headrace-kill-"));
  const folder = join(directory, "shared");
  mkdirSync(folder);
  chmodSync(directory, 0o755);
  chmodSync(folder, 0o777);
  const place = { home: join(directory, "home"), runtime: directory, shares: [folder] };
  let headrace = new HeadraceProcess(place);
  t.after(async () => {
    await headrace.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  let gateway = await headrace.ready;
  const said = (file: string): string | undefined =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : undefined;
  const letGo = (name: string): void => writeFileSync(join(folder, `${name}.go`), "");

  const response = await fetch(`${gateway}/apis/v2beta1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ display_name: "survives", pipeline_spec: pipeline(folder) }),
  });
  const { run_id: name } = (await response.json()) as { run_id: string };
  await eventually("both steps began", () => said("early.began") !== undefined && said("late.began") !== undefined);

  await headrace.kill();
  letGo("early");
  await eventually("a step ended while nobody listened", () => said("early.ended"));

  headrace = new HeadraceProcess(place);
  gateway = await headrace.ready;
  letGo("late");
  letGo("last");
  const client = createClient({ transport: createHttpTransport({ server: `${gateway}/kube` }) });
  const run = await eventually("the run ended", async () => {
    const found = await client.resource(runs).get({ namespace: "kubeflow", name });
    return /SUCCEEDED|FAILED|CANCELED/.test(found.status.state) ? found : undefined;
  });
  assert.deepEqual([run.status.state, run.status.error], ["SUCCEEDED", undefined]);
  const { items } = await client.resource(tasks).list({ namespace: "kubeflow", labelSelector: `${runLabel}=${name}` });
  const steps = items.filter(({ spec }) => spec.type === "RUNTIME");
  assert.deepEqual(steps.map(({ spec, status }) => [spec.name, status.attempts.length]).sort(), [
    ["early", 1],
    ["last", 1],
    ["late", 1],
  ]);
  for (const step of ["early", "late", "last"]) {
    assert.deepEqual([said(`${step}.began`), said(`${step}.ended`)], ["began\n", "ended\n"]);
  }
  assert.equal(said("late.name"), "system:serviceaccount:kubeflow:pipeline-runner\n");
});
