import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { type StepReport, stepIOAnnotation, warmEntryAnnotation } from "@headrace/model";
import { fingerprint } from "./cache-key.ts";
import { executorInput } from "./executor-input.ts";
import { compileCondition, compileSelector } from "./expression.ts";
import type { Values } from "./graph.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { fillCommand, fillParameters, fillText, localPath, type RunFacts } from "./placeholders.ts";
import { podName, podOf } from "./pod.ts";
import { recognise } from "./recognise.ts";
import { readPipelineDocument } from "./spec.ts";
import { readReport } from "./step-report.ts";

const run: RunFacts = {
  id: "7c5e",
  displayName: "My run",
  resourceName: "p-x7f2k",
  pipelineRoot: "minio://b/root",
  createdAt: "2026-01-01T00:00:00Z",
  scheduledAt: "2026-01-01T00:00:00Z",
};
const names = { name: "train", id: "17" };

/** A pipeline of one step, as compiled. */
function stepOf(executor: JsonObject, more: JsonObject = {}, settings: JsonObject = {}) {
  const { caching = {}, ...component } = more;
  const pipeline = readPipelineDocument({
    pipeline_spec: {
      schemaVersion: "2.1.0",
      pipelineInfo: { name: "p" },
      components: { "comp-train": { executorLabel: "exec-train", ...component } },
      deploymentSpec: { executors: { "exec-train": { container: { image: "python:3.11", ...executor } } } },
      root: { dag: { tasks: { train: { componentRef: { name: "comp-train" }, cachingOptions: caching } } } },
    },
    platform_spec: { platforms: { kubernetes: { deploymentSpec: { executors: { "exec-train": settings } } } } },
  });
  const task = pipeline.root.body.kind === "dag" ? pipeline.root.body.tasks.get("train") : undefined;
  assert.ok(task?.component.body.kind === "container");
  return { task, component: task.component, executor: task.component.body };
}

const values = (parameters: JsonObject, artifacts: Values["artifacts"] = new Map()): Values => ({
  parameters: new Map(Object.entries(parameters)),
  artifacts,
});
const dataset = {
  id: 5,
  name: "rows",
  uri: "minio://b/rows",
  type: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" },
  metadata: { rows: 3, "the name": "x" },
};
const ports = {
  inputDefinitions: {
    parameters: {
      n: { parameterType: "NUMBER_DOUBLE" },
      text: { parameterType: "STRING", isOptional: true },
      size: { parameterType: "NUMBER_INTEGER", defaultValue: 2 },
    },
    artifacts: { rows: { artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } } },
  },
  outputDefinitions: {
    parameters: { score: { parameterType: "NUMBER_DOUBLE" } },
    artifacts: { model: { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } } },
  },
};

