import { cause, type StatusCause } from "@headrace/model";

/** A user's or group's number. */
export function idCauses(id: number | undefined, path: string): StatusCause[] {
  return id !== undefined && (id < 0 || id > 2147483647)
    ? [cause.invalid(path, id, "must be between 0 and 2147483647, inclusive")]
    : [];
}

export function portCauses(port: number, path: string): StatusCause[] {
  return port < 1 || port > 65535 ? [cause.invalid(path, port, "must be between 1 and 65535, inclusive")] : [];
}

export function countCauses(count: number | undefined, path: string): StatusCause[] {
  return count !== undefined && count < 0 ? [cause.invalid(path, count, "must be greater than or equal to 0")] : [];
}
