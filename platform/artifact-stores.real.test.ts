import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigMap, Secret } from "@headrace/k8s";
import { startFresh } from "./testing/fresh.ts";
import { succeeded } from "./testing/runs.ts";
import { startS3Server } from "./testing/s3-server.ts";

const server = await startS3Server().then(
  (started) => ({ started, skip: false as const }),
  (error: unknown) => ({ started: undefined, skip: `moto cannot be installed here: ${String(error).slice(0, 300)}` }),
);

const namespace = "kubeflow";

/** One step writes an artifact, the other reads it where it is told that it lies. */
const pipeline = {
  schemaVersion: "2.1.0",
  pipelineInfo: { name: "elsewhere" },
  components: {
    write: { executorLabel: "write", outputDefinitions: { artifacts: { rows: artifact("system.Dataset") } } },
    read: {
      executorLabel: "read",
      inputDefinitions: { artifacts: { rows: artifact("system.Dataset") } },
      outputDefinitions: { parameters: { text: { parameterType: "STRING" } } },
    },
  },
  deploymentSpec: {
    executors: {
      write: container('echo wrote && mkdir "$0" && printf rows > "$0/part"', "{{$.outputs.artifacts['rows'].path}}"),
      read: container(
        'printf "%s %s" "$0" "$(cat "$0/part")" > "$1"',
        "{{$.inputs.artifacts['rows'].path}}",
        "{{$.outputs.parameters['text'].output_file}}",
      ),
    },
  },
  root: {
    dag: {
      outputs: {
        parameters: { text: { valueFromParameter: { producerSubtask: "read", outputParameterKey: "text" } } },
      },
      tasks: {
        write: { componentRef: { name: "write" }, taskInfo: { name: "write" } },
        read: {
          componentRef: { name: "read" },
          taskInfo: { name: "read" },
          dependentTasks: ["write"],
          inputs: {
            artifacts: { rows: { taskOutputArtifact: { producerTask: "write", outputArtifactKey: "rows" } } },
          },
        },
      },
    },
    outputDefinitions: { parameters: { text: { parameterType: "STRING" } } },
  },
};

function artifact(schemaTitle: string) {
  return { artifactType: { schemaTitle, schemaVersion: "0.0.1" } };
}

function container(script: string, ...args: string[]) {
  return { container: { image: "alpine", command: ["sh", "-ec", script, ...args] } };
}

test(
  "a namespace whose artifacts are in a store elsewhere runs its pipelines there",
  {
    skip: server.skip,
  },
  async () => {
    await using store = server.started ?? assert.fail("There is a server, or the test is skipped");
    await using fresh = await startFresh({ allowedStores: [store.host], publishLogs: "true" });
    const { running, client } = fresh.platform;
    await client.resource(Secret).create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace, name: "lake" },
      type: "Opaque",
      stringData: { id: "key", word: "secret" },
    });
    await client.resource(ConfigMap).create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name: "kfp-launcher" },
      data: {
        defaultPipelineRoot: "s3://lake/team",
        providers: [
          "s3:",
          "  default:",
          `    endpoint: ${store.host}`,
          "    disableSSL: true",
          "    region: us-east-1",
          "    credentials:",
          "      fromEnv: false",
          "      secretRef: { secretName: lake, accessKeyKey: id, secretKeyKey: word }",
        ].join("\n"),
      },
    });
    await fetch(`http://${store.host}/lake`, { method: "PUT" });

    const ask = async (path: string, body?: unknown): Promise<Response> =>
      fetch(`${running.gateway}${path}`, {
        headers: { authorization: `Bearer ${running.token}`, "content-type": "application/json" },
        ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
      });
    const created = await ask("/apis/v2beta1/runs", { display_name: "elsewhere", pipeline_spec: pipeline });
    const { run_id: name } = (await created.json()) as { run_id: string };
    await succeeded(fresh.platform, name);

    const { artifacts } = (await (await ask(`/apis/v2beta1/artifacts?namespace=${namespace}`)).json()) as {
      artifacts: { artifact_id: string; uri: string }[];
    };
    const rows = artifacts.find(({ uri }) => uri.endsWith("/rows"));
    assert.match(rows?.uri ?? "", new RegExp(`^s3://lake/team/elsewhere/${name}/write-\\d+/0/rows$`));
    const listing = await (await fetch(`http://${store.host}/lake?list-type=2`)).text();
    assert.match(listing, new RegExp(`<Key>team/elsewhere/${name}/write-\\d+/0/rows/part</Key>`));
    const content = `/apis/headrace.io/v1/namespaces/${namespace}/artifacts/${rows?.artifact_id}/content?path=part`;
    assert.equal(await (await ask(content)).text(), "rows");

    const place = new RegExp(`^s3://lake/(team/elsewhere/${name}/write-(\\d+)/executor-logs-0)$`);
    const log = artifacts.find(({ uri }) => place.test(uri));
    const [, key = "", task = ""] = place.exec(log?.uri ?? "") ?? [];
    assert.ok(listing.includes(`<Key>${key}</Key>`), "what a step printed lies with what it made");
    for (const path of [
      `/apis/headrace.io/v1/namespaces/${namespace}/artifacts/${log?.artifact_id}/content`,
      `/apis/v1alpha1/runs/${name}/nodes/${task}/log`,
    ])
      assert.equal(await (await ask(path)).text(), "wrote\n");

    const details = await (await ask(`/apis/v2beta1/runs/${name}?view=FULL`)).text();
    assert.ok(details.includes(`/s3/lake/team/elsewhere/${name}/write-`), "the step found it beneath /s3");

    const refused = await ask("/apis/v2beta1/runs", {
      display_name: "nowhere",
      pipeline_spec: pipeline,
      runtime_config: { pipeline_root: "gs://lake/x" },
    });
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /no provider is configured for gs:\/\/ URIs; set providers\.gs in ConfigMap/);
  },
);
