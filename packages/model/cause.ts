import type { StatusCause } from "./status.ts";

/** Causes of a 422, in the wording of Kubernetes' field errors. Paths are in upstream's form: `spec.containers[0].name`, `metadata.labels[a/b]`. */
export const cause = {
  required: (field: string, detail = ""): StatusCause =>
    made("FieldValueRequired", field, `Required value${detail && `: ${detail}`}`),
  forbidden: (field: string, detail: string): StatusCause => made("FieldValueForbidden", field, `Forbidden: ${detail}`),
  invalid: (field: string, value: unknown, detail: string): StatusCause =>
    made("FieldValueInvalid", field, `Invalid value: ${shown(value)}: ${detail}`),
  duplicate: (field: string, value: unknown): StatusCause =>
    made("FieldValueDuplicate", field, `Duplicate value: ${shown(value)}`),
  notFound: (field: string, value: unknown): StatusCause =>
    made("FieldValueNotFound", field, `Not found: ${shown(value)}`),
  notSupported: (field: string, value: unknown, supported: readonly (string | number)[]): StatusCause =>
    made(
      "FieldValueNotSupported",
      field,
      `Unsupported value: ${shown(value)}: supported values: ${supported
        .map((each) => JSON.stringify(each))
        .toSorted()
        .join(", ")}`,
    ),
  tooLong: (field: string, limit: number): StatusCause =>
    made("FieldValueTooLong", field, `Too long: may not be more than ${limit} bytes`),
  tooMany: (field: string, count: number, limit: number): StatusCause =>
    made(
      "FieldValueTooMany",
      field,
      `Too many: ${count}: must have at most ${limit} ${limit === 1 ? "item" : "items"}`,
    ),
  wrongType: (field: string, value: unknown, expected: string): StatusCause => {
    const found = JSON.stringify(typeName(value));
    return made(
      "FieldValueTypeInvalid",
      field,
      `Invalid value: ${found}: ${field} in body must be of type ${expected}: ${found}`,
    );
  },
};

function made(reason: string, field: string, message: string): StatusCause {
  return { reason, message, field };
}

/** Long values are cut: an error is read by people. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`;
}

/** JSON's own word for what a value is; whole numbers are integers. */
function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}
