import { lookup as resolve, type LookupAddress, type LookupOptions } from "node:dns";
import { BlockList, isIP } from "node:net";
import { ForbiddenAddressError } from "../errors.ts";

/**
 * Addresses that a store is never fetched from, whoever asks: this machine itself, where Headrace would be taken for its owner,
 * and the places where clouds hand their credentials to a machine.
 */
const forbidden = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["100.100.100.200", 32],
  ["224.0.0.0", 3],
] as const) {
  forbidden.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 127],
  ["fe80::", 10],
  ["fd00:ec2::", 32],
  ["fd20:ce::", 32],
  ["ff00::", 8],
] as const) {
  forbidden.addSubnet(network, prefix, "ipv6");
}

export interface AddressRules {
  /** `host:port` that are reached whatever their address is, as the operator said. */
  readonly allowed: ReadonlySet<string>;
}

/** Throws ForbiddenAddressError for an address, not a name, that must not be reached. */
export function checkHost(url: URL, { allowed }: AddressRules): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isAllowed(url, allowed) && isForbidden(host))
    throw new ForbiddenAddressError(url.host, host);
}

/** The look-up of names for a connection to the URL: a name that leads to such an address is refused when it is used, not before. */
export function guardedLookup(url: URL, { allowed }: AddressRules) {
  type Answer = (error: Error | null, address: string | LookupAddress[], family?: number) => void;
  return (host: string, options: LookupOptions, answer: Answer): void => {
    resolve(host, options, (error, address, family) => {
      const found = typeof address === "string" ? [address] : (address ?? []).map((each) => each.address);
      const bad = isAllowed(url, allowed) ? undefined : found.find(isForbidden);
      if (error === null && bad !== undefined) answer(new ForbiddenAddressError(url.host, bad), address, family);
      else answer(error, address, family);
    });
  };
}

function isForbidden(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return forbidden.check(mapped, isIP(mapped) === 6 ? "ipv6" : "ipv4");
}

function isAllowed(url: URL, allowed: ReadonlySet<string>): boolean {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return allowed.has(`${url.hostname}:${port}`);
}
