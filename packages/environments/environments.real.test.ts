import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { systemClock, systemIds } from "@headrace/model";
import { createEnvironments, type Environment, EnvironmentError, type Environments } from "./index.ts";

const run = promisify(execFile);

/** Wheels made on the spot, so that the tests need no index. */
const wheelMaker = `
import sys, zipfile
for line in sys.argv[2:]:
    name, version, requires, extra = line.split("|")
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{sys.argv[1]}/{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\\n")
        if extra: wheel.writestr(extra, "import sys; sys.headrace_started = True\\n")
        metadata = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
        wheel.writestr(f"{info}/METADATA", metadata + "".join(f"Requires-Dist: {r}\\n" for r in requires.split(",") if r))
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
`;

describe("environments", () => {
  let directory: string;
  let environments: Environments;
  let minor: string;
  let fetched: Environment;
  const open = (settings: { online: boolean; cache?: string } = { online: false }): Environments =>
    createEnvironments({
      cacheDirectory: join(directory, settings.cache ?? "cache"),
      indexEnvironment: settings.online
        ? process.env
        : { ...process.env, PIP_FIND_LINKS: join(directory, "wheels"), PIP_NO_INDEX: "1" },
      clock: systemClock,
      ids: systemIds,
      allowSourceBuilds: false,
    });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "environments-"));
    await run("mkdir", [join(directory, "wheels")]);
    await run("python3", [
      "-c",
      wheelMaker,
      join(directory, "wheels"),
      "mill|1.0||",
      "mill|2.0||",
      "weir|1.0|mill<2|",
      "starter|1.0||starter.pth",
      "kfp|9.0|absent-package|",
    ]);
    minor = (await run("python3", ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])).stdout.trim();
    const online = open({ online: true });
    fetched = await online.resolve({ image: `python:${minor}` });
    await online.close();
    await rm(join(directory, "cache", "envs"), { recursive: true });
    environments = open();
  });

  it("fetches uv from the configured index where the host has none", () => {
    assert.ok(fetched.cell);
  });

  after(async () => {
    await environments.close();
    await rm(directory, { recursive: true, force: true });
  });

  const python = async (path: string, code: string): Promise<string> =>
    (await run(path, ["-I", "-c", code])).stdout.trim();

  it("gives distributions and node the host's own root, and says so", async () => {
    const bare = await environments.resolve({ image: "public.ecr.aws/docker/library/alpine:3.20" });
    assert.equal(bare.cell, undefined);
    assert.match(bare.mapping, /host's own root/);
    assert.equal(bare.variables["PATH"]?.includes("/usr/bin"), true);
  });

  it("says that its cache may not be written, and tries again", async () => {
    await writeFile(join(directory, "blocked"), "no folder");
    const blocked = open({ online: false, cache: "blocked" });
    const resolve = () => blocked.resolve({ image: `python:${minor}`, packages: { installs: [] } });
    await assert.rejects(
      resolve,
      (error) => error instanceof EnvironmentError && error.message.startsWith("Cannot write to the cache"),
    );
    await rm(join(directory, "blocked"));
    assert.doesNotMatch(String(await resolve().catch((error: unknown) => error)), /Cannot write to the cache/);
    await blocked.close();
  });

  it("refuses an unknown image with the mapping to apply", async () => {
    await assert.rejects(
      () => environments.resolve({ image: "quay.io/me/train:7@sha256:0123" }),
      (error) =>
        error instanceof EnvironmentError &&
        error.code === "unmapped" &&
        /kind: ImageMapping/.test(error.remedy) &&
        /image: "quay.io\/me\/train:7"/.test(error.remedy),
    );
  });

  it("builds python:X.Y with pip once for concurrent calls, and finds it again in another process", async () => {
    const said: string[] = [];
    const [one, other] = await Promise.all([
      environments.resolve({ image: `python:${minor}`, onProgress: (message) => said.push(message) }),
      environments.resolve({ image: `docker.io/library/python:${minor}`, onProgress: (message) => said.push(message) }),
    ]);
    assert.equal(one.cell?.digest, other.cell?.digest);
    assert.ok(one.cell);
    assert.equal(await python(one.cell.python, "import sys; print('%d.%d' % sys.version_info[:2])"), minor);
    assert.match(await python(one.cell.python, "import pip; print(pip.__version__)"), /^\d/);
    assert.deepEqual(said, ["Making the environment"]);
    assert.equal((await stat(one.cell.path)).mode & 0o055, 0o055);

    const again = open();
    const found = await again.resolve({ image: `python:${minor}`, onProgress: () => assert.fail("built again") });
    assert.deepEqual(found.cell, one.cell);
    await again.close();
  });

  it("installs what a step asks for, resolved together", async () => {
    const environment = await environments.resolve({
      image: `python:${minor}`,
      packages: { installs: [{ requirements: ["mill"] }, { requirements: ["weir"] }] },
    });
    assert.ok(environment.cell);
    assert.equal(
      await python(environment.cell.python, "import mill, weir; print(mill.version, weir.version)"),
      "1.0 1.0",
    );
    assert.deepEqual(environment.notes, []);
    assert.deepEqual(environment.warm, { ok: true });
  });

  it("installs contradicting requirements one after the other, as pip does, and says so", async () => {
    const environment = await environments.resolve({
      image: `python:${minor}`,
      packages: { installs: [{ requirements: ["weir"] }, { requirements: ["mill==2.0"] }] },
    });
    assert.ok(environment.cell);
    assert.equal(
      await python(environment.cell.python, "import mill, weir; print(mill.version, weir.version)"),
      "2.0 1.0",
    );
    assert.match(environment.notes.join(), /contradict/);
  });

  it("leaves dependencies out where the step says --no-deps, and preloads kfp", async () => {
    const environment = await environments.resolve({
      image: `python:${minor}`,
      packages: { installs: [{ requirements: ["mill"] }, { requirements: ["kfp==9.0"], noDeps: true }] },
    });
    assert.equal(environment.cell?.preload.includes("kfp.dsl"), true);
  });

  it("keeps environments that run code at every start out of warm interpreters", async () => {
    const environment = await environments.resolve({
      image: `python:${minor}`,
      packages: { installs: [{ requirements: ["starter"] }] },
    });
    assert.deepEqual(environment.warm, {
      ok: false,
      reason: "starter.pth runs code at every start of the interpreter",
    });
  });

  it("says what the tool said when a requirement cannot be met", async () => {
    await assert.rejects(
      environments.resolve({ image: `python:${minor}`, packages: { installs: [{ requirements: ["mill==7"] }] } }),
      (error) => error instanceof EnvironmentError && error.code === "build-failed" && /mill==7/.test(error.message),
    );
  });

  it("refuses options and host paths in the place of requirements", async () => {
    for (const requirement of [
      "--index-url=http://x",
      "/etc/passwd",
      "mill @ file:///etc/mill.whl",
      "mill --hash=x",
      "a\nb",
    ]) {
      await assert.rejects(
        async () =>
          environments.resolve({ image: `python:${minor}`, packages: { installs: [{ requirements: [requirement] }] } }),
        (error) =>
          error instanceof EnvironmentError &&
          error.code === "refused" &&
          error.message.includes("installs[0].requirements[0]"),
        requirement,
      );
    }
  });

  it("asks no URL of a step's choice from outside of the sandbox, unless the steps are the operator's own", async () => {
    for (const install of [
      { requirements: ["mill @ https://example.test/mill.whl"] },
      { requirements: ["git+https://example.test/mill"] },
      { requirements: ["mill"], indexUrl: "https://example.test/simple" },
    ]) {
      await assert.rejects(
        environments.resolve({ image: `python:${minor}`, packages: { installs: [install] } }),
        (error) =>
          error instanceof EnvironmentError && error.code === "refused" && /within its sandbox/.test(error.remedy),
        JSON.stringify(install),
      );
    }
  });

  it("follows an administrator's mapping before its own", async () => {
    const environment = await environments.resolve({
      image: "quay.io/me/train:7",
      mappings: [
        { image: "quay.io/*", python: "2.7" },
        { image: "quay.io/me/train", python: minor, requirements: ["mill<2"] },
      ],
    });
    assert.ok(environment.cell);
    assert.equal(await python(environment.cell.python, "import mill; print(mill.version)"), "1.0");
  });

  it("says no to a Python that the host has not and cannot get", async () => {
    await assert.rejects(
      environments.resolve({ image: "python:2.7" }),
      (error) => error instanceof EnvironmentError && error.code === "no-python" && /ImageMapping/.test(error.remedy),
    );
  });

  it("puts a writable layer over the environment for steps that call pip themselves", async () => {
    const environment = await environments.resolve({
      image: `python:${minor}`,
      packages: { installs: [{ requirements: ["mill<2"] }] },
    });
    assert.ok(environment.cell && environment.layer);
    const layer = join(directory, "layer");
    mkdirSync(layer);
    environment.layer.create(layer);
    await run(join(layer, "bin", "pip"), [
      "install",
      "--quiet",
      "--no-index",
      "--find-links",
      join(directory, "wheels"),
      "mill==2.0",
    ]);
    assert.equal(await python(join(layer, "bin", "python"), "import mill; print(mill.version)"), "2.0");
    assert.equal(await python(environment.cell.python, "import mill; print(mill.version)"), "1.0");
  });

  it("rejects a caller that gives up without ending the build", async () => {
    const giveUp = new AbortController();
    giveUp.abort(new EnvironmentError("build-failed", "gave up", ""));
    const wanted = { image: `python:${minor}`, packages: { installs: [{ requirements: ["mill==1.0"] }] } };
    await assert.rejects(environments.resolve({ ...wanted, signal: giveUp.signal }), /gave up/);
    await environments.resolve(wanted);
  });

  it("writes the lock beside the environment", async () => {
    const environment = await environments.resolve({
      image: `python:${minor}`,
      packages: { installs: [{ requirements: ["weir"] }] },
    });
    const lock = await readFile(join(environment.cell?.path ?? "", "headrace-lock.txt"), "utf8");
    assert.match(lock, /^mill==1\.0 --hash=sha256:[0-9a-f]{64}$/m);
  });
});
