import { anonymousUser, type AuthenticationRequest, type Authenticator, type User } from "@headrace/model";
import { findPeerOwner, type Connection, type PeerOwner } from "./peer.ts";

export interface LocalUserOptions {
  /** The operating-system user that started Headrace; the numeric id where the system has one. */
  readonly user: { readonly name: string; readonly uid?: number };
  /** Who owns the other end of a connection; looked up once a connection. */
  readonly peerOwner?: (connection: Connection) => Promise<PeerOwner>;
}

/** On an anonymous user: why it was not taken for the local one. */
export const whyAnonymous = "headrace.io/why-anonymous";

/**
 * Takes whoever connects from this machine, as the same operating-system user, for the administrator, as a tool on a laptop
 * should. A web page must not profit from that: its requests come over loopback too, from the user's own browser. So the Host
 * must be a name of this machine (or DNS rebinding would lead here), and a request that a browser marks as another site's is
 * anonymous, with the reason. Comes last in the chain: it answers for every connection of this machine.
 */
export function createLocalUserAuthenticator(options: LocalUserOptions): Authenticator {
  const peerOwner = options.peerOwner ?? findPeerOwner;
  const owners = new WeakMap<Connection, Promise<PeerOwner>>();
  const local: User = { name: options.user.name, groups: ["system:masters", "system:authenticated"] };

  function ownerOf(connection: Connection): Promise<PeerOwner> {
    const known = owners.get(connection) ?? peerOwner(connection);
    owners.set(connection, known);
    return known;
  }

  async function whyNot({
    headers,
    remote,
  }: AuthenticationRequest & { remote: Connection }): Promise<string | undefined> {
    const foreign = foreignSite(headers);
    if (foreign !== undefined) return foreign;
    if (options.user.uid === undefined) return undefined;
    const owner = await ownerOf(remote);
    if (owner === "unknown" || owner === options.user.uid || owner === 0) return undefined;
    return owner === "nobody"
      ? "the connection was closed at its other end before its owner could be told"
      : `the connection belongs to another user of this machine (uid ${owner})`;
  }

  return {
    async authenticate({ headers, remote }) {
      if (!remote || !isLoopbackAddress(remote.address)) return undefined;
      const reason = await whyNot({ headers, remote });
      return reason === undefined ? local : { ...anonymousUser, extra: { [whyAnonymous]: [reason] } };
    },
  };
}

/** Why the headers show that somebody else than this machine's user is behind the request; undefined if they do not. */
function foreignSite(headers: AuthenticationRequest["headers"]): string | undefined {
  const host = headers["host"] ?? "";
  if (!isOwnHost(hostName(host))) return `the request's Host ${JSON.stringify(host)} is no name of this machine`;
  const origin = headers["origin"];
  if (origin !== undefined) {
    if (origin === `http://${host}` || origin === `https://${host}`) return undefined;
    return `the request was made by a page of another site (Origin ${JSON.stringify(origin)})`;
  }
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return undefined;
  // A link that the user followed from elsewhere: the browser shows the page and the other site learns nothing.
  const isNavigation = headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  return isNavigation ? undefined : `the request was made by a page of another site (Sec-Fetch-Site ${site})`;
}

function hostName(host: string): string {
  return host
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
}

function isOwnHost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || isLoopbackAddress(name);
}

export function isLoopbackAddress(address: string): boolean {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address) || address === "::1";
}
