import { userInfo } from "node:os";
import { join } from "node:path";
import {
  anonymousUser,
  type AuditSink,
  type Authenticator,
  type Authorizer,
  type Clock,
  type Ids,
} from "@headrace/model";
import { createAuditLog, type AuditLog } from "./audit.ts";
import { createAuthorizer, type AuthorizerOptions } from "./authorizer.ts";
import { createBearerAuthenticator } from "./bearer.ts";
import { UnsafeAddressError } from "./errors.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { createLocalUserAuthenticator, isLoopbackAddress, type LocalUserOptions } from "./local-user.ts";
import { openPki, type Pki } from "./pki.ts";
import { createPodConnectionAuthenticator, type PodConnectionOptions } from "./pod-connection.ts";
import { readPrivateFile, writePrivateFile } from "./private-files.ts";
import {
  apiAudience,
  openServiceAccountTokens,
  type BoundObjects,
  type ServiceAccountTokens,
} from "./service-account-tokens.ts";
import { openUserTokens, type UserTokens } from "./user-tokens.ts";

/** Audience of the token that Kubeflow mounts for its pipelines client. */
export const pipelinesAudience = "pipelines.kubeflow.org";

export type AuthMode = "local" | "token";

export interface IdentityOptions {
  /** Keys live in `pki/`, the audit in `logs/`. */
  readonly dataDirectory: string;
  readonly mode: AuthMode;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What tokens may be bound to; asked for every request with such a token. */
  readonly bound: BoundObjects;
  /** Names and addresses that the API server's certificate is for, beside loopback and the names inside the cluster. */
  readonly hosts?: readonly string[];
  readonly rulesFor?: AuthorizerOptions["rulesFor"];
  /** How pods are known by their connections. Absent: they are not. */
  readonly pods?: PodConnectionOptions;
  /** The operating-system user that started Headrace, unless told otherwise. */
  readonly localUser?: LocalUserOptions["user"];
  readonly peerOwner?: LocalUserOptions["peerOwner"];
}

export interface Identity {
  readonly pki: Pki;
  readonly users: UserTokens;
  readonly serviceAccounts: ServiceAccountTokens;
  /** For the gateway: bearer tokens, then the pod whose connection it is, then the local user where the mode allows it, else anonymous. */
  readonly gatewayAuthenticator: Authenticator;
  /** For the Kubernetes API's own listener: bearer tokens meant for it, else anonymous. */
  readonly kubeAuthenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly audit: AuditSink & Pick<AuditLog, "flush" | "dropped">;
  /** The bearer token of whoever started Headrace: made once, the same after a restart. */
  administratorToken(): Promise<string>;
  /** Writes `kubeconfig` in the data directory for the administrator and answers its path. */
  writeKubeconfig(server: { readonly url: string; readonly namespace: string }): Promise<string>;
  close(): Promise<void>;
}

/** Everything that says who is calling and what they may do, over the keys of one data directory. */
export async function createIdentity(options: IdentityOptions): Promise<Identity> {
  const { dataDirectory, mode, clock, ids, bound } = options;
  const keys = join(dataDirectory, "pki");
  const localUser = options.localUser ?? operatingSystemUser();
  const [pki, users, serviceAccounts, adminToken] = await Promise.all([
    openPki(keys, clock, options.hosts ?? []),
    openUsers(dataDirectory, clock),
    openServiceAccountTokens({ keyPath: join(keys, "service-account.key"), clock, ids, bound }),
    readPrivateFile(join(keys, "admin-token")),
  ]);
  let issued: Promise<string> | undefined;
  const audit = createAuditLog({ path: join(dataDirectory, "logs", "audit.log") });
  const bearerFor = (audiences: readonly string[]) => createBearerAuthenticator({ users, serviceAccounts, audiences });

  const administratorToken = (): Promise<string> => (issued ??= findOrIssue());

  /** The administrator's token outlives restarts, so that a client started earlier goes on working. */
  async function findOrIssue(): Promise<string> {
    if (adminToken !== undefined && users.find(adminToken)) return adminToken;
    const token = await users.issue(localUser.name, ["system:masters"]);
    await writePrivateFile(join(keys, "admin-token"), token);
    return token;
  }

  return {
    pki,
    users,
    serviceAccounts,
    gatewayAuthenticator: firstOf([
      bearerFor([apiAudience, pipelinesAudience]),
      ...(options.pods ? [createPodConnectionAuthenticator(options.pods, bound)] : []),
      ...(mode === "local"
        ? [
            createLocalUserAuthenticator({
              user: localUser,
              ...(options.peerOwner && { peerOwner: options.peerOwner }),
            }),
          ]
        : []),
    ]),
    kubeAuthenticator: firstOf([bearerFor([apiAudience])]),
    authorizer: createAuthorizer(options.rulesFor ? { rulesFor: options.rulesFor } : {}),
    audit,
    administratorToken,
    async writeKubeconfig({ url, namespace }) {
      const path = join(dataDirectory, "kubeconfig");
      const token = await administratorToken();
      await writeKubeconfig({ path, server: url, ca: pki.ca, token, namespace });
      return path;
    },
    close: () => audit.close(),
  };
}

/** The tokens of people alone, of a data directory that no Headrace holds: whoever holds it would not hear of changes. */
export function openUsers(dataDirectory: string, clock: Clock): Promise<UserTokens> {
  return openUserTokens(join(dataDirectory, "pki", "tokens.json"), clock);
}

/** Throws UnsafeAddressError if this mode must not be reached from `host`: the local user's only from this machine. */
export function requireSafeAddress(mode: AuthMode, host: string): void {
  if (mode === "local" && host !== "localhost" && !isLoopbackAddress(host)) throw new UnsafeAddressError(host);
}

/** The first answer of the chain, or the anonymous user. Bad credentials end the chain: they are refused, not overlooked. */
function firstOf(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async authenticate(request) {
      for (const authenticator of authenticators) {
        const user = await authenticator.authenticate(request);
        if (user) return user;
      }
      return anonymousUser;
    },
  };
}

function operatingSystemUser(): LocalUserOptions["user"] {
  const uid = process.getuid?.();
  try {
    return { name: userInfo().username, ...(uid !== undefined && { uid }) };
  } catch {
    // No entry in the password file, as in many containers.
    return { name: uid === undefined ? "local" : `uid-${uid}`, ...(uid !== undefined && { uid }) };
  }
}
