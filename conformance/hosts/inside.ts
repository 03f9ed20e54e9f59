/** Runs within a guest, as root, once it is up: tries what the kernel's command line says, a line of JSON for each thing to argv[2]. */
import { appendFile } from "node:fs/promises";
import type { Row } from "../table.ts";
import { checksOn, gatherEvidence, makeUser, readOrder } from "./checks.ts";
import { guests, selected, type Word } from "./guests.ts";

const [, , report = "/dev/stdout"] = process.argv;
const say = (word: Word): Promise<void> => appendFile(report, `${JSON.stringify(word)}\n`);

const order = await readOrder();
await makeUser();
for (const guest of guests.filter(({ name }) => name === order.guest)) {
  for (const { name, attempt } of checksOn(guest).filter((check) => selected(guest, check, order.only))) {
    await say({ trying: name });
    const row: Row = await attempt().then(
      (note) => ({ name, outcome: "pass", note }),
      (error: unknown) => ({ name, outcome: "miss", note: String(error).slice(0, 600).replaceAll(/\s+/g, " ") }),
    );
    if (row.outcome === "miss") await say({ evidence: await gatherEvidence() });
    await say(row);
  }
}