describe("a step's command", () => {
  const { component } = stepOf({}, ports);
  const input = executorInput(
    component,
    values({ n: 1e21, list: [1, { a: "b" }], flag: true }, new Map([["rows", [dataset]]])),
    "minio://b/p/7c5e/train-17/0",
  );
  const fill = (word: string) => fillCommand([word], input, run, names);

  const filled: readonly [word: string, words: readonly string[]][] = [
    ["{{$.inputs.parameters['n']}}", ["1000000000000000000000"]],
    ["{{$.inputs.parameters['list'].json_escape[1]}}", ['[1,{\\"a\\":\\"b\\"}]']],
    ["{{$.json_escape[2]}}", [JSON.stringify(JSON.stringify(JSON.stringify(input)).slice(1, -1)).slice(1, -1)]],
    ["--size={{$.inputs.parameters['size']}}", ["--size=2"]],
    ["{{$.inputs.parameters['list']}} {{$.inputs.parameters['flag']}}", ['[1,{"a":"b"}] true']],
    ["{{$.inputs.parameters['text']}}", ["null"]],
    ["{{$.inputs.artifacts['rows'].uri}}", ["minio://b/rows"]],
    ["{{$.inputs.artifacts['rows'].path}}", ["/minio/b/rows"]],
    ["{{$.inputs.artifacts['rows']}}", ["minio://b/rows"]],
    ["{{$.inputs.artifacts['rows'].metadata}}", ['{"rows":3,"the name":"x"}']],
    ["{{$.inputs.artifacts['rows'].metadata['the name']}}", ["x"]],
    ["{{$.outputs.artifacts['model'].path}}", ["/minio/b/p/7c5e/train-17/0/model"]],
    ["{{$.outputs.parameters['score'].output_file}}", ["/tmp/kfp/outputs/score"]],
    ["{{$.outputs.output_file}}", ["/minio/b/p/7c5e/train-17/0/output_metadata.json"]],
    ["{{$.pipeline_job_uuid}}/{{$.pipeline_task_name}}/{{$.pipeline_root}}", ["7c5e/train/minio://b/root"]],
    ["a {{$.nothing.of['ours']}} and {{ x }}", ["a {{$.nothing.of['ours']}} and {{ x }}"]],
    ['{"Concat": ["a-", "{{$.inputs.parameters[\'size\']}}", {"Concat": ["b", "c"]}]}', ["a-2bc"]],
    [
      '{"IfPresent": {"InputName": "n", "Then": ["--n", "{{$.inputs.parameters[\'size\']}}"], "Else": "--none"}}',
      ["--n", "2"],
    ],
    ['{"IfPresent": {"InputName": "text", "Then": ["--text"], "Else": ["--no", "text"]}}', ["--no", "text"]],
    ['{"IfPresent": {"InputName": "text", "Then": ["--text"]}}', []],
    ['{"IfPresent": {"InputName": "rows", "Then": "yes"}}', ["yes"]],
    ['{"Concat": broken', ['{"Concat": broken']],
  ];
  for (const [word, words] of filled)
    test(`${word} becomes ${JSON.stringify(words)}`, () => assert.deepEqual(fill(word), words));

  test("has the whole of what it is told in {{$}}", () => {
    assert.deepEqual(JSON.parse(fill("{{$}}").join("")), input);
    assert.deepEqual(input.inputs.artifacts["rows"]?.artifacts[0], {
      name: "5",
      uri: "minio://b/rows",
      type: dataset.type,
      metadata: dataset.metadata,
    });
    assert.deepEqual(input.inputs.parameterValues["size"], 2);
    assert.equal("text" in input.inputs.parameterValues, false);
  });

  test("paths are where KFP's SDK looks for them", () => {
    const uris = ["gs://b/x", "s3://b/x", "minio://b/x?e=1", "oci://r/m:t", "/tmp/x", "https://h/x"];
    assert.deepEqual(uris.map(localPath), ["/gcs/b/x", "/s3/b/x", "/minio/b/x", "/oci/r/m:t", "/tmp/x", "https://h/x"]);
  });

  test("f-strings are filled in as values, and whole entries of lists keep their types", () => {
    const parameters = new Map<string, JsonValue>([
      ["a", 'say "hi"'],
      ["b", 2],
      ["c", [1]],
    ]);
    const fillIn = (value: JsonValue) => fillParameters(value, parameters);
    assert.equal(fillIn("{{$.inputs.parameters['a']}}-{{$.inputs.parameters['b']}}"), 'say "hi"-2');
    assert.deepEqual(
      fillIn(["{{$.inputs.parameters['b']}}", { k: "x{{$.inputs.parameters['b']}}" }, "{{$.inputs.parameters['c']}}"]),
      [2, { k: "x2" }, [1]],
    );
  });
});

describe("an expression", () => {
  const inputs = new Map<string, JsonValue>([
    ["n", 3],
    ["s", "x"],
    ["b", true],
    ["l", [1, 2]],
  ]);
  const conditions: readonly [text: string, holds: boolean][] = [
    ["inputs.parameter_values['n'] == 3", true],
    ["int(inputs.parameter_values['n']) > 2 && inputs.parameter_values['s'] == 'x'", true],
    ["!(inputs.parameter_values['s'] == 'x')", false],
    ["inputs.parameter_values['b'] == true", true],
    ["double(inputs.parameter_values['n']) <= 2.5", false],
    ["inputs.parameter_values['s'] != '-1'", true],
  ];
  for (const [text, holds] of conditions)
    test(`${text} is ${holds}`, () => assert.equal(compileCondition(text).holds(inputs), holds));

  test("of something that is not there says so", () => {
    assert.throws(() => compileCondition("inputs.parameter_values['z'] == 1").holds(inputs), /Cannot evaluate .*'z'/);
    assert.throws(() => compileCondition("1 + 1").holds(inputs), /not true or false/);
  });

  test("takes parts out of objects, lists and their JSON text", () => {
    assert.equal(compileSelector('parseJson(string_value)["k"]').select({ k: "v" }), "v");
    assert.deepEqual(compileSelector('parseJson(string_value)["k"]').select('{"k":[1]}'), [1]);
    assert.equal(compileSelector("parseJson(string_value)[1]").select([1, 2]), 2);
    assert.throws(() => compileSelector('parseJson(string_value)["z"]').select({}), /Cannot evaluate/);
  });

  test("with too many parts is refused before it costs anything", () => {
    assert.throws(
      () => compileCondition(Array.from({ length: 1500 }, () => "1 == 1").join(" && ")),
      /more than|longer than/,
    );
  });
});

