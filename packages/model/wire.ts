import { ParseError } from "./errors.ts";

/** One field of a protobuf message as it lies on the wire. Fixed 32-bit values are read as integers, fixed 64-bit ones as doubles. */
export type WireValue = { readonly number: number } & (
  | { readonly type: "integer"; readonly integer: bigint }
  | { readonly type: "double"; readonly double: number }
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
);

/** Reads a protobuf message field by field; knows nothing of what the fields mean. Throws ParseError where the bytes make no sense. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next field, or undefined at the end. */
  next(): WireValue | undefined {
    if (this.#at === this.#bytes.length) return undefined;
    const tag = this.#varint();
    const number = Number(tag >> 3n);
    if (number < 1 || number > 536_870_911)
      throw new ParseError(`Cannot read the protobuf message: ${number} is no field number`);
    switch (Number(tag & 7n)) {
      case 0:
        return { number, type: "integer", integer: BigInt.asIntN(64, this.#varint()) };
      case 1:
        return { number, type: "double", double: this.#view.getFloat64(this.#skip(8), true) };
      case 2:
        return { number, type: "bytes", bytes: this.#take(Number(this.#varint())) };
      case 5:
        return { number, type: "integer", integer: BigInt(this.#view.getInt32(this.#skip(4), true)) };
      default:
        throw new ParseError(`Cannot read the protobuf message: field ${number} has wire type ${tag & 7n}`);
    }
  }

  /** All the bytes as integers, one after the other. */
  packed(): bigint[] {
    const values: bigint[] = [];
    while (this.#at < this.#bytes.length) values.push(BigInt.asIntN(64, this.#varint()));
    return values;
  }

  #varint(): bigint {
    const first = this.#byte();
    if (first < 0x80) return BigInt(first);
    let value = BigInt(first & 0x7f);
    for (let shift = 7n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new ParseError("Cannot read the protobuf message: an integer is longer than ten bytes");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw truncated();
    return byte;
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Where the bytes that are passed over begin. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw truncated();
    this.#at = start + length;
    return start;
  }
}

function truncated(): ParseError {
  return new ParseError("Cannot read the protobuf message: it ends in the middle of a field");
}
