import { writeSync } from "node:fs";
import { openSqliteStore } from "../sqlite.ts";
import { create, key } from "./conformance.ts";

/** Writes objects, eight at a time, until it is killed; prints each revision once it was acknowledged. */
const store = await openSqliteStore({ path: process.argv[2] ?? "" });
for (let n = store.revision; ; n += 8) {
  const writes = Array.from({ length: 8 }, (_, index) => create(store, key("a", `thing-${n + index}`)));
  for (const { revision } of await Promise.all(writes)) writeSync(1, `${revision}\n`);
}
