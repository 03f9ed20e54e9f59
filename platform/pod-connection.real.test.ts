import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Client } from "@headrace/client";
import { ImageMapping } from "@headrace/environments";
import { Namespace, type Pod, ServiceAccount } from "@headrace/k8s";
import { eventually, once } from "@headrace/model/testing";
import { ifPresent } from "@headrace/runtime";
import type { Platform } from "./platform.ts";
import { printedInPod } from "./testing/pods.ts";
import { sharedPlatform } from "./testing/shared.ts";

const stranger = "calls-from-elsewhere";
const image = "lineage-reader:test";
const sdkImage = "runs-reader:test";
const mappings = {
  "lineage-reader": { image, python: "3.11", requirements: ["ml-metadata==1.17.1"] },
  "runs-reader": { image: sdkImage, python: "3.11", requirements: ["kfp==2.17.3"] },
};

/** The stock SDK, told where the API is and not told; it has no token to read. */
const listRuns = `
import json, kfp
clients = [kfp.Client(), kfp.Client(host="http://ml-pipeline.kubeflow:8888")]
print(json.dumps([[run.run_id for run in client.list_runs(page_size=200).runs] for client in clients]))
`;

/** Asks without a token, and prints as whom it was taken and what it was answered; what it claims to be counts for nothing. */
const ask = `
import json, sys, urllib.error, urllib.request
front = "http://ml-pipeline.kubeflow:8888"
review = b'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}'

def answer(path, body=None):
    headers = {"content-type": "application/json", "kubeflow-userid": "admin", "x-remote-user": "admin", "x-remote-group": "system:masters"}
    try:
        with urllib.request.urlopen(urllib.request.Request(front + path, body, headers), timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()

status, who = answer("/kube/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
said = {"who": who["status"]["userInfo"]["username"] if status == 201 else who}
for path in sys.argv[1:]:
    said[path] = answer(path)[0]
print(json.dumps(said))
`;

type Said = Readonly<Record<string, unknown>>;

describe("a pod that calls without a token", () => {
  let platform: Platform;
  let client: Client;
  let shared = "";
  let program = "";

  before(async () => {
    const fresh = await sharedPlatform();
    ({ platform, shared } = fresh);
    ({ client } = platform);
    program = await readFile(new URL("testing/programs/lineage_from_within.py", import.meta.url), "utf8");
    for (const [name, spec] of Object.entries(mappings)) {
      await client
        .resource(ImageMapping)
        .create({ apiVersion: "headrace.io/v1alpha1", kind: "ImageMapping", metadata: { name }, spec });
    }
    await client
      .resource(Namespace)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: stranger }, spec: {} });
    const account = { namespace: stranger, name: "default" };
    await eventually("the account is there", () => ifPresent(client.resource(ServiceAccount).get(account)));
  });
  after(async () => {
    for (const name of Object.keys(mappings)) await client.resource(ImageMapping).delete({ namespace: "", name });
  });

  /** Runs a program to its end in a pod of a namespace without runs, and gives what it said. */
  async function inPod(name: string, command: readonly string[], spec: Partial<Pod["spec"]> = {}): Promise<Said> {
    return JSON.parse(await printedInPod(platform, { namespace: stranger, name, image, command, spec })) as Said;
  }

  const python = (text: string, ...words: readonly string[]) => ["python3", "-W", "ignore", "-c", text, ...words];

  /** A run whose step looked at itself. */
  const looked = once(async () => {
    const file = join(shared, "own-execution.json");
    const words = python(
      `import sys; sys.stdout = open(sys.argv[2], "w")\n${program}`,
      "{{$.pipeline_job_uuid}}",
      file,
    );
    const container = { image, command: words.slice(0, 1), args: words.slice(1) };
    const run = await runStep(platform.running.gateway, container);
    return { run, seen: await readFile(file, "utf8") };
  });

  test("is a step that reads its own execution with the stock client of ML Metadata", async () => {
    const { run, seen } = await looked();
    // A step that is quick finds that it has not been written down as running yet.
    const settled = seen.replace('"look": "NEW"', '"look": "RUNNING"');
    assert.deepEqual(JSON.parse(settled), { run, states: { "": "RUNNING", look: "RUNNING" } });
  });

  test("reads the runs of its namespace with the stock SDK", async () => {
    const { run } = await looked();
    const printed = await printedInPod(platform, {
      namespace: "kubeflow",
      name: "reads-runs",
      image: sdkImage,
      command: python(listRuns),
    });
    const lists = JSON.parse(printed.trim().split("\n").at(-1) ?? "") as readonly (readonly string[])[];
    assert.deepEqual(
      lists.map((ids) => ids.includes(run)),
      [true, true],
    );
  });

  test("sees nothing of another namespace's lineage, and may read no runs there", async () => {
    const { run } = await looked();
    const seen = await inPod("looks", python(program, run));
    assert.deepEqual(seen, { run: null });
    const paths = [
      "/apis/v2beta1/healthz",
      `/kube/api/v1/namespaces/${stranger}/pods`,
      "/apis/v2beta1/runs?namespace=kubeflow",
      `/apis/v2beta1/runs/${run}`,
      "/kube/api/v1/namespaces/kubeflow/secrets",
    ];
    const answers = await inPod("asks", python(ask, ...paths));
    assert.deepEqual(answers, {
      who: `system:serviceaccount:${stranger}:default`,
      ...Object.fromEntries(paths.map((path, index) => [path, index < 2 ? 200 : 403])),
    });
  });

  test("is nobody if it is to have no token", async () => {
    const { run } = await looked();
    const spec = { automountServiceAccountToken: false };
    const seen = await inPod("looks-closed", python(program, run), spec);
    assert.match(String(seen["refused"]), /its pod has no service account \(automountServiceAccountToken: false\)/);
    const path = "/apis/v2beta1/runs";
    const answers = await inPod("asks-closed", python(ask, path), spec);
    assert.match(String(answers["who"]), /system:anonymous/);
    assert.equal(answers[path], 401);
  });
});

/** Runs a pipeline of this one step, and gives the run's id once it has succeeded. */
async function runStep(gateway: string, container: object): Promise<string> {
  const pipeline = {
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    pipelineInfo: { name: "looks-at-itself" },
    deploymentSpec: { executors: { "exec-look": { container } } },
    components: { "comp-look": { executorLabel: "exec-look" } },
    root: { dag: { tasks: { look: { componentRef: { name: "comp-look" }, taskInfo: { name: "look" } } } } },
  };
  const response = await fetch(`${gateway}/apis/v2beta1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ display_name: "looks-at-itself", pipeline_spec: pipeline }),
  });
  const { run_id } = (await response.json()) as { run_id: string };
  const ended = async (): Promise<string | undefined> => {
    const { state } = (await (await fetch(`${gateway}/apis/v2beta1/runs/${run_id}`)).json()) as { state: string };
    return /SUCCEEDED|FAILED/.exec(state)?.[0];
  };
  assert.equal(await eventually("the run has ended", ended), "SUCCEEDED");
  return run_id;
}
