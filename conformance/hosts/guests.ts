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

const clone = { setting: "kernel.unprivileged_userns_clone", refusing: "0", allowing: "1" };
const none = { setting: "user.max_user_namespaces", refusing: "0", allowing: "10000" };

export const guests: readonly Guest[] = [
  { name: "debian-12", release: "bookworm", refusals: [clone, none] },
  { name: "debian-testing", release: "forky", refusals: [clone, none] },
];

/** Whether `--only TEXT` means this check of the guest: TEXT is a part of "debian-12: cgroup v2, user: a pipeline". */
export const selected = (guest: Guest, check: { readonly name: string }, only: string): boolean =>
  `${guest.name}: ${check.name}`.includes(only);
