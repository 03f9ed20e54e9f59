import assert from "node:assert/strict";
import { test } from "node:test";
import { testClock, testIds } from "@headrace/model/testing";
import { openRecords } from "@headrace/records";
import { pipelineMigrations } from "./migrations.ts";

interface OlderTables {
  pipeline: Record<string, string | number>;
  pipeline_version: Record<string, string | number>;
}

test("pipelines from before they were objects get names, each its own", async () => {
  const records = await openRecords({ path: ":memory:", clock: testClock(), ids: testIds() });
  await records.migrate(pipelineMigrations.filter(({ id }) => id < 4));
  const texts = { ns: "kubeflow", description: "", tags: "{}", created_at: 1 };
  const pipeline = (id: string, name: string) => ({ ...texts, id, name, display_name: name });
  const version = (id: string, owner: string, name: string) => ({
    ...pipeline(id, name),
    pipeline: owner,
    spec: "digest",
    package_url: "",
    code_source_url: "",
  });
  await records.all<OlderTables>().transaction(async ({ db }) => {
    await db
      .insertInto("pipeline")
      .values([pipeline("11111111", "a"), pipeline("22222222", "a-b"), pipeline("33333333", "Ein Name!")])
      .execute();
    await db
      .insertInto("pipeline_version")
      .values([
        version("44444444", "11111111", "b-c"),
        version("55555555", "22222222", "c"),
        version("66666666", "33333333", "1"),
      ])
      .execute();
  });
  await records.migrate(pipelineMigrations);
  const { db } = records.all<OlderTables>();
  const names = async (table: keyof OlderTables) =>
    (await db.selectFrom(table).select("object").orderBy("id").execute()).map(({ object }) => object);
  assert.deepEqual(await names("pipeline"), ["a", "a-b", "ein-name-33333333"]);
  assert.deepEqual(await names("pipeline_version"), ["a-b-c", "a-b-c-55555555", "ein-name-1-66666666"]);
  await records.close();
});
