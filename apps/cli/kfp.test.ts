import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "./connection.ts";
import { type Collection, findItem, listItems } from "./kfp.ts";

interface Thing {
  readonly id: string;
  readonly name: string;
}

const things: Collection<Thing> = {
  kind: "thing",
  path: "/things",
  itemsOf: (answer) => answer["things"] as readonly Thing[] | undefined,
  idOf: ({ id }) => id,
  nameOf: ({ name }) => name,
  columns: [],
};

/** A Headrace that has these. */
const having = (...all: readonly Thing[]): Pick<Connection, "call"> => ({ call: async () => ({ things: all }) });

const find = (reference: string, ...all: readonly Thing[]): Promise<Thing> =>
  findItem(having(...all), things, reference);

const one = { id: "3f6c9a52", name: "nightly" };
const two = { id: "3f6cffff", name: "weekly" };

test("an item is found by its id, the beginning of it, and its name", async () => {
  for (const reference of ["3f6c9a52", "3f6c9", "nightly"]) assert.equal(await find(reference, one, two), one);
  assert.equal(await find("weekly", one, two), two);
});

test("an id that is another one's beginning or name means itself", async () => {
  const short = { id: "3f6c", name: "weekly" };
  assert.equal(await find("3f6c", one, short, { id: "0", name: "3f6c" }), short);
});

test("what is not unique is refused with what it may mean, and so is what is not there", async () => {
  await assert.rejects(find("3f6c", one, two), { message: '2 things are meant by "3f6c"' });
  await assert.rejects(find("night", one, two), { message: 'There is no thing "night"' });
});

test("nothing means nothing, also where there is only one", async () => {
  await assert.rejects(find("", one), { message: "Cannot find a thing: its id or name is empty" });
});

test("as many are listed as asked for of those that are wanted, however many pages have none", async () => {
  const pages = [[one], [two], [one, two]];
  const paged: Pick<Connection, "call"> = {
    async call(_method, path) {
      const page = Number(new URLSearchParams(path.split("?")[1]).get("page_token") || 0);
      return { things: pages[page] ?? [], next_page_token: page + 1 < pages.length ? String(page + 1) : "" };
    },
  };
  const isTwo = (thing: Thing): boolean => thing === two;
  assert.deepEqual(await listItems(paged, things, {}, 9, isTwo), [two, two]);
  assert.deepEqual(await listItems(paged, things, {}, 1, isTwo), [two]);
  assert.deepEqual(await listItems(paged, things, {}, 3), [one, two, one]);
});