describe("a fingerprint", () => {
  test("is sha256 of KFP's cache key as Go writes it", () => {
    const { task, executor } = stepOf({ command: ["sh", "-c"], args: ["a < b && c"] }, ports);
    const key =
      '{"containerSpec":{"cmdArgs":["sh","-c","a \\u003c b \\u0026\\u0026 c"],"image":"python:3.11"},' +
      '"inputArtifactNames":{"rows":{"artifactNames":["5"]}},"inputParameterValues":{"n":1e-7,"text":"é"},' +
      '"outputArtifactsSpec":{"model":{"name":"model","type":{"schemaTitle":"system.Model","schemaVersion":"0.0.1"}}},' +
      '"outputParametersSpec":{"score":"NUMBER_DOUBLE"}}';
    const print = fingerprint(task, executor, values({ text: "é", n: 1e-7 }, new Map([["rows", [dataset]]])));
    assert.equal(print, createHash("sha256").update(key).digest("hex"));
  });

  test("with a key of the user's own covers nothing but that and the component", () => {
    const { task, executor } = stepOf({}, { ...ports, caching: { enableCache: true, cacheKey: "mine" } });
    assert.equal(
      fingerprint(task, executor, values({ n: 1 })),
      createHash("sha256").update("comp-train\0mine").digest("hex"),
    );
  });
});

const prelude = `
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi

PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location 'kfp==2.17.3' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<"3.9"' && "$0" "$@"
`;
const program = `program_path=$(mktemp -d)

printf "%s" "$0" > "$program_path/ephemeral_component.py"
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main                         --component_module_path                         "$program_path/ephemeral_component.py"                         "$@"
`;
const lightweight = ["sh", "-c", prelude, "sh", "-ec", program, "def f(): pass"];
const args = ["--executor_input", "{}", "--function_to_execute", "f"];

describe("a lightweight component's command", () => {
  test("is recognised, with the packages that it installs", () => {
    const words = [...lightweight, ...args];
    assert.deepEqual(recognise(lightweight, args), {
      entry: {
        kind: "kfp-executor",
        commandDigest: createHash("sha256").update(JSON.stringify(words)).digest("hex"),
        sourceIndex: 6,
        argumentsIndex: 7,
      },
      environment: {
        installs: [
          { requirements: ["kfp==2.17.3", 'typing-extensions>=3.7.4,<5; python_version<"3.9"'], noDeps: true },
        ],
      },
    });
    assert.deepEqual(recognise(lightweight.slice(3), args)?.environment, { installs: [] });
  });

  test("is recognised with a virtual environment of its own", () => {
    const venv = `python3 -m pip install 'yapf'  &&  \nexport PIP_DISABLE_PIP_VERSION_CHECK=1\ntmp=$(mktemp -d)
python3 -m venv "$tmp/venv" --system-site-packages\n. "$tmp/venv/bin/activate"\n`;
    const own = prelude.replace("PIP_DISABLE_PIP_VERSION_CHECK=1 ", venv);
    const installs = recognise(["sh", "-c", own, ...lightweight.slice(3)], args)?.environment.installs ?? [];
    assert.deepEqual(
      installs.map(({ requirements }) => requirements[0]),
      ["yapf", "kfp==2.17.3"],
    );
  });

  test("keeps several installs apart, with where they come from", () => {
    const more = prelude.replace(
      "PIP_DISABLE",
      `python3 -m pip install --quiet --index-url https://a/simple --extra-index-url https://b/simple --trusted-host a 'pandas[excel]==2.2.0' numpy && PIP_DISABLE`,
    );
    const [first, second] = recognise(["sh", "-c", more, ...lightweight.slice(3)], args)?.environment.installs ?? [];
    assert.deepEqual(first, {
      requirements: ["pandas[excel]==2.2.0", "numpy"],
      indexUrl: "https://a/simple",
      extraIndexUrls: ["https://b/simple"],
      trustedHosts: ["a"],
    });
    assert.equal(second?.noDeps, true);
  });

  const unknown: readonly [what: string, command: readonly string[], args: readonly string[]][] = [
    ["another program", [...lightweight.slice(0, 5), `${program} rm -rf /`, "x"], args],
    ["another shell", ["bash", ...lightweight.slice(1)], args],
    ["an option of pip that is not known", lightweight.map((word) => word.replace("--quiet", "--pre")), args],
    ["a package by URL", lightweight.map((word) => word.replace("'kfp==2.17.3'", "'https://x/y.whl'")), args],
    ["a substitution", lightweight.map((word) => word.replace("'kfp==2.17.3'", "$(curl x)")), args],
    [
      "another command before it",
      lightweight.map((word) => word.replace("PIP_DISABLE", "curl x && PIP_DISABLE")),
      args,
    ],
    ["a background job", lightweight.map((word) => word.replace('&& "$0"', '& "$0"')), args],
    [
      "a virtual environment",
      lightweight.map((word) => word.replace("PIP_DISABLE", '. "$tmp/venv/bin/activate"\nPIP_DISABLE')),
      args,
    ],
    ["more arguments", lightweight, [...args, "--x"]],
    ["nothing", [], []],
  ];
  for (const [what, command, words] of unknown)
    test(`is not recognised with ${what}`, () => assert.equal(recognise(command, words), undefined));
});

