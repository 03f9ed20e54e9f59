import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "@headrace/model/testing";
import { createPlatform, type Platform } from "@headrace/platform";
import type { Browser, Page } from "playwright-core";
import { findChromium, launchBrowser, openPage, type PageOptions } from "./browser.ts";
import { buildDashboard } from "./build.ts";

// Real pages of a real platform in a real browser. `HEADRACE_CHROMIUM` names the browser where it is not in its usual place.
const env = { HEADRACE_CHROMIUM: process.env["HEADRACE_CHROMIUM"] };
const skip = findChromium(env) === undefined ? "no Chromium is installed (apt-get install chromium)" : false;

const step = (code: string, args: readonly string[] = []) => ({
  container: { image: "python:3", command: ["python3", "-u", "-c", code], args },
});
const input = { parameters: { kind: { componentInputParameter: "pipelinechannel--kinds-loop-item" } } };
const definitions = { parameters: { kind: { parameterType: "STRING" } } };

/** Loads, then trains two kinds of models in a loop; the kind `bad` fails with code 3. */
const pipeline = {
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.17.3",
  pipelineInfo: { name: "pages" },
  deploymentSpec: {
    executors: {
      "exec-load": step("print('rows: 1437')"),
      "exec-train": step("import sys; print('fitting', sys.argv[1]); sys.exit(3 if sys.argv[1] == 'bad' else 0)", [
        "{{$.inputs.parameters['kind']}}",
      ]),
    },
  },
  components: {
    "comp-load": { executorLabel: "exec-load" },
    "comp-train": { executorLabel: "exec-train", inputDefinitions: definitions },
    "comp-loop": {
      inputDefinitions: { parameters: { "pipelinechannel--kinds-loop-item": { parameterType: "STRING" } } },
      dag: { tasks: { train: { componentRef: { name: "comp-train" }, taskInfo: { name: "train" }, inputs: input } } },
    },
  },
  root: {
    inputDefinitions: { parameters: { kinds: { parameterType: "LIST", defaultValue: ["good", "fine"] } } },
    dag: {
      tasks: {
        load: { componentRef: { name: "comp-load" }, taskInfo: { name: "load" } },
        "for-loop-1": {
          componentRef: { name: "comp-loop" },
          taskInfo: { name: "for-loop-1" },
          dependentTasks: ["load"],
          inputs: { parameters: { "pipelinechannel--kinds": { componentInputParameter: "kinds" } } },
          parameterIterator: {
            itemInput: "pipelinechannel--kinds-loop-item",
            items: { inputParameter: "pipelinechannel--kinds" },
          },
        },
      },
    },
  },
};

/** Pages by their headings in both languages. */
const otherPages = [
  ["/pipelines", /^(Pipelines|流水线)/],
  ["/pipeline_versions/new", /^(Upload a pipeline|上传流水线)/],
  ["/runs/new?recurring=1", /^(New schedule|新建定时计划)/],
  ["/experiments", /^(Experiments|实验)/],
  ["/recurringruns", /^(Schedules|定时计划)/],
] as const;

const artifact = (schemaTitle: string) => ({ artifactType: { schemaTitle, schemaVersion: "0.0.1" } });
const makeCode = `import json, sys
made, rate, chart, rows = json.loads(sys.argv[1])["outputs"], float(sys.argv[2]), sys.argv[3], sys.argv[4]
open(chart, "w").write("<p id=it></p><script>it.textContent = 'drawn'</script>")
open(rows, "w").write("id,name\\n1,amber\\n2,basalt\\n")
scores = made["artifacts"]["scores"]["artifacts"][0]
json.dump({"artifacts": {"scores": {"artifacts": [{**scores, "metadata": {"accuracy": rate}}]}}}, open(made["outputFile"], "w"))`;

