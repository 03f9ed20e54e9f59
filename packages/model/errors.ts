/** A schema or definition that contradicts itself: a bug in the declaration, found when the module loads. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** Text that isn't what it claims to be: a quantity, a selector, a duration, JSON, a protobuf message. The message says where and why. */
export class ParseError extends Error {
  override readonly name = "ParseError";
}

/** A patch that makes no sense (`malformed`: answer 400) or that this object doesn't take (`inapplicable`: a path that isn't there, a failed test; answer 422). */
export class PatchError extends Error {
  override readonly name = "PatchError";
  readonly code: "malformed" | "inapplicable";

  constructor(code: "malformed" | "inapplicable", message: string) {
    super(message);
    this.code = code;
  }
}
