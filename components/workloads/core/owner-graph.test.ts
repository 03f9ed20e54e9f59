import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judge, type Standing, type Verdict } from "./owner-graph.ts";

interface Case {
  readonly says: string;
  readonly standings: Readonly<Record<string, Standing>>;
  readonly finalizers?: readonly string[];
  readonly isDeleting?: boolean;
  readonly hasDependents?: boolean;
  readonly verdict: Verdict;
}

const cases: readonly Case[] = [
  { says: "stays while its only owner does", standings: { a: "solid" }, verdict: { action: "keep" } },
  {
    says: "goes when its only owner went",
    standings: { a: "gone" },
    verdict: { action: "delete", policy: "Background" },
  },
  {
    says: "stays with one owner and loses the one that went",
    standings: { a: "solid", b: "gone" },
    verdict: { action: "dropOwners", uids: ["b"] },
  },
  {
    says: "stays with one owner and lets the one go that waits for it",
    standings: { a: "solid", b: "waiting", c: "gone" },
    verdict: { action: "dropOwners", uids: ["c", "b"] },
  },
  {
    says: "goes before an owner that waits, at once when nothing depends on it",
    standings: { a: "waiting" },
    verdict: { action: "delete", policy: "Background" },
  },
  {
    says: "goes before an owner that waits, after its own dependents",
    standings: { a: "waiting" },
    hasDependents: true,
    verdict: { action: "delete", policy: "Foreground" },
  },
  {
    says: "goes in the way that its finalizers ask for",
    standings: { a: "gone" },
    finalizers: ["orphan"],
    verdict: { action: "delete", policy: "Orphan" },
  },
  { says: "is not deleted twice", standings: { a: "gone" }, isDeleting: true, verdict: { action: "keep" } },
];

describe("an owned object", () => {
  for (const { says, standings, finalizers = [], isDeleting = false, hasDependents = false, verdict } of cases) {
    test(says, () => {
      const metadata = { name: "x", finalizers, ...(isDeleting && { deletionTimestamp: "2026-01-01T00:00:00Z" }) };
      const object = { apiVersion: "v1", kind: "ConfigMap", metadata };
      assert.deepEqual(judge(object, new Map(Object.entries(standings)), hasDependents), verdict);
    });
  }
});
