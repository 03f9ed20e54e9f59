/** Runs within a guest, as root, once it is up: tries what the kernel's command line says, a line of JSON for each thing to argv[2]. */
import { appendFile } from "node:fs/promises";
import type { Row } from "../table.ts";
import { checksOn, makeUser, readOrder } from "./checks.ts";
import { guests, selected } from "./guests.ts";

const [, , report = "/dev/stdout"] = process.argv;
const order = await readOrder();
await makeUser();
for (const guest of guests.filter(({ name }) => name === order.guest)) {
  for (const { name, attempt } of checksOn(guest).filter((check) => selected(guest, check, order.only))) {
    const row: Row = await attempt().then(
      (note) => ({ name, outcome: "pass", note }),
      (error: unknown) => ({ name, outcome: "miss", note: String(error).slice(0, 600).replaceAll(/\s+/g, " ") }),
    );
    await appendFile(report, `${JSON.stringify(row)}\n`);
  }
}
