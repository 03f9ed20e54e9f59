import { badRequest } from "@headrace/model";
import { isList, isObject, type JsonObject, type JsonValue } from "./json.ts";

/** A place in an uploaded document. Every read that fails throws ApiError BadRequest with the place's path. */
export class Place {
  readonly path: string;
  readonly value: JsonValue | undefined;

  constructor(path: string, value: JsonValue | undefined) {
    this.path = path;
    this.value = value;
  }

  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  fail(why: string): never {
    throw badRequest(`${this.path}: ${why}`);
  }

  at(key: string): Place {
    const object = this.object();
    const path = this.path ? `${this.path}.${key}` : key;
    return new Place(path, Object.hasOwn(object, key) ? object[key] : undefined);
  }

  /** An absent object reads as empty. */
  object(): JsonObject {
    if (this.absent) return {};
    if (!isObject(this.value)) return this.fail("must be an object");
    return this.value;
  }

  entries(): [string, Place][] {
    return Object.keys(this.object()).map((key) => [key, this.at(key)]);
  }

  /** An absent list reads as empty. */
  items(): Place[] {
    if (this.absent) return [];
    if (!isList(this.value)) return this.fail("must be a list");
    return this.value.map((item, index) => new Place(`${this.path}[${index}]`, item));
  }

  /** An absent text reads as empty. */
  text(): string {
    if (this.absent) return "";
    if (typeof this.value !== "string") return this.fail("must be a string");
    return this.value;
  }

  requiredText(): string {
    return this.text() || this.fail("Required value");
  }

  flag(): boolean {
    if (this.absent) return false;
    if (typeof this.value !== "boolean") return this.fail("must be true or false");
    return this.value;
  }

  /** A number, or the decimal text that protobuf's JSON makes of 64-bit ones; `undefined` if absent. */
  number(): number | undefined {
    if (this.absent) return undefined;
    const number = typeof this.value === "string" && this.value !== "" ? Number(this.value) : this.value;
    if (typeof number !== "number" || !Number.isFinite(number)) return this.fail("must be a number");
    return number;
  }

  /** A whole number of at least 0; `fallback` if absent. */
  count(fallback: number): number {
    const number = this.number() ?? fallback;
    if (!Number.isSafeInteger(number) || number < 0) return this.fail("must be a whole number of at least 0");
    return number;
  }

  /** Milliseconds of protobuf's Duration text, such as `3.5s`; `fallback` if absent. */
  duration(fallback: number): number {
    if (this.absent) return fallback;
    const match = /^(\d{1,12}(?:\.\d{1,9})?)s$/.exec(this.text());
    if (!match) return this.fail(`must be a duration in seconds such as "10s"`);
    return Math.round(Number(match[1]) * 1000);
  }

  oneOf<const T extends string>(allowed: readonly T[]): T {
    const text = this.requiredText();
    const found = allowed.find((value) => value === text);
    return (
      found ??
      this.fail(`Unsupported value: "${text}": supported values: ${allowed.map((value) => `"${value}"`).join(", ")}`)
    );
  }
}

/** Every entry of an object; an absent one has none. */
export function readMap<T>(place: Place, read: (at: Place) => T): ReadonlyMap<string, T> {
  return new Map(place.entries().map(([key, at]) => [key, read(at)]));
}
