import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WalSync } from "./wal-sync.ts";

test("a log that is there is synced, again and again, and after a failed sync nothing more is promised", async () => {
  const directory = mkdtempSync(join(tmpdir(), "headrace-sync-"));
  writeFileSync(join(directory, "good-wal"), "frames");
  // No disk stands behind a file of /proc, so the system refuses to sync it.
  symlinkSync("/proc/self/status", join(directory, "bad-wal"));
  {
    using good = new WalSync(join(directory, "good"));
    await good.sync();
    await good.sync();
    good.refuseAfterFailure();
    using bad = new WalSync(join(directory, "bad"));
    bad.refuseAfterFailure();
    await assert.rejects(bad.sync(), { code: "EINVAL" });
    assert.throws(() => bad.refuseAfterFailure(), { code: "EINVAL" });
  }
  rmSync(directory, { recursive: true });
});