describe("a step's pod", () => {
  const plan = (step: ReturnType<typeof stepOf>, rows = [dataset]) => {
    const directory = "minio://b/p/7c5e/train-17/0";
    const input = executorInput(step.component, values({ n: 1 }, new Map([["rows", rows]])), directory);
    return podOf({
      namespace: "kubeflow",
      run,
      pipelineName: "p",
      serviceAccount: "pipeline-runner",
      task: { ...names, rowId: 17, displayName: "Train" },
      n: 0,
      component: step.component,
      executor: step.executor,
      input,
      directory,
      resolve: (source) => (source.from === "input" && source.name === "secret" ? "from-input" : null),
    });
  };

  test("says what to mount, collect and report", () => {
    const pod = plan(
      stepOf({ command: lightweight, args: ["--executor_input", "{{$}}", "--function_to_execute", "f"] }, ports),
    );
    assert.equal(pod.metadata.name, "p-x7f2k-train-17-0");
    assert.deepEqual(JSON.parse(pod.metadata.annotations?.[stepIOAnnotation] ?? ""), {
      artifacts: [
        { path: "/minio/b/rows", uri: "minio://b/rows", mode: "read" },
        { path: "/minio/b/p/7c5e/train-17/0", uri: "minio://b/p/7c5e/train-17/0", mode: "write" },
      ],
      scratch: "/tmp",
      files: [
        { path: "/minio/b/p/7c5e/train-17/0/output_metadata.json", limit: 8 * 1024 * 1024 },
        { path: "/tmp/kfp/outputs/score", limit: 1024 * 1024 },
      ],
      outputs: [
        {
          name: "model",
          uri: "minio://b/p/7c5e/train-17/0/model",
          elsewhere: {
            file: "/minio/b/p/7c5e/train-17/0/output_metadata.json",
            pointer: "/artifacts/model/artifacts/0/custom_path",
          },
        },
      ],
      report: "/headrace/steps/7c5e/17/0/report",
    });
    assert.equal(JSON.parse(pod.metadata.annotations?.[warmEntryAnnotation] ?? "{}").kind, "kfp-executor");
    assert.deepEqual(pod.metadata.labels, {
      "pipeline/runid": "7c5e",
      "pipelines.kubeflow.org/v2_component": "true",
      "headrace.io/run": "7c5e",
      "headrace.io/task": "17",
      "headrace.io/attempt": "0",
    });
  });

  test("has no place for artifacts where it makes none, unless it asks the SDK for it", () => {
    const numbers = { outputDefinitions: { parameters: { score: { parameterType: "NUMBER_DOUBLE" } } } };
    const placesOf = (source: string) => {
      const pod = plan(
        stepOf({ command: ["python3", "-c", source], args: ["{{$.outputs.output_file}}"] }, numbers),
        [],
      );
      const { artifacts, files } = JSON.parse(pod.metadata.annotations?.[stepIOAnnotation] ?? "");
      assert.deepEqual(pod.spec.containers[0]?.args, [files[0].path]);
      return [files[0].path, ...artifacts.map(({ path, mode }: { path: string; mode: string }) => `${mode} ${path}`)];
    };
    assert.deepEqual(placesOf("return 1.5"), ["/tmp/kfp_outputs/output_metadata.json"]);
    const directory = "/minio/b/p/7c5e/train-17/0";
    assert.deepEqual(placesOf("print(dsl.get_uri()); return 1.5"), [
      `${directory}/output_metadata.json`,
      `write ${directory}`,
    ]);
  });

  test("is given the directories of runs where it has more inputs than can be mounted one by one", () => {
    const lists = { artifacts: { rows: { ...ports.inputDefinitions.artifacts.rows, isArtifactList: true } } };
    const step = stepOf({ command: lightweight }, { ...ports, inputDefinitions: lists });
    const reads = (count: number, place: (index: number) => string) => {
      const rows = Array.from({ length: count }, (_, index) => ({ ...dataset, id: index, uri: place(index) }));
      const { artifacts }: { artifacts: readonly { uri: string; mode: string }[] } = JSON.parse(
        plan(step, rows).metadata.annotations?.[stepIOAnnotation] ?? "",
      );
      return artifacts.filter(({ mode }) => mode === "read").map(({ uri }) => uri);
    };
    const [one, other] = ["1", "2"].map((digit) => `minio://b/p/${digit}1111111-1111-4111-8111-111111111111`);
    assert.equal(reads(50, (index) => `${one}/make-${index}/0/rows`).length, 50);
    assert.deepEqual(
      reads(10_000, (index) => (index === 7 ? "minio://b/mine" : `${index % 2 ? one : other}/make-${index}/0/rows`)),
      [other, one, "minio://b/mine"],
    );
    assert.throws(
      () => reads(91, (index) => `minio://b/mine/${index}`),
      /Cannot hand 91 input artifacts to "train": they lie in 91 places, and a step can read from 90/,
    );
  });

  test("has what kfp-kubernetes asked for", () => {
    const settings = {
      secretAsEnv: [
        { secretNameParameter: { componentInputParameter: "secret" }, keyToEnv: [{ secretKey: "k", envVar: "K" }] },
      ],
      configMapAsVolume: [{ configMapName: "conf", mountPath: "/conf", optional: true }],
      secretAsVolume: [{ secretNameParameter: { componentInputParameter: "absent" }, mountPath: "/none" }],
      nodeSelector: { labels: { disk: "ssd" } },
      tolerations: [{ key: "gpu", operator: "Exists", effect: "NoSchedule" }],
      podMetadata: { labels: { team: "a", "headrace.io/run": "forged" }, annotations: { note: "b" } },
      activeDeadlineSeconds: "30",
      imagePullPolicy: "Always",
      securityContext: { runAsUser: "1000" },
      emptyDirMounts: [{ volumeName: "tmp", mountPath: "/scratch", sizeLimit: "1Gi" }],
      fieldPathAsEnv: [{ name: "POD", fieldPath: "metadata.name" }],
    };
    const { metadata, spec } = plan(
      stepOf(
        {
          env: [{ name: "A", value: "n={{$.inputs.parameters['n']}}" }],
          resources: {
            resourceCpuLimit: "2",
            cpuRequest: 0.5,
            accelerator: { resourceType: "nvidia.com/gpu", resourceCount: "1" },
          },
        },
        ports,
        settings,
      ),
    );
    const [main] = spec.containers;
    assert.deepEqual(main?.env, [
      { name: "A", value: "n=1" },
      { name: "K", valueFrom: { secretKeyRef: { name: "from-input", key: "k" } } },
      { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ]);
    assert.deepEqual(main?.resources, { requests: { cpu: "0.5" }, limits: { cpu: "2", "nvidia.com/gpu": "1" } });
    assert.deepEqual(main?.volumeMounts, [
      { name: "conf", mountPath: "/conf" },
      { name: "tmp", mountPath: "/scratch" },
    ]);
    assert.deepEqual(spec.volumes, [
      { name: "conf", configMap: { name: "conf", optional: true } },
      { name: "tmp", emptyDir: { sizeLimit: "1Gi" } },
    ]);
    assert.deepEqual(main?.securityContext, { runAsUser: 1000, capabilities: { drop: ["ALL"] } });
    assert.equal(spec.activeDeadlineSeconds, 30);
    assert.deepEqual(spec.nodeSelector, { disk: "ssd" });
    assert.deepEqual(spec.tolerations, [{ key: "gpu", operator: "Exists", effect: "NoSchedule" }]);
    assert.equal(metadata.labels?.["team"], "a");
    assert.equal(metadata.labels?.["headrace.io/run"], "7c5e");
  });

  test("takes its image and its resources from inputs, and a variable without a value is empty", () => {
    const component = {
      inputDefinitions: {
        parameters: {
          image: { parameterType: "STRING", defaultValue: "python:3.12" },
          memory: { parameterType: "STRING", defaultValue: "2Gi" },
        },
      },
    };
    const container = {
      image: "{{$.inputs.parameters['image']}}",
      resources: { resourceMemoryLimit: "{{$.inputs.parameters['memory']}}" },
      env: [{ name: "EMPTY" }],
    };
    const [main] = plan(stepOf(container, component)).spec.containers;
    assert.equal(main?.image, "python:3.12");
    assert.deepEqual(main?.resources, { limits: { memory: "2Gi" } });
    assert.deepEqual(main?.env, [{ name: "EMPTY", value: "" }]);
  });

  test("has variables made of inputs; what the compiler forgot to hand over stays as it left it", () => {
    const component = { inputDefinitions: { parameters: { who: { parameterType: "STRING", defaultValue: "you" } } } };
    const channel = "of {{channel:task=;name=who;type=String;}}";
    const env = [
      { name: "INPUT", value: "of {{$.inputs.parameters['who']}}" },
      { name: "CHANNEL", value: channel },
    ];
    const [main] = plan(stepOf({ image: "alpine", env }, component)).spec.containers;
    assert.deepEqual(main?.env, [
      { name: "INPUT", value: "of you" },
      { name: "CHANNEL", value: channel },
    ]);
  });

  test("has volumes of its own, in memory or as claims, and names that tell long ones apart", () => {
    const long = "a-claim-whose-name-is-longer-than-what-a-volume-may-be-called-in-a-pod";
    const settings = {
      genericEphemeralVolume: [
        {
          volumeName: "scratch",
          mountPath: "/scratch",
          accessModes: ["ReadWriteOnce"],
          size: "1Gi",
          defaultStorageClass: true,
          metadata: { labels: { a: "b" } },
        },
      ],
      enabledSharedMemory: { size: "64Mi" },
      secretAsVolume: [{ secretName: "same", mountPath: "/secret" }],
      configMapAsVolume: [{ configMapName: "same", mountPath: "/map" }],
      pvcMount: [
        { constant: `${long}-1`, mountPath: "/one" },
        { constant: `${long}-2`, mountPath: "/two", subPath: "in" },
      ],
    };
    const { spec } = plan(stepOf({}, ports, settings));
    const [secret, map, one, two, scratch, memory] = spec.volumes ?? [];
    assert.deepEqual([secret?.name, map?.name], ["same", "config-map-same"]);
    for (const claim of [one, two]) assert.match(claim?.name ?? "", /^a-claim-whose-.*-[0-9a-f]{8}$/);
    assert.notEqual(one?.name, two?.name);
    assert.equal(two?.persistentVolumeClaim?.claimName, `${long}-2`);
    assert.deepEqual(scratch?.ephemeral?.volumeClaimTemplate, {
      metadata: { labels: { a: "b" }, annotations: {} },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    });
    assert.deepEqual(memory, { name: "shm", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } });
    assert.deepEqual(spec.containers[0]?.volumeMounts?.at(-1), { name: "shm", mountPath: "/dev/shm" });
  });

  test("is told of all artifacts of a list by one placeholder", () => {
    const rows = { artifactType: { schemaTitle: "system.Dataset" }, isArtifactList: true };
    const component = { inputDefinitions: { artifacts: { rows } } };
    const { spec } = plan(stepOf({ args: ["{{$.inputs.artifacts['rows']}}"] }, component));
    const [told, ...more] = JSON.parse(spec.containers[0]?.args?.[0] ?? "");
    assert.deepEqual([told.name, told.uri, more], ["5", "minio://b/rows", []]);
  });

  test("is no root's where its settings say so", () => {
    const settings = { securityContext: { runAsUser: "0", runAsNonRoot: true } };
    assert.throws(() => plan(stepOf({}, ports, settings)), /runAsUser=0 \(root\) is not allowed: runAsNonRoot is true/);
  });

  test("hands on the settings that its component passes through, and keeps those that it shares", () => {
    const passthroughs = [
      { field: "RESOURCES" },
      { field: "ENV", applyToTask: true },
      { field: "KUBERNETES_VOLUMES", applyToTask: true },
      { field: "KUBERNETES_NODE_SELECTOR" },
    ];
    const component = {
      taskConfigPassthroughs: passthroughs,
      inputDefinitions: {
        parameters: {
          n: { parameterType: "NUMBER_DOUBLE" },
          config: { parameterType: "TASK_CONFIG", isOptional: true },
        },
      },
    };
    const settings = {
      nodeSelector: { labels: { disk: "ssd" } },
      tolerations: [{ key: "gpu", operator: "Exists" }],
      pvcMount: [{ constant: "data", mountPath: "/data" }],
    };
    const container = {
      env: [{ name: "A", value: "1" }],
      resources: { resourceCpuLimit: "2" },
      args: ["{{$.inputs.parameters['config']}}"],
    };
    const { spec } = plan(stepOf(container, component, settings));
    const [main] = spec.containers;
    assert.deepEqual(JSON.parse(main?.args?.[0] ?? ""), {
      affinity: null,
      tolerations: null,
      nodeSelector: { disk: "ssd" },
      env: [{ name: "A", value: "1" }],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
      volumeMounts: [{ name: "data", mountPath: "/data" }],
      resources: { limits: { cpu: "2" } },
    });
    assert.equal(spec.nodeSelector, undefined);
    assert.equal(main?.resources, undefined);
    assert.deepEqual(main?.env, [{ name: "A", value: "1" }]);
    assert.deepEqual(main?.volumeMounts, [{ name: "data", mountPath: "/data" }]);
    assert.deepEqual(spec.tolerations, [{ key: "gpu", operator: "Exists" }], "what is not passed through stays");
  });

  test("has a name that can be a host's, whatever the run's and the task's are", () => {
    const name = podName(`${"Long_Name.".repeat(9)}x`, "for-loop-2 train".repeat(5), 123456, 10);
    assert.match(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    assert.ok(name.length <= 63 && name.endsWith("-123456-10"), name);
    assert.equal(
      fillText("{{$.pipeline_job_name}}", executorInput(stepOf({}).component, values({}), "x"), run, names),
      "My run",
    );
  });
});

describe("a step's report", () => {
  const { component } = stepOf({}, ports);
  const input = executorInput(component, values({ n: 1 }), "minio://b/d");
  const report = (more: Partial<StepReport> = {}): StepReport => ({
    pod: { namespace: "kubeflow", name: "x", uid: "u" },
    exitCode: 0,
    reason: "Completed",
    message: "",
    finishedAt: 1,
    files: {},
    refused: {},
    outputs: { model: { kind: "file", size: 3, digest: "sha256:m", files: 1 } },
    tail: "",
    ...more,
  });
  const read = (more: Partial<StepReport>) => readReport(component, input, report(more));
  const metadata = (value: JsonObject) => ({ files: { [input.outputs.outputFile]: JSON.stringify(value) } });

  test("gives parameters from the file of all outputs, or else from their own", () => {
    const model = {
      name: "model",
      uri: "minio://b/d/model",
      type: { schemaTitle: "system.Model", schemaVersion: "0.0.1" },
      metadata: {},
      digest: "sha256:m",
      size: 3,
    };
    for (const files of [
      metadata({ parameterValues: { score: 0.5 } }),
      { files: { "/tmp/kfp/outputs/score": "0.5\n" } },
    ]) {
      assert.deepEqual(read(files), {
        kind: "succeeded",
        outputs: { parameters: new Map([["score", 0.5]]), artifacts: new Map([["model", [model]]]) },
      });
    }
  });

  test("has the metadata that the component gives an artifact, and what the step wrote over them", () => {
    const model = { artifactType: { schemaTitle: "system.Model" }, metadata: { a: 1, b: 1 } };
    const { component: labelled } = stepOf({}, { outputDefinitions: { artifacts: { model } } });
    const told = executorInput(labelled, values({}), "minio://b/d");
    const kept = (files: JsonObject) => {
      const written = { files: { [told.outputs.outputFile]: JSON.stringify(files) } };
      const result = readReport(labelled, told, report(written));
      return result.kind === "succeeded" ? result.outputs.artifacts.get("model")?.[0]?.metadata : undefined;
    };
    assert.deepEqual(kept({}), { a: 1, b: 1 });
    assert.deepEqual(kept({ artifacts: { model: { artifacts: [{ metadata: { b: 2 } }] } } }), { a: 1, b: 2 });
  });

  test("takes the metadata and the URI that the step gave an artifact", () => {
    const written = { name: "x", uri: "https://h/model", metadata: { a: 1 } };
    const result = read(metadata({ parameterValues: { score: 1 }, artifacts: { model: { artifacts: [written] } } }));
    assert.deepEqual(result.kind === "succeeded" && result.outputs.artifacts.get("model"), [
      {
        name: "model",
        uri: "https://h/model",
        type: { schemaTitle: "system.Model", schemaVersion: "0.0.1" },
        metadata: { a: 1 },
      },
    ]);
  });

  const failures: readonly [what: string, more: Partial<StepReport>, says: RegExp][] = [
    ["a parameter that was not written", {}, /Cannot find output parameter "score": the step did not write it/],
    ["a parameter of another type", metadata({ parameterValues: { score: "high" } }), /high is not a number/],
    ["outputs that are no JSON", { files: { [input.outputs.outputFile]: "{" } }, /Cannot read the step's outputs/],
    ["a file over its limit", { refused: { "/tmp/kfp/outputs/score": "larger than 1 MiB" } }, /larger than 1 MiB/],
    [
      "an artifact with a link in it",
      { outputs: { model: { kind: "refused", reason: "a link" } } },
      /Cannot keep output artifact "model": a link/,
    ],
    [
      "an output that was written where nothing is kept",
      { outputs: { model: { kind: "refused", reason: "it was written to /data/x" } } },
      /Cannot keep output artifact "model": it was written to \/data\/x/,
    ],
    ["the signal that ended it", { exitCode: 139, reason: "Error" }, /code 139 \(SIGSEGV ended it\)/],
    ["its exit code", { exitCode: 3, reason: "Error", tail: "boom" }, /the step exited with code 3$/],
    [
      "a module that stood beside its source",
      { exitCode: 1, reason: "Error", tail: "Traceback\nModuleNotFoundError: No module named 'my_tools.text'\n" },
      /no module "my_tools" there\. A lightweight component brings only the source of its function/,
    ],
    [
      "too little memory",
      { exitCode: 137, reason: "OOMKilled" },
      /more memory than its limit; raise it with set_memory_limit/,
    ],
    [
      "a full disk, of which its log may say nothing",
      { exitCode: 1, reason: "Error", diskFull: true },
      /^the step exited with code 1: the disk of Headrace's data directory is full.*"headrace gc"/,
    ],
    ["an output that a full disk did not take", { diskFull: true }, /the step did not write it: the disk .* is full/],
    [
      "a place without room",
      { exitCode: 1, reason: "Error", tail: "OSError: [Errno 28] No space left on device\n" },
      /^the step exited with code 1: no space was left where it wrote.*below \/tmp$/,
    ],
    ["its deadline", { exitCode: 137, reason: "DeadlineExceeded", message: "" }, /longer than its deadline/],
    [
      "a parameter that no command takes",
      { exitCode: 128, reason: "ContainerCannotRun", message: "[Errno 7] Argument list too long: b'/bin/sh'" },
      /Argument list too long: .* can have 128 KiB: hand larger values on as artifacts$/,
    ],
    [
      "a container that cannot run",
      { exitCode: 128, reason: "ContainerCannotRun", message: "no such file: /x" },
      /ContainerCannotRun: no such file: \/x/,
    ],
  ];
  for (const [what, more, says] of failures) {
    test(`fails the step for ${what}`, () => {
      const result = read(more);
      assert.ok(result.kind === "failed");
      assert.match(result.error.message, says);
    });
  }

  test("that says the pod was lost is no failure", () =>
    assert.equal(read({ exitCode: 137, reason: "Lost" }).kind, "lost"));
});
