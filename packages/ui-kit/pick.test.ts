import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { confirmed, entered, found, left, searched, untouched } from "./pick.ts";

const options = ["digits", "hello", "hello again"].map((label) => ({ value: label, label }));
const [digits, hello] = options;

describe("a field that is a search and a choice", () => {
  test("finds by any part of a label, and chooses what is at hand by Enter", () => {
    const search = searched(" HELLO");
    assert.deepEqual(found(options, search).length, 2);
    assert.equal(confirmed(search, options), hello);
    assert.equal(confirmed({ ...search, at: 1 }, options), options[2]);
  });

  test("begins at what is chosen already", () => {
    assert.equal(confirmed(entered(untouched, options, "hello"), options), hello);
    assert.equal(confirmed(entered(untouched, options, "gone"), options), digits);
  });

  test("keeps what is typed and entered before there are options, wherever the reader goes meanwhile", () => {
    const waiting = confirmed(searched("hel"), undefined);
    assert.ok("typed" in waiting);
    const away = left(waiting);
    assert.deepEqual([away.typed, away.isOpen, away.isAwaited], ["hel", false, true]);
    assert.equal(entered(away).typed, "hel");
    assert.equal(confirmed(away, options), hello);
  });

  test("keeps what has no match until the reader leaves it", () => {
    const search = searched("nothing");
    assert.deepEqual(confirmed(search, options), search);
    assert.equal(left(search), untouched);
    assert.deepEqual(confirmed({ ...search, isAwaited: true }, options), search);
  });

  test("awaits nothing where nothing is typed", () => {
    assert.equal(left(entered(untouched)), untouched);
    const waiting = confirmed(entered(untouched), undefined);
    assert.ok("typed" in waiting && !waiting.isAwaited);
  });
});
