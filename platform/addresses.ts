import { hostname, networkInterfaces } from "node:os";

/** Addresses that stand for all of a machine's: a server can listen on them, and nobody can be sure to call them. */
const everywhere: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

/** Names and addresses by which others find a server that listens on `host`: its certificate must be for them. */
export function namesOf(host: string): readonly string[] {
  if (!everywhere.has(host)) return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return [hostname(), ...addresses.filter(({ scopeid = 0 }) => scopeid === 0).map(({ address }) => address)];
}

/** The address by which this machine's own clients reach a server that listens on `host`. */
export function localUrl(url: string, host: string): string {
  const local = everywhere.get(host);
  if (local === undefined) return url;
  const { protocol, port } = new URL(url);
  return `${protocol}//${local.includes(":") ? `[${local}]` : local}:${port}`;
}
