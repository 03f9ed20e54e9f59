import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { eventually } from "@headrace/model/testing";
import { packaging } from "./testing/fresh.ts";
import { type PythonProgram, pythonOf, startProgram } from "./testing/python.ts";
import { sharedPlatform } from "./testing/shared.ts";

const dataset = { artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } };
const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };
const rows = { taskOutputParameter: { producerTask: "make", outputParameterKey: "rows" } };

const container = (script: string, ...args: string[]) => ({
  container: { image: "busybox", command: ["sh", "-c", `set -e; ${script}`], args },
});
const write = (place: number, text: string): string => `mkdir -p "$(dirname "$${place}")"; echo ${text} > "$${place}"`;

/** Makes data, fits a model to it, and would do something extra if there were more of it. */
const lineage = {
  pipelineInfo: { name: "lineage" },
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.17.3",
  components: {
    "comp-make": {
      executorLabel: "exec-make",
      outputDefinitions: { artifacts: { data: dataset }, parameters: { rows: { parameterType: "NUMBER_INTEGER" } } },
    },
    "comp-fit": {
      executorLabel: "exec-fit",
      inputDefinitions: { artifacts: { data: dataset } },
      outputDefinitions: { artifacts: { model } },
    },
    "comp-extra": {
      executorLabel: "exec-extra",
      inputDefinitions: { parameters: { rows: { parameterType: "NUMBER_INTEGER" } } },
    },
  },
  deploymentSpec: {
    executors: {
      "exec-make": container(
        `${write(0, "x")}; ${write(1, "4")}`,
        "{{$.outputs.artifacts['data'].path}}",
        "{{$.outputs.parameters['rows'].output_file}}",
      ),
      "exec-fit": container(
        `test -f "$0"; ${write(1, "m")}`,
        "{{$.inputs.artifacts['data'].path}}",
        "{{$.outputs.artifacts['model'].path}}",
      ),
      "exec-extra": container("true"),
    },
  },
  root: {
    dag: {
      tasks: {
        make: { componentRef: { name: "comp-make" }, taskInfo: { name: "make" } },
        fit: {
          componentRef: { name: "comp-fit" },
          taskInfo: { name: "fit" },
          dependentTasks: ["make"],
          inputs: { artifacts: { data: { taskOutputArtifact: { producerTask: "make", outputArtifactKey: "data" } } } },
        },
        extra: {
          componentRef: { name: "comp-extra" },
          taskInfo: { name: "extra" },
          dependentTasks: ["make"],
          inputs: { parameters: { rows } },
          triggerPolicy: { condition: "int(inputs.parameter_values['rows']) > 100" },
        },
      },
    },
  },
};

describe("lineage in ML Metadata's words", () => {
  let url = "";
  let token = "";
  let run = "";
  let python = "";
  let program: PythonProgram | undefined;

  before(async () => {
    const { platform } = await sharedPlatform();
    ({ gateway: url, token } = platform.running);
    [python, run] = await Promise.all([pythonOf("3.11", "ml-metadata==1.17.1"), runLineage(url)]);
    const { hostname, port } = new URL(url);
    program = await startProgram(python, "metadata_client.py", [hostname, port, run]);
  });
  after(() => program?.[Symbol.asyncDispose]());

  test("the stock client reads a finished run: contexts, executions, artifacts, events, lineage, lists", async () => {
    for (const name of ["executions", "artifacts", "lineage", "lists"]) await program?.said(name);
  });

  test("the stock client keeps types and nodes of its own, which point at those of the run", async () => {
    await program?.said("own");
    const said = JSON.stringify((await program?.said("refusals"))?.["refusals"]);
    assert.match(said, /belongs to a run, and only its engine writes it.*already exists/);
  });

  test("the pages' client reads it by gRPC-web in base64, from the gateway's own origin only", async () => {
    const id = Buffer.from(run);
    const type = Buffer.from("system.PipelineRun");
    const message = Buffer.concat([Buffer.from([0x0a, type.length]), type, Buffer.from([0x12, id.length]), id]);
    const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
    const ask = (origin: string) =>
      fetch(`${url}/ml_metadata.MetadataStoreService/GetContextByTypeAndName`, {
        method: "POST",
        headers: {
          accept: "application/grpc-web-text",
          "content-type": "application/grpc-web-text",
          "x-grpc-web": "1",
          "x-user-agent": "grpc-web-javascript/0.1",
          origin,
        },
        body: frame.toString("base64"),
      });
    const own = await ask(url);
    assert.equal(own.headers.get("content-type"), "application/grpc-web-text+proto");
    const parts = (await own.text()).match(/[^=]+=*/g) ?? [];
    const answer = Buffer.concat(parts.map((part) => Buffer.from(part, "base64"))).toString("latin1");
    assert.ok(answer.includes(run) && answer.includes("pipeline_root"), answer);
    assert.match(answer, /grpc-status: ?0/);
    const foreign = await (await ask("https://elsewhere.example")).text();
    const refused = Buffer.from(foreign, "base64").toString("latin1");
    assert.match(refused, /grpc-status: ?16/);
  });

  test("the page about it does what it says", async () => {
    const page = await readFile(new URL("../docs/how-to/read-lineage.md", import.meta.url), "utf8");
    const { hostname, port } = new URL(url);
    const program = [...page.matchAll(/^```python\n([^]*?)^```$/gm)]
      .map(([, text]) => text)
      .join("\n")
      .replace('host="127.0.0.1", port=8080', `host="${hostname}", port=${port}`)
      .replace(
        'get_contexts_by_type("system.PipelineRun")[-1]',
        `get_context_by_type_and_name("system.PipelineRun", "${run}")`,
      );
    const env = { PATH: packaging["PATH"], HEADRACE_TOKEN: token };
    const { stdout } = await promisify(execFile)(python, ["-W", "ignore", "-c", program], { env });
    assert.match(stdout, /fit COMPLETE\n {3}INPUT data \d+\n {3}OUTPUT model \d+/);
    assert.match(stdout, /system.Model minio:/);
    assert.match(stdout, /\['system.Pipeline', 'system.PipelineRun', 'acme/);
  });
});

/** Runs it by KFP's API, and waits for its end. */
async function runLineage(url: string): Promise<string> {
  const response = await fetch(`${url}/apis/v2beta1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ display_name: "lineage", pipeline_spec: lineage }),
  });
  const { run_id } = (await response.json()) as { run_id: string };
  assert.equal(response.status, 200);
  const ended = async (): Promise<string | undefined> => {
    const { state } = (await (await fetch(`${url}/apis/v2beta1/runs/${run_id}`)).json()) as { state: string };
    return ["SUCCEEDED", "FAILED"].includes(state) ? state : undefined;
  };
  assert.equal(await eventually("the run has ended", ended), "SUCCEEDED");
  return run_id;
}
