import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { createApiServer } from "@headrace/apiserver";
import { createStores, openFileStore, openObjectFiles } from "@headrace/artifacts";
import { createClient, type Client } from "@headrace/client";
import { createEnvironments, ImageMapping } from "@headrace/environments";
import { createGateway, createStaticFiles, listen } from "@headrace/gateway";
import {
  createIdentity,
  createTokenReview,
  createTokenSubresource,
  requireSafeAddress,
  type AuthMode,
  type Identity,
} from "@headrace/identity";
import { builtIns, Pod, ServiceAccount } from "@headrace/k8s";
import { createKubelet, type TokenIssuer } from "@headrace/kubelet";
import { createMetadata } from "@headrace/metadata";
import {
  ApiError,
  platformUser,
  resourceName,
  systemClock,
  systemIds,
  type ApiResponse,
  type Component,
  type Handler,
  type StepReport,
  type User,
} from "@headrace/model";
import { archiveStepLog, createPipelines, isTimeZone, refuseStep } from "@headrace/pipelines";
import { openRecords } from "@headrace/records";
import { rpcRoutes } from "@headrace/rpc";
import { ifPresent } from "@headrace/runtime";
import type { PodNetwork } from "@headrace/sandbox";
import { isDiskFull } from "@headrace/sqlite";
import { createStorage } from "@headrace/storage";
import { openSqliteStore } from "@headrace/store";
import { createWorkloads, serviceAccountAdmission, storageAdmission } from "@headrace/workloads";
import { localUrl, namesOf } from "./addresses.ts";
import { diskFull, StartError } from "./errors.ts";
import { backupRoute } from "./backup.ts";
import { explainRoute } from "./explain.ts";
import { openMemoryDirectory } from "./memory-directory.ts";
import { hostProxy } from "./proxy.ts";
import { openHome, type Home, type Running } from "./home.ts";
import { describeMachine, nodeName } from "./machine.ts";
import { withServiceProxy } from "./service-proxy.ts";
import { addressServices, namesOfServices, serviceNames } from "./services.ts";
import { listenForLocalStorage, listenForStorage } from "./storage-listener.ts";
import { openSandboxOrPlain } from "./open-sandbox.ts";
import { readRetention, type RetentionTimes } from "./retention.ts";
import { readShares } from "./shares.ts";
import { userTokenRoutes } from "./user-tokens.ts";
import { version } from "./version.ts";

export interface PlatformOptions {
  readonly dataDirectory: string;
  /** Environments and uv's cache, shared by all data directories. */
  readonly cacheDirectory: string;
  /** Where sockets may live: short, and on a local file system. */
  readonly runtimeDirectory: string;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly kubePort: number;
  /** Port of the object store, on this machine's own address. Absent: 9000, or a free one where that is taken; 0 picks a free one. */
  readonly s3Port?: number;
  readonly auth: AuthMode;
  /** `DIR` or `DIR:ro`: folders of the user's that steps see at the same path. */
  readonly shares: readonly string[];
  /** False: steps are plain processes of this user, which is also what a host without namespaces comes to with `auth` local. */
  readonly sandboxed?: boolean;
  /** `HOST:PORT` of artifact stores on this machine itself; others need not be named. */
  readonly allowedStores?: readonly string[];
  /** Names or addresses, with a port or without, that pipelines may be fetched from though they are not on the public internet. */
  readonly allowedFetches?: readonly string[];
  /** IANA name of the time zone in which cron expressions are read; UTC unless told otherwise. */
  readonly cronTimeZone?: string;
  /** pip's, uv's and the proxies' variables, PATH and HOME: for building environments. */
  readonly packaging: Readonly<Record<string, string>>;
  /** How long runs are kept; for ever unless told otherwise. */
  readonly retention?: RetentionTimes;
  /** Whether what steps print is an artifact of theirs: `true` or `false`, as upstream's variable has it. */
  readonly publishLogs?: string;
  /** The directory of the dashboard's built files, which may appear later; absent where there are no pages. */
  readonly dashboard?: string;
  /** Told, a line at a time, of what went wrong and is tried again. */
  readonly log: (line: string) => void;
}

