import type { ApiRequest } from "./http.ts";

/** Who is calling. Groups and extra are those of Kubernetes' authentication.k8s.io UserInfo. */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The identity of Headrace's own controllers inside the process: member of `system:masters`. */
export const platformUser: User = { name: "system:headrace", groups: ["system:masters", "system:authenticated"] };

const unauthenticated = "system:unauthenticated";
export const anonymousUser: User = { name: "system:anonymous", groups: [unauthenticated] };

export function isAnonymous({ name, groups }: User): boolean {
  return name === anonymousUser.name || groups.includes(unauthenticated);
}

export interface Authenticator {
  /** The caller, or undefined when the request carries no credentials of the kind that this authenticator reads. Throws an Unauthorized ApiError for credentials that are bad. */
  authenticate(request: AuthenticationRequest): Promise<User | undefined>;
}

export interface AuthenticationRequest {
  readonly headers: ApiRequest["headers"];
  /** The other end of the connection; undefined inside the process. */
  readonly remote?: {
    readonly address: string;
    readonly port: number;
    readonly localPort: number;
    /** The uid of the pod at the other end, as the sandbox vouches for it: nothing that was sent over the connection says so. */
    readonly pod?: string;
  };
}

/** As whom a pod calls. */
export interface PodAccount {
  readonly namespace: string;
  /** Absent: the pod is to have no identity, neither by a token nor by its connection (`automountServiceAccountToken: false`). */
  readonly serviceAccount?: string;
  readonly pod: { readonly name: string; readonly uid: string };
}

/** One question to the one decision point. `name` is empty for list, watch, create and deletecollection. */
export interface Attributes {
  readonly user: User;
  readonly verb: string;
  readonly group: string;
  /** Plural, with its subresource after a slash: `pods/log`. Empty for non-resource requests. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** Set instead of group and resource for requests such as `/healthz`. */
  readonly path?: string;
}

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision>;
}

export interface AuditEvent {
  readonly time: number;
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
}

export interface AuditSink {
  /** Never throws and never waits: an audit record that cannot be kept is counted, not raised. */
  record(event: AuditEvent): void;
}
