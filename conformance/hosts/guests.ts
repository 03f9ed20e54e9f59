import type { Row } from "../table.ts";

/** A machine that the suite makes of Debian's packages. */
export interface Guest {
  /** As `--only` and the table of it have it. */
  readonly name: string;
  readonly release: string;
  /** The settings by which its kernel can refuse user namespaces to ordinary users. */
  readonly refusals: readonly Refusal[];
}

export interface Refusal {
  readonly setting: string;
  readonly refusing: string;
  readonly allowing: string;
}

/** What a guest says of its checks, in the order in which it tries them: a line of JSON each. */
export type Word =
  | { readonly trying: string }
  | Row
  /** After a miss: what the guest's kernel and Headrace have said since the check began. */
  | { readonly evidence: string };

const clone = { setting: "kernel.unprivileged_userns_clone", refusing: "0", allowing: "1" };
const none = { setting: "user.max_user_namespaces", refusing: "0", allowing: "10000" };

export const guests: readonly Guest[] = [
  { name: "debian-12", release: "bookworm", refusals: [clone, none] },
  { name: "debian-testing", release: "forky", refusals: [clone, none] },
];

/** Whether `--only PATTERN`, a regular expression, means this check of the guest, such as "debian-12: cgroup v2, user: a pipeline". */
export const selected = (guest: Guest, check: { readonly name: string }, only: string): boolean =>
  new RegExp(only).test(`${guest.name}: ${check.name}`);
