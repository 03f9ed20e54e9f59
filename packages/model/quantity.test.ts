import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityNumber,
  tryParseQuantity,
} from "./index.ts";

test("quantities are written in their canonical form", () => {
  const canonical: Readonly<Record<string, string>> = {
    "0": "0",
    "0.0": "0",
    "1.5": "1500m",
    "0.5": "500m",
    "1000m": "1",
    "1000": "1k",
    "1500": "1500",
    "100000": "100k",
    "1024Mi": "1Gi",
    "1.5Gi": "1536Mi",
    "0.5Ki": "512",
    "1Ki": "1Ki",
    "100Ki": "100Ki",
    "1e3": "1e3",
    "12e6": "12e6",
    "1E3": "1e3",
    "1E": "1E",
    "2e-3": "2e-3",
    "+5": "5",
    "-1.5": "-1500m",
    ".5": "500m",
    "5.": "5",
    "0.0000000001": "1n",
    "123m": "123m",
    "9223372036854775807": "9223372036854775807",
  };
  for (const [text, expected] of Object.entries(canonical)) assert.equal(canonicalQuantity(text), expected, text);
  assert.equal(canonicalQuantity(2), "2");
});

test("what is no quantity is refused", () => {
  for (const text of ["", ".", "-", "1 Gi", "1gb", "1KI", "1ki", "1e", "e3", "0x1", "1e1234", "9".repeat(200)]) {
    assert.equal(tryParseQuantity(text), undefined, text);
  }
  assert.throws(() => parseQuantity("1GB"), /quantities must match/);
});

test("a huge quantity is capped", () => {
  assert.equal(quantityNumber("1e300"), quantityNumber("9223372036854775807"));
});

test("quantities compare and add by value, whatever their suffix", () => {
  assert.equal(compareQuantities("1Gi", "1024Mi"), 0);
  assert.equal(compareQuantities("1G", "1Gi"), -1);
  assert.equal(compareQuantities("1", "999m"), 1);
  assert.equal(addQuantities("0", "500Mi", "524Mi"), "1Gi");
  assert.equal(addQuantities("250m", "1"), "1250m");
  assert.equal(quantityNumber("2500m"), 2.5);
});

const quantity = fc
  .tuple(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.constantFrom("", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "e-2"),
  )
  .map(([number, suffix]) => `${number}${suffix}`);

test("the canonical form has the same value and is its own canonical form", () => {
  fc.assert(
    fc.property(quantity, (text) => {
      const form = formatQuantity(parseQuantity(text));
      assert.equal(compareQuantities(form, text), 0);
      assert.equal(canonicalQuantity(form), form);
    }),
  );
});

test("comparison is an order that addition keeps", () => {
  fc.assert(
    fc.property(quantity, quantity, quantity, (a, b, c) => {
      assert.equal(compareQuantities(a, b), -compareQuantities(b, a) + 0);
      assert.equal(compareQuantities(addQuantities(a, c), addQuantities(b, c)), compareQuantities(a, b));
    }),
  );
});
