import type {
  ApiRequest,
  ApiResponse,
  AuditSink,
  Authorizer,
  Clock,
  Handler,
  Ids,
  KubeObject,
  ObjectKey,
  Projection,
  ResourceDefinition,
  User,
} from "@headrace/model";
import type { Store } from "@headrace/store";

export interface ApiServerOptions {
  readonly store: Store;
  /** The kinds that are stored. A kind may stand here in several versions of one shape: they share their objects. */
  readonly definitions: readonly ResourceDefinition[];
  /** Kinds that are read from records. */
  readonly projections?: readonly Projection[];
  /** Kinds that are answered when they are created and never kept, beside the access reviews, which are always served. */
  readonly answers?: readonly Answer[];
  /** Asked before anything else, for every request. */
  readonly authorizer: Authorizer;
  readonly audit?: AuditSink;
  readonly clock: Clock;
  readonly ids: Ids;
  /** In order; each sees what those before it made of the object. */
  readonly admission?: readonly Admission[];
  /** Subresources besides `status`, by `plural/name` (`pods/log`) or with their group: `trials.kubeflow.org/scale`. */
  readonly subresources?: Readonly<Record<string, SubresourceHandler>>;
  /** Where pods run: for their logs. Absent: there is no node that could be asked. */
  readonly node?: NodeConnector;
  /** What `/version` says. */
  readonly version?: ServerVersion;
  /** Told of failures that are bugs of the server: the caller sees only that there was one. */
  readonly onBug?: (error: unknown, request: ApiRequest) => void;
  /** Asked by `/readyz` and `/healthz`: what is not ready yet, in a few words each. */
  readonly unready?: () => readonly string[];
}

export interface ApiServer {
  readonly handle: Handler;
}

export interface ServerVersion {
  /** The Kubernetes that is spoken, such as `v1.33.0`, and our own after a plus sign. */
  readonly gitVersion: string;
  /** RFC 3339. */
  readonly buildDate: string;
}

export interface AdmissionCall {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly definition: ResourceDefinition;
  /** Empty for the object itself. */
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Undefined for DELETE. */
  readonly object: KubeObject | undefined;
  /** Undefined for CREATE. */
  readonly old: KubeObject | undefined;
  readonly user: User;
  /** Nothing may be changed outside the object. */
  readonly dryRun: boolean;
}

/** A rule that stands between a valid request and the store. Throws ApiError Forbidden to refuse. */
export interface Admission {
  readonly name: string;
  /** Returns the object to go on with. Runs after defaulting, before validation. */
  mutate?(call: AdmissionCall & { readonly object: KubeObject }): Promise<KubeObject> | KubeObject;
  /** Runs after validation. */
  validate?(call: AdmissionCall): Promise<void> | void;
  /**
   * Has the last word on an object that is about to be created, right before the write and not in rehearsals. What it adds is in the
   * commit that creates the object, and is taken as it is: it saves the write of a controller that would have added it later.
   * Undefined to leave the object alone.
   */
  complete?(call: AdmissionCall & { readonly object: KubeObject }): Completed | undefined;
}

export interface Completed {
  readonly object: KubeObject;
  /** Told how the write went, before its caller hears: what was promised to an object that is not there can be taken back. */
  readonly settled: (isWritten: boolean) => void;
}

/** A kind that is computed from what was posted. */
export interface Answer {
  readonly definition: ResourceDefinition;
  /** `object` has been defaulted and validated. */
  create(object: KubeObject, request: ApiRequest): Promise<KubeObject>;
}

/** The way to the node agent. */
export interface NodeConnector {
  /** The log of a container, as text. Throws ApiError BadRequest for one that has not started. Ends by itself, or with the signal. */
  log(pod: KubeObject, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array | string>>;
}

export interface LogOptions {
  readonly container: string;
  /** Go on with what is written later, until the container ends. */
  readonly follow: boolean;
  /** Of the container's run before this one. */
  readonly previous: boolean;
  /** Each line begins with its time. */
  readonly timestamps: boolean;
  /** Lines from the end; undefined for all. */
  readonly tailLines?: number;
  /** Only what is younger than this many seconds. */
  readonly sinceSeconds?: number;
  /** Only what was written after this, in milliseconds since the epoch. */
  readonly sinceTime?: number;
  readonly limitBytes?: number;
}

/** Answers everything below `…/{name}/{subresource}`. The caller has been authorised, and the object exists. */
export type SubresourceHandler = (call: SubresourceCall) => Promise<ApiResponse | SubresourceValue>;

/** An answer that is written in the form which the caller asked for. */
export interface SubresourceValue {
  readonly status: number;
  readonly value: object;
  readonly headers?: undefined;
}

export interface SubresourceCall {
  readonly request: ApiRequest;
  readonly key: ObjectKey;
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
  /** What follows the subresource in the path. */
  readonly rest: string;
  /** The request's body, defaulted and validated by the subresource's schema where it has one. Throws ApiError. */
  readonly body: () => Promise<unknown>;
  /**
   * Writes what `change` makes of the newest version, and does so again if someone else was faster. Goes through defaulting,
   * validation and admission like any update.
   */
  readonly update: (change: (object: KubeObject) => KubeObject) => Promise<KubeObject>;
  /** Deletes the object as a DELETE with these options does. */
  readonly remove: (options: DeletionOptions) => Promise<void>;
}

export interface DeletionOptions {
  /** Seconds. */
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun: boolean;
}
