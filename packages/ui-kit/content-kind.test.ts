import assert from "node:assert/strict";
import { test } from "node:test";
import { contentKind, imageType } from "./content-kind.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const kindOf = (text: string, name = "output"): string => contentKind(bytes(text), name);

test("what a step wrote without an extension is known by its first bytes", () => {
  assert.equal(contentKind(Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10]), "picture"), "image");
  assert.equal(kindOf("PAR1..."), "parquet");
  assert.equal(kindOf('{"a": [1, 2'), "json");
  assert.equal(kindOf("[\n  1, 2"), "json");
  assert.equal(kindOf("id,name\n1,x\n2,y\n3,"), "table");
  assert.equal(kindOf('id;name\n1;"a;b"\n2;c\n'), "table");
  assert.equal(kindOf("Dear reader,\nthis is no table, or is it?\nNo.\n"), "text");
  assert.equal(kindOf("[info] started\n[info] ended\n"), "text");
  assert.equal(kindOf("{{ template }}"), "text");
  assert.equal(contentKind(Uint8Array.from([1, 0, 2]), "weights"), "binary");
});

test("a name with an extension decides", () => {
  assert.equal(kindOf("# Title", "README.md"), "markdown");
  assert.equal(kindOf("a b c", "data.tsv"), "table");
  assert.equal(kindOf("\u0000", "x.parquet"), "parquet");
});

test("an image's media type is that of its bytes, whatever it is called", () => {
  assert.equal(imageType(Uint8Array.from([0xff, 0xd8, 0xff, 0xe0])), "image/jpeg");
  assert.equal(imageType(bytes("RIFF1234WEBPVP8")), "image/webp");
  assert.equal(imageType(bytes("<svg xmlns")), "image/svg+xml");
  assert.equal(imageType(bytes("text")), undefined);
});