export interface Platform {
  readonly running: Running;
  /** As the platform's own controllers use it. */
  readonly client: Client;
  /** Ends everything in order. With `keepPods` pods go on and are found again at the next start. */
  stop(options: { readonly keepPods: boolean }): Promise<void>;
}

/** The Kubernetes whose API is spoken. */
const kubernetesVersion = "v1.33.0";

/**
 * Starts Headrace on a data directory: stores, server, controllers, node, gateway, in this order, so that nothing is asked of what
 * is not there yet. Throws StartError with the remedy.
 */
export async function createPlatform(options: PlatformOptions): Promise<Platform> {
  const closers: Closers = [];
  try {
    const home = openHome(options.dataDirectory);
    closers.push(() => home.release());
    return await start(options, home, closers);
  } catch (error) {
    await closeAll(closers);
    throw isDiskFull(error) ? diskFull(options.dataDirectory, error) : error;
  }
}

type Closers = (() => Promise<void> | void)[];

async function start(options: PlatformOptions, home: Home, closers: Closers): Promise<Platform> {
  requireSafeAddress(options.auth, options.host);
  const { paths } = home;
  const sockets = socketDirectory(options);
  const memory = openMemoryDirectory(`${basename(sockets)}-volumes`, [options.runtimeDirectory, "/dev/shm"]);
  const shares = readShares(options.shares, [home.directory, sockets]);
  const clock = systemClock;
  const ids = systemIds;
  const onError = (error: unknown): void =>
    options.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const stopping = new AbortController();

  // Asked by controllers and routes, which exist before the server does and call it only after.
  const toServer: Handler = (request) => server.handle(request);
  const client = createClient({ transport: toServer });

  const [store, records, local, objects, sandbox, identity] = await Promise.all([
    closing(
      openSqliteStore({
        path: paths.objects,
        clock,
        transient: transientKinds(),
        sealed: { resources: ["secrets"], key: openSealingKey(join(paths.pki, "secrets.key")) },
      }),
      (opened) => opened.close(),
      closers,
    ),
    closing(openRecords({ path: paths.records, clock, ids }), (opened) => opened.close(), closers),
    openFileStore({ root: paths.artifacts, clock, ids }),
    openObjectFiles({ root: paths.artifacts, ids }),
    openSandboxOrPlain(
      { stateDirectory: paths.launcher, runtimeDirectory: sockets, clock, ...hostProxy(options.packaging) },
      options,
    ),
    closing(
      createIdentity({
        dataDirectory: home.directory,
        mode: options.auth,
        hosts: namesOf(options.host),
        clock,
        ids,
        bound: {
          serviceAccountUid: async (key) => (await ifPresent(client.resource(ServiceAccount).get(key)))?.metadata.uid,
          podUid: async (key) => (await ifPresent(client.resource(Pod).get(key)))?.metadata.uid,
        },
        pods: { account: (uid) => kubelet.account(uid), serviceNames: namesOfServices(clusterServices) },
      }),
      (opened) => opened.close(),
      closers,
    ),
  ]);
  const artifacts = createStores({
    local,
    provider: (namespace, uri) => storage.provider(namespace, uri),
    clock,
    allowed: options.allowedStores ?? [],
  });
  closers.push(() => artifacts.close());
  // Should the start fail, pods of an earlier one stay for the next; a launcher that has none was started for nothing.
  let endPods = async (): Promise<void> => {
    const { running, exits } = await sandbox.sync();
    await (running.length + exits.length === 0 ? endSandbox() : sandbox.disconnect());
  };
  closers.push(() => endPods());

  /** Ends what runs, and takes away the place of its sockets. */
  async function endSandbox(): Promise<void> {
    try {
      await sandbox.shutdown();
      await rm(sockets, { recursive: true, force: true });
    } finally {
      if (memory !== undefined) await rm(memory, { recursive: true, force: true });
    }
  }

  const environments = createEnvironments({
    cacheDirectory: options.cacheDirectory,
    indexEnvironment: options.packaging,
    clock,
    ids,
    allowSourceBuilds: options.auth === "local",
  });
  closers.push(() => environments.close());

  const pipelines = createPipelines({
    records,
    artifacts,
    client,
    authorizer: identity.authorizer,
    clock,
    ids,
    sharedFolders: shares,
    packageHosts: options.allowedFetches ?? [],
    timeZone: requireTimeZone(options.cronTimeZone ?? "UTC"),
    namespaceRoot: (namespace) => storage.pipelineRoot(namespace),
    retention: readRetention(options.retention ?? {}),
    publishLogs: requireSwitch("PUBLISH_LOGS", options.publishLogs ?? "false"),
    podLog: (pod, { follow, signal }) => podLog(toServer, pod, follow, signal),
    version,
    report: onError,
  });
  const storage = createStorage({
    objects,
    artifacts,
    records,
    client,
    authorizer: identity.authorizer,
    audit: identity.audit,
    clock,
    ids,
    hosts: ["localhost", ...namesOfServices(clusterServices.filter(({ face }) => face === "s3"))],
    onError,
  });
  const stored = [...builtIns, ImageMapping];
  const definitions = [...stored, ...pipelines.resources];
  const workloads = createWorkloads({
    client,
    clock,
    ids,
    definitions,
    rootCa: identity.pki.ca,
    volumesDirectory: paths.volumes,
    onError,
  });
  const metadata = createMetadata({
    records,
    pipelines: pipelines.facts,
    authorizer: identity.authorizer,
    clock,
    namespace: "kubeflow",
  });
  const components: readonly Component[] = [workloads, storage, pipelines, metadata];

  const kubelet = createKubelet({
    client,
    sandbox,
    environments,
    artifacts,
    clock,
    ids,
    nodeName: nodeName(),
    machine: describeMachine(home.directory),
    version,
    podsDirectory: paths.pods,
    volumesDirectory: paths.volumes,
    ...(memory !== undefined && { memoryDirectory: memory }),
    report: (path, report, user) => reportStep(gateway.handle, path, report, user),
    authorizeStep: (pod, step) => refuseStep(records, pod, step),
    archiveLog: (pod, log) => archiveStepLog({ records, artifacts }, pod, log),
    tokens: tokenIssuer(identity, client),
    certificateAuthority: identity.pki.ca,
    imageMappings: components.flatMap((component) => component.imageMappings ?? []),
    servesImageMappings: true,
    shares,
    serviceVariables: () => kubernetesVariables(sandbox.network),
    noProxy: (namespace) => clusterServices.flatMap((service) => serviceNames(service, namespace)),
    onError,
  });
  const server = createApiServer({
    store,
    definitions: stored,
    projections: components.flatMap((component) => component.projections ?? []),
    node: kubelet,
    authorizer: identity.authorizer,
    audit: identity.audit,
    clock,
    ids,
    admission: [serviceAccountAdmission(client), storageAdmission(client), ...pipelines.admission, workloads.placement],
    answers: [createTokenReview(identity)],
    subresources: { "serviceaccounts/token": createTokenSubresource(identity.serviceAccounts) },
    version: { gitVersion: `${kubernetesVersion}+headrace-${version}`, buildDate: "2026-11-25T00:00:00Z" },
    onBug: onError,
  });
  const gateway = createGateway({
    routes: [
      ...components.flatMap((component) => component.routes ?? []),
      ...rpcRoutes({ services: metadata.services, report: onError }),
      explainRoute(components),
      ...userTokenRoutes(identity.users),
      backupRoute({ home, store, hold: (act) => storage.hold(() => workloads.hold(act)) }),
    ],
    kubeHandler: toServer,
    ...(options.dashboard !== undefined && {
      staticFiles: createStaticFiles({ directory: options.dashboard, placeholder }),
    }),
    authenticator: identity.gatewayAuthenticator,
    authorizer: identity.authorizer,
    audit: identity.audit,
    clock,
    onError,
  });

  await records.migrate(components.flatMap((component) => component.migrations ?? []));
  const front = await gateway.listen({ host: options.host, port: options.port });
  closers.push(() => gateway.close());
  const services = clusterServices
    .filter(({ name }) => name === "ml-pipeline")
    .map((service) => ({ ...service, prefix: "/apis/v2beta1/" }));
  const kube = await listen({
    handle: withServiceProxy({ server: toServer, front: gateway.handle, services, authorizer: identity.authorizer }),
    authenticator: identity.kubeAuthenticator,
    clock,
    host: options.host,
    port: options.kubePort,
    tls: identity.pki.server,
    onError,
  });
  closers.push(() => kube.close());
  const storageOptions = { handle: storage.s3, clock, onError };
  const s3 = await listenForLocalStorage(storageOptions, options.s3Port);
  closers.push(() => s3.close());
  await answerPods(sockets);
  const token = await identity.administratorToken();
  const kubeUrl = localUrl(kube.url, options.host);
  const running: Running = {
    gateway: localUrl(front.url, options.host),
    kube: kubeUrl,
    s3: s3.url,
    kubeconfig: await identity.writeKubeconfig({ url: kubeUrl, namespace: "default" }),
    dataDir: home.directory,
    pid: process.pid,
    version,
    token,
  };

  /**
   * Pods come in by Unix sockets that the relay leads to. Over the gateway's own port they would look like whoever started
   * Headrace, and be administrators. The gateway's socket learns which pod each connection is of; at the others, as on a cluster, a token
   * or a signature says who calls.
   */
  async function answerPods(directory: string): Promise<void> {
    if (sandbox.network === undefined) return;
    const socketOf = (name: string): string => join(directory, `${name}.sock`);
    await gateway.listen({ path: socketOf("gateway"), callers: "pods" });
    const kubeForPods = await listen({
      path: socketOf("kube"),
      handle: toServer,
      authenticator: identity.kubeAuthenticator,
      clock,
      tls: identity.pki.server,
      onError,
    });
    closers.push(() => kubeForPods.close());
    const s3ForPods = await listenForStorage(storageOptions, { path: socketOf("s3") });
    closers.push(() => s3ForPods.close());
    const services = clusterServices.map(({ face, ...service }) => ({
      ...service,
      socket: socketOf(face),
      introduces: face === "gateway",
    }));
    await sandbox.setServices(addressServices(services, sandbox.network));
  }

  closers.push(() => stopping.abort());
  for (const controller of [...components.flatMap((component) => component.controllers ?? []), kubelet]) {
    await controller.start(stopping.signal);
  }
  home.announce(running);
  return {
    running,
    client,
    async stop({ keepPods }) {
      endPods = keepPods ? () => sandbox.disconnect() : endSandbox;
      await closeAll(closers);
    },
  };
}

