import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chown, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startFresh } from "@headrace/platform/testing";

const bin = fileURLToPath(new URL("../bin/headrace.js", import.meta.url));
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

interface Said {
  readonly status: number;
  readonly output: string;
  readonly left: readonly string[];
}

/** Runs `headrace doctor` with a home of its own, as root or as nobody. */
async function doctor(
  words: readonly string[],
  { user = "ours", ...names }: { readonly user?: "ours" | "nobody"; readonly runtime?: string } = {},
): Promise<Said> {
  const home = await mkdtemp(join(tmpdir(), "headrace-doctor-test-"));
  const runtime = join(home, names.runtime ?? "run");
  await mkdir(runtime, { mode: 0o700 });
  if (user === "nobody") for (const path of [home, runtime]) await chown(path, nobody, nobody);
  const become =
    user === "nobody" ? ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--inh-caps=-all"] : [];
  const [program = process.execPath, ...rest] = [...become, process.execPath, bin, "doctor", ...words];
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: home, XDG_RUNTIME_DIR: runtime };
  try {
    const said = await new Promise<Omit<Said, "left">>((resolve) =>
      execFile(program, rest, { env, cwd: "/" }, (error, output, complaints) =>
        resolve({ status: error === null ? 0 : Number(error.code ?? 1), output: output + complaints }),
      ),
    );
    return { ...said, left: await readdir(runtime) };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

interface Report {
  readonly mode: string;
  readonly findings: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  readonly selfTest?: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

const expected = [
  "python",
  "system",
  "user namespaces",
  "isolation",
  "limits",
  "network",
  "python versions",
  "uv",
  "proxy",
  "memory",
  "data directory",
  "cache directory",
  "inotify",
  "open files",
  "ports",
];

describe("headrace doctor", () => {
  const users = isRoot ? (["ours", "nobody"] as const) : (["ours"] as const);
  for (const user of users) {
    test(`says what ${user === "nobody" ? "an ordinary user" : "this user"} can do here, and that steps are kept in`, async () => {
      const { status, output, left } = await doctor(["--self-test", "--output", "json"], { user });
      assert.equal(status, 0, output);
      const report: Report = JSON.parse(output);
      assert.equal(report.mode, isRoot && user === "ours" ? "root" : "user");
      assert.deepEqual(
        report.findings.map(({ name }) => name),
        expected,
      );
      assert.deepEqual(
        report.selfTest?.filter(({ ok }) => !ok),
        [],
      );
      assert.deepEqual(left, []);
    });
  }

  test("works beside a Headrace that runs, and leaves it alone", async () => {
    await using fresh = await startFresh();
    const { status, output } = await doctor(["--self-test"]);
    assert.equal(status, 0, output);
    assert.match(output, /^All \d+ hold$/m);
    const response = await fetch(`${fresh.platform.running.gateway}/apis/v2beta1/healthz`);
    assert.equal(response.status, 200);
  });

  test("says why steps cannot run here, with exit status 1", async () => {
    const { status, output } = await doctor(["--self-test", "--output", "json"], { runtime: "r".repeat(100) });
    assert.equal(status, 1);
    const report: Report = JSON.parse(output);
    assert.equal(report.mode, "process");
    const finding = report.findings.find(({ name }) => name === "containers");
    assert.equal(finding?.ok, false);
    assert.match(finding?.detail ?? "", /a socket's path may have 107 bytes; choose a shorter one/);
    assert.deepEqual(report.selfTest, [finding]);
  });

  test("tries nothing out unless it is asked to", async () => {
    const { status, output } = await doctor([]);
    assert.equal(status, 0, output);
    assert.doesNotMatch(output, /Self-test/);
    assert.match(output, /✔ isolation/);
  });
});