/** One step makes a chart, rows and a metric, and another takes the rows. */
const makingPipeline = {
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.17.3",
  pipelineInfo: { name: "making" },
  deploymentSpec: {
    executors: {
      "exec-make": step(makeCode, [
        "{{$}}",
        "{{$.inputs.parameters['rate']}}",
        "{{$.outputs.artifacts['chart'].path}}",
        "{{$.outputs.artifacts['rows'].path}}",
      ]),
      "exec-take": step("import sys; print(open(sys.argv[1]).read())", ["{{$.inputs.artifacts['rows'].path}}"]),
    },
  },
  components: {
    "comp-make": {
      executorLabel: "exec-make",
      inputDefinitions: { parameters: { rate: { parameterType: "NUMBER_DOUBLE" } } },
      outputDefinitions: {
        artifacts: {
          chart: artifact("system.HTML"),
          rows: artifact("system.Dataset"),
          scores: artifact("system.Metrics"),
        },
      },
    },
    "comp-take": { executorLabel: "exec-take", inputDefinitions: { artifacts: { rows: artifact("system.Dataset") } } },
  },
  root: {
    inputDefinitions: { parameters: { rate: { parameterType: "NUMBER_DOUBLE" } } },
    dag: {
      tasks: {
        make: {
          componentRef: { name: "comp-make" },
          taskInfo: { name: "make" },
          inputs: { parameters: { rate: { componentInputParameter: "rate" } } },
        },
        take: {
          componentRef: { name: "comp-take" },
          taskInfo: { name: "take" },
          dependentTasks: ["make"],
          inputs: {
            artifacts: { rows: { taskOutputArtifact: { outputArtifactKey: "rows", producerTask: "make" } } },
          },
        },
      },
    },
  },
};