/** What pods find by name, as on a cluster, and which of our faces answers. */
const clusterServices = [
  { name: "kubernetes", namespace: "default", port: 443, face: "kube" },
  { name: "ml-pipeline", namespace: "kubeflow", port: 8888, face: "gateway" },
  { name: "ml-pipeline-ui", namespace: "kubeflow", port: 80, face: "gateway" },
  { name: "metadata-grpc-service", namespace: "kubeflow", port: 8080, face: "gateway" },
  { name: "metadata-envoy-service", namespace: "kubeflow", port: 9090, face: "gateway" },
  { name: "minio-service", namespace: "kubeflow", port: 9000, face: "s3" },
  { name: "seaweedfs", namespace: "kubeflow", port: 9000, face: "s3" },
] as const;

/** How clients inside a pod find the API: by the name that its certificate is for. */
function kubernetesVariables(network: PodNetwork | undefined): Readonly<Record<string, string>> {
  if (network === undefined) return {};
  return {
    KUBERNETES_SERVICE_HOST: "kubernetes.default.svc",
    KUBERNETES_SERVICE_PORT: "443",
    KUBERNETES_SERVICE_PORT_HTTPS: "443",
  };
}

function requireTimeZone(zone: string): string {
  if (isTimeZone(zone)) return zone;
  throw new StartError(
    `Cannot read cron expressions in the time zone "${zone}": nobody knows one of that name`,
    "Set CRON_SCHEDULE_TIMEZONE to a name such as Europe/Berlin, or unset it for UTC",
  );
}

