/** A schema or definition that contradicts itself: a bug in the declaration, found when the module loads. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** Text that isn't what it claims to be: a quantity, a selector, a duration, JSON, a protobuf message. The message says where and why. */
export class ParseError extends Error {
  override readonly name = "ParseError";
}

/** A patch that can't be applied to this object: a path that isn't there, a failed test, a directive that makes no sense. */
export class PatchError extends Error {
  override readonly name = "PatchError";
}