describe("the dashboard", { skip }, () => {
  let scratch: string;
  let platform: Platform;
  let browser: Browser;

  /** A Headrace on a directory of its own; the interpreters of its steps are made once for all of them. */
  const start = async (name: string): Promise<Platform> =>
    createPlatform({
      dataDirectory: join(scratch, name),
      cacheDirectory: join(scratch, "cache"),
      runtimeDirectory: scratch,
      host: "127.0.0.1",
      port: 0,
      kubePort: 0,
      auth: "local",
      shares: [],
      packaging: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? scratch },
      dashboard: (await buildDashboard()).folder,
      log: () => undefined,
    });

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "pages-"));
    platform = await start("data");
    browser = await launchBrowser(env);
  });

  after(async () => {
    await browser?.close();
    await platform?.stop({ keepPods: false });
    await rm(scratch, { recursive: true, force: true });
  });

  const post = async (collection: string, body: object, { running } = platform): Promise<string> => {
    const response = await fetch(`${running.gateway}/apis/v2beta1/${collection}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return text;
  };
  const submit = async (name: string, kinds: readonly string[]): Promise<string> => {
    const body = { display_name: name, pipeline_spec: pipeline, runtime_config: { parameters: { kinds } } };
    const { run_id: id }: { run_id?: string } = JSON.parse(await post("runs", body));
    return id ?? assert.fail("the run has no id");
  };
  /** Uploads the pipeline under a name of the test's own. */
  const upload = async (name: string): Promise<void> => {
    const form = new FormData();
    form.set("uploadfile", new Blob([JSON.stringify(pipeline)]), `${name}.json`);
    const query = new URLSearchParams({ name });
    const url = `${platform.running.gateway}/apis/v2beta1/pipelines/upload?${query}`;
    const response = await fetch(url, { method: "POST", body: form });
    assert.equal(response.status, 200, await response.text());
  };
  const visit = async (
    path: string,
    use: (page: Page) => Promise<void>,
    { running, ...options }: PageOptions & Partial<Pick<Platform, "running">> = {},
  ): Promise<void> => {
    const { page, errors } = await openPage(browser, (running ?? platform.running).gateway, path, options);
    try {
      await use(page);
      assert.deepEqual(errors, []);
    } finally {
      await page.close();
    }
  };
  const sentence = (page: Page, text: RegExp) => page.locator(".page-sentence").filter({ hasText: text }).waitFor();
  const value = (page: Page, label: string, wanted: string) =>
    eventually(`${label} is ${wanted}`, async () => (await page.getByLabel(label).inputValue()) === wanted);

  test("an empty Headrace says so on each page, until there is something", async () => {
    const empty = await start("empty");
    try {
      await visit("/runs", (page) => page.getByText("No pipeline has run here yet.").waitFor(), empty);
      await visit("/pipelines", (page) => page.getByText("No pipeline has been uploaded here.").waitFor(), empty);
      const show = async (page: Page): Promise<void> => {
        await page.getByText("Nothing runs by itself here yet.").waitFor();
        const trigger = { periodic_schedule: { interval_second: "3600" } };
        const schedule = { display_name: "hourly", pipeline_spec: pipeline, trigger, max_concurrency: "1" };
        await post("recurringruns", schedule, empty);
        await page.getByRole("link", { name: "hourly" }).waitFor();
      };
      await visit("/recurringruns", show, empty);
    } finally {
      await empty.stop({ keepPods: false });
    }
  });

  test("a run appears in the list without a reload, and can be followed to its end", async () => {
    await submit("another", ["good"]);
    await visit("/runs?q=follow-me", async (page) => {
      await page.getByText("No run matches this filter.").waitFor();
      await submit("follow-me", ["good", "fine"]);
      await page.getByRole("link", { name: "follow-me" }).click();
      await sentence(page, /^Succeeded in .*: 3 steps/);
      await page.getByRole("button", { name: /^load, Succeeded/ }).click();
      await page.getByRole("log").getByText("rows: 1437").waitFor();
    });
  });

  test("a failed run names the step and its iteration, in graph, table and timeline", async () => {
    const id = await submit("fails", ["good", "bad"]);
    await visit(`/runs/details/${id}`, async (page) => {
      await sentence(page, /Failed after .*: step train \(iteration 2\) failed: .*code 3/);
      await page.getByRole("button", { name: /^train, Failed/ }).click();
      await page.getByRole("log").getByText("fitting bad").waitFor();
      await page.getByRole("button", { name: "Table" }).click();
      await page.locator('tr[aria-selected="true"]').filter({ hasText: "train" }).waitFor();
      await page.getByRole("button", { name: "Timeline" }).click();
      await page.getByRole("option", { selected: true }).filter({ hasText: "train" }).waitFor();
      await page.waitForURL((url) => decodeURIComponent(url.hash).includes("task=for-loop-1[1]/train"));
      await page.getByRole("button", { name: "Graph" }).click();
      await page.locator(".graph").press("[");
      await page.waitForURL(/for-loop-1%5B0%5D|for-loop-1\[0\]/);
    });
    await visit("/executions?q=state:failed", async (page) => {
      await page.getByRole("row").filter({ hasText: "fails" }).waitFor();
      assert.equal(await page.getByText("Succeeded").count(), 0);
    });
  });

  test("a page whose code a newer Headrace has replaced is loaded anew by itself", async () => {
    // Not by `visit`: the browser itself complains of what is not there.
    const { page } = await openPage(browser, platform.running.gateway, "/runs");
    await page.getByRole("heading", { name: /^Runs/ }).waitFor();
    await page.route(/experiments-page/, (route) => route.fulfill({ status: 404 }), { times: 1 });
    await page.route(`${platform.running.gateway}/`, (route) => route.fulfill({ body: "newer" }), { times: 1 });
    await page.getByRole("link", { name: "Experiments" }).click();
    await page.getByRole("heading", { name: /^Experiments/ }).waitFor();
    await page.close();
  });

  const make = (name: string, rate: number): Promise<string> =>
    post("runs", { display_name: name, pipeline_spec: makingPipeline, runtime_config: { parameters: { rate } } });

  test("what steps made appears by itself, can be looked at, and leads to who made and used it", async () => {
    await visit("/artifacts?q=run:makes", async (page) => {
      await make("makes", 0.5);
      await page.getByRole("link", { name: "rows" }).click();
      await page.getByRole("cell", { name: "basalt" }).waitFor();
      await page.getByText("2 rows, 2 columns").waitFor();
      await page.getByRole("navigation").getByRole("link", { name: "Lineage" }).click();
      await page.getByRole("button", { name: /^take/ }).waitFor();
      await page.getByRole("button", { name: /^make/ }).click();
      await page.locator(".panel").getByRole("link", { name: "Open" }).click();
      await sentence(page, /^Step root\/make of run makes/);
      await page.getByRole("button", { name: "chart" }).click();
      await page.frameLocator(".html-frame").getByText("drawn").waitFor();
    });
    await visit("/executions?q=take", async (page) => {
      await page.getByRole("row").filter({ hasText: "makes" }).getByRole("link", { name: "take" }).waitFor();
    });
  });

  test("runs are told apart by a metric, and put side by side", async () => {
    await make("worse", 0.25);
    await make("better", 0.75);
    const row = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text });
    await visit("/runs?q=pipeline:making", async (page) => {
      await page.getByRole("columnheader", { name: "accuracy" }).waitFor();
      // Nothing moves any more once all that is listed is over.
      for (const [name, rate] of [
        ["worse", "0.25"],
        ["better", "0.75"],
      ] as const)
        await row(page, name).filter({ hasText: "Succeeded" }).filter({ hasText: rate }).waitFor();
      // Marking text of a row does not open it.
      const box = await row(page, "better").getByText("Succeeded").boundingBox();
      const [x, y] = [(box?.x ?? 0) + 2, (box?.y ?? 0) + (box?.height ?? 0) / 2];
      await page.mouse.move(x + (box?.width ?? 0), y);
      await page.mouse.down();
      await page.mouse.move(x + 20, y);
      await page.mouse.up();
      const marked = () => page.evaluate(() => String(document.getSelection()));
      await eventually("text is marked", async () => (await marked()).includes("ed"));
      await row(page, "better").getByRole("checkbox").check();
      await row(page, "worse").getByRole("checkbox").check();
      await page.getByRole("link", { name: "Compare" }).click();
      await row(page, "accuracy").getByText("0.25").waitFor();
      await row(page, "accuracy").getByText("0.75").waitFor();
      await page.frameLocator(".html-frame").first().getByText("drawn").waitFor();
      await page.getByRole("button", { name: /^Remove worse/ }).click();
      await page.getByRole("link", { name: "Choose runs" }).waitFor();
    });
  });

  test("archiving and restoring show at once", async () => {
    const id = await submit("archive-me", ["good"]);
    await visit(`/runs/details/${id}`, async (page) => {
      await sentence(page, /^Succeeded/);
      await page.getByRole("button", { name: "Archive" }).click();
      await page.getByRole("button", { name: "Restore" }).click();
      await page.getByRole("button", { name: "Archive" }).waitFor();
    });
  });

  test("the keyboard suffices: search, open, walk through the graph", async () => {
    await submit("by-hand", ["good"]);
    await visit("/runs", async (page) => {
      await page.getByRole("link", { name: "by-hand" }).waitFor();
      await page.keyboard.press("/");
      await page.locator("#search:focus").waitFor();
      await page.keyboard.type("by-ha");
      await page.getByRole("option", { name: /by-hand/ }).waitFor();
      // Who is quicker than the search gets what is looked for all the same.
      await page.keyboard.type("nd");
      await page.keyboard.press("Enter");
      await page.locator(".graph .node").first().waitFor();
      await page.locator(".graph").focus();
      await page.keyboard.press("ArrowRight");
      await page.locator(".panel h2").waitFor();
      await page.keyboard.press("Escape");
      await page.locator(".panel").waitFor({ state: "detached" });
    });
  });

  test("an address without a page and a run that is not there say so and lead back", async () => {
    await visit("/nowhere", async (page) => {
      await page.getByRole("heading", { name: "There is no such page" }).waitFor();
      await page.getByRole("link", { name: "Go to Runs" }).click();
      await page.getByRole("heading", { name: /^Runs/ }).waitFor();
    });
    await visit("/runs/details/none", (page) => page.getByRole("heading", { name: "There is no such run" }).waitFor());
  });

  /** As if a person had dragged the file over the page. */
  const drop = async (page: Page, name: string, text: string): Promise<void> => {
    const data = await page.evaluateHandle(
      ([name, text]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([text ?? ""], name ?? ""));
        return transfer;
      },
      [name, text] as const,
    );
    const target = page.locator(".drop-target");
    for (const event of ["dragenter", "dragover", "drop"]) await target.dispatchEvent(event, { dataTransfer: data });
  };

  test("a pipeline that is dropped on the page can be looked into, and run with other values", async () => {
    await visit("/pipelines", async (page) => {
      await drop(page, "pages.json", JSON.stringify(pipeline));
      await page.getByText("2 steps").waitFor();
      await page.keyboard.press("Control+Enter");
      await page.getByRole("button", { name: /^load, python:3/ }).click();
      await page.locator(".panel").getByText("rows: 1437").waitFor();
      await page.getByRole("link", { name: "Spec" }).click();
      await page.getByRole("searchbox", { name: "Search the text" }).fill("parameterIterator");
      await page.getByText("1 of 1").waitFor();
      await page.getByRole("link", { name: "New run" }).click();
      const kinds = page.getByLabel("kinds");
      await kinds.fill("[good]");
      await page.getByText("This is not JSON").waitFor();
      await kinds.fill('["good", "better"]');
      await page.getByText('params={"kinds": ["good", "better"]}').waitFor();
      await page.getByLabel("Name").fill("from the form");
      await page.keyboard.press("Control+Enter");
      await sentence(page, /^Succeeded in .*: 3 steps/);
      await page.getByRole("link", { name: "Clone" }).click();
      await value(page, "kinds", '["good","better"]');
    });
    await visit("/pipelines", async (page) => {
      await page.getByRole("button", { name: "Show the versions of pages" }).click();
      await page
        .locator("tr", { hasText: "pages" })
        .nth(1)
        .getByRole("link", { name: /^from the form · / })
        .waitFor();
    });
  });

  test("a schedule says when it runs, and can be disabled and cloned", async () => {
    await upload("by-the-clock");
    await visit("/recurringruns", async (page) => {
      await page.getByRole("link", { name: "New schedule" }).first().click();
      await page.getByRole("combobox", { name: "Pipeline" }).focus();
      await page.keyboard.type("by-the");
      await page.getByRole("option", { name: "by-the-clock" }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByLabel("Cron expression").fill("0 9 * * 1");
      await page.getByRole("button", { name: "Write it so" }).click();
      await page.getByText("At 09:00, only on Monday").waitFor();
      await eventually("five times are told", async () => (await page.locator(".next-times li").count()) === 5);
      await page.getByRole("button", { name: "Create schedule" }).click();
      await sentence(page, /^At 09:00, only on Monday; next /);
      await page.getByRole("button", { name: "Disable" }).click();
      await sentence(page, /^Disabled; it would run/);
      await page.getByRole("link", { name: "Clone" }).click();
      await value(page, "Cron expression", "0 0 9 * * 1");
    });
  });

  test("archiving an experiment says what goes with it, and takes it along", async () => {
    await upload("set-aside");
    await visit("/experiments/new", async (page) => {
      await page.getByLabel("Name").fill("baseline");
      await page.keyboard.press("Control+Enter");
      await page.getByText("No run belongs to it yet.").first().waitFor();
      await page.getByRole("link", { name: "New run" }).first().click();
      await page.getByRole("combobox", { name: "Pipeline" }).focus();
      await page.keyboard.type("set-as");
      await page.getByRole("option", { name: "set-aside" }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByLabel("kinds").fill('["good"]');
      await page.getByRole("button", { name: "Start run" }).click();
      await sentence(page, /^Succeeded/);
      await page.goto(page.url().replace(/#.*/, "#/experiments"));
      await page.getByRole("link", { name: "baseline" }).click();
      await page.getByRole("button", { name: "Archive" }).click();
      await page.getByText("1 run is archived with it.").waitFor();
      await page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();
      await sentence(page, /^Archived: no run can be started in it\./);
      await page.goto(page.url().replace(/#.*/, "#/archive/runs"));
      await page.locator("td a.name").first().waitFor();
      await page.goto(page.url().replace(/#.*/, "#/archive/experiments"));
      await page.getByRole("link", { name: "baseline" }).waitFor();
    });
  });

  test("deleting a pipeline asks for its name, and says what goes and what stays", async () => {
    await upload("doomed");
    await visit("/pipelines", async (page) => {
      await page.getByRole("link", { name: "doomed", exact: true }).click();
      await page.getByRole("button", { name: "Delete" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByText("1 version goes with it.").waitFor();
      assert.equal(await dialog.getByRole("button", { name: "Delete" }).isDisabled(), true);
      await dialog.getByRole("textbox").fill("doomed");
      await dialog.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("heading", { name: /^Pipelines/ }).waitFor();
      await page.getByRole("link", { name: "doomed" }).waitFor({ state: "detached" });
    });
    // Not by `visit`: the browser itself complains of what is not there.
    const { page } = await openPage(browser, platform.running.gateway, "/pipelines/details/none");
    await page.getByRole("heading", { name: "There is no such pipeline" }).waitFor();
    await page.close();
  });

  test("nothing scrolls sideways at 390 pixels, in either theme, in Chinese too", async () => {
    await submit("narrow", ["good"]);
    for (const options of [
      { width: 390, theme: "light" },
      { width: 390, theme: "dark", language: "zh" },
    ] as const) {
      await visit(
        "/runs",
        async (page) => {
          await page.locator("td a.name").first().waitFor();
          const width = () => page.evaluate(() => document.documentElement.scrollWidth);
          assert.equal(await width(), 390);
          for (const [path, heading] of otherPages) {
            await page.evaluate((to) => void (location.hash = to), path);
            await page.getByRole("heading", { level: 1, name: heading }).waitFor();
            assert.equal(await width(), 390, path);
          }
        },
        options,
      );
    }
  });
});