function requireSwitch(variable: string, text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new StartError(`Cannot start with ${variable}="${text}"`, `Set it to "true" or "false", or leave it out`);
}

/** The key that secrets are encrypted with on disk: made on first use, readable by the owner alone. */
function openSealingKey(path: string): Uint8Array {
  if (existsSync(path)) return readFileSync(path);
  const key = randomBytes(32);
  writeFileSync(path, key, { mode: 0o600, flag: "wx", flush: true });
  return key;
}

/** Undoes what was opened, the latest first; one failure does not keep the rest open. */
async function closeAll(closers: Closers): Promise<void> {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    try {
      await close();
    } catch {
      // What cannot be closed ends with the process.
    }
  }
}

async function closing<T>(opening: Promise<T>, close: (opened: T) => Promise<void>, closers: Closers): Promise<T> {
  const opened = await opening;
  closers.push(() => close(opened));
  return opened;
}

/** Kinds whose objects vanish by themselves are kept apart, so that they cannot crowd out the rest. */
function transientKinds() {
  return builtIns.flatMap((definition) => {
    const { ttlSeconds } = definition;
    return ttlSeconds === undefined ? [] : [{ resource: resourceName(definition), ttlSeconds, patienceMs: 20 }];
  });
}

/** Short, since a socket's path has 107 bytes at most; one for each data directory. */
function socketDirectory({ runtimeDirectory, dataDirectory }: PlatformOptions): string {
  const name = createHash("sha256").update(dataDirectory).digest("hex").slice(0, 12);
  return join(runtimeDirectory, `headrace-${name}`);
}

