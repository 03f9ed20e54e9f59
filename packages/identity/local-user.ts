import type { AuthenticationRequest, Authenticator, User } from "@headrace/model";
import { foreignSite, type OwnNames } from "./foreign-site.ts";
import { nobody } from "./nobody.ts";
import { findPeerOwner, type Connection, type PeerOwner } from "./peer.ts";

export interface LocalUserOptions {
  /** The operating-system user that started Headrace; the numeric id where the system has one. */
  readonly user: { readonly name: string; readonly uid?: number };
  /** Who owns the other end of a connection; looked up once a connection. */
  readonly peerOwner?: (connection: Connection) => Promise<PeerOwner>;
}

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
    const foreign = foreignSite(headers, ownNames);
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
      return reason === undefined ? local : nobody(reason);
    },
  };
}

const ownNames: OwnNames = {
  has: (name) => name === "localhost" || name.endsWith(".localhost") || isLoopbackAddress(name),
  kind: "name of this machine",
};

export function isLoopbackAddress(address: string): boolean {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address) || address === "::1";
}