async function reportStep(gateway: Handler, path: string, report: StepReport, user: User): Promise<void> {
  const response = await gateway({
    method: "POST",
    path,
    query: new URLSearchParams(),
    headers: {},
    user,
    signal: new AbortController().signal,
    value: report,
  });
  if (response.status >= 400) throw apiErrorOf(response.status, String(response.body ?? ""));
}

/** The kubelet tells by the reason whether another try can help. */
function apiErrorOf(status: number, body: string): ApiError {
  const reasons = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    422: "Invalid",
  } as const;
  return new ApiError(
    reasons[status as keyof typeof reasons] ?? "InternalError",
    `Cannot report the step: ${status} ${body}`,
  );
}

async function podLog(
  server: Handler,
  pod: { namespace: string; name: string },
  follow: boolean,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const response = await server({
    method: "GET",
    path: `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}/log`,
    query: new URLSearchParams({ follow: String(follow) }),
    headers: {},
    user: platformUser,
    signal,
  });
  if (response.status >= 400) throw new ApiError("NotFound", `The log of pod "${pod.name}" is not there any more`);
  return asBytes(response.body);
}

async function* asBytes(body: ApiResponse["body"]): AsyncGenerator<Uint8Array> {
  if (body === undefined) return;
  if (typeof body === "string") yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else for await (const chunk of body) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

/** Tokens bound to a pod, of the service account that it runs as. */
function tokenIssuer(identity: Identity, client: Client): TokenIssuer {
  return {
    async issue({ namespace, serviceAccount, pod, audience, expirationSeconds }) {
      const account = await client.resource(ServiceAccount).get({ namespace, name: serviceAccount });
      return identity.serviceAccounts.issue({
        namespace,
        name: serviceAccount,
        uid: account.metadata.uid ?? "",
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds,
        pod,
      });
    },
  };
}

const placeholder = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="1"><title>Headrace</title>
<p>The pages are being built from their sources; this takes some seconds, once.`;
