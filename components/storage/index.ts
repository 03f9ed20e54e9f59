import type { ArtifactStore, ObjectFiles, Provider, RemoteUri } from "@headrace/artifacts";
import type { Client } from "@headrace/client";
import type { AuditSink, Authorizer, Clock, Component, Controller, Handler, Ids } from "@headrace/model";
import type { Records } from "@headrace/records";
import { pause } from "@headrace/runtime";
import { DigestThreads } from "./api/digest-threads.ts";
import { garbageRoutes } from "./api/garbage.ts";
import { Locks } from "./api/locks.ts";
import { createS3 } from "./api/s3.ts";
import { forgetAbandonedUploads } from "./api/uploads.ts";
import { createGarbage } from "./controllers/garbage.ts";
import { createKeys } from "./controllers/keys.ts";
import { createLauncher } from "./controllers/launcher-settings.ts";
import { pipelineBucket } from "./core/spaces.ts";
import { storageMigrations } from "./records/migrations.ts";

export interface StorageOptions {
  readonly objects: ObjectFiles;
  /** The same files and those elsewhere, by URI. */
  readonly artifacts: ArtifactStore;
  readonly records: Records;
  readonly client: Client;
  readonly authorizer: Authorizer;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The namespace of what is in no other's folder or bucket; `kubeflow`. */
  readonly homeNamespace?: string;
  /** Names of the server, for buckets that are named by the host. */
  readonly hosts: readonly string[];
  /** Told of errors that are bugs, and of what is tried again. */
  readonly onError: (error: unknown) => void;
}

export interface Storage extends Component {
  /** The S3 API. Requests carry signatures, so that it needs no authenticator before it. */
  readonly s3: Handler;
  /** Frees no bytes of deleted runs while this runs. */
  hold<R>(act: () => Promise<R>): Promise<R>;
  /** Where a namespace keeps what a URI names, by its ConfigMap `kfp-launcher`. */
  provider(namespace: string, uri: RemoteUri): Provider;
  /** Where a namespace's runs put what they make, if its ConfigMap says. */
  pipelineRoot(namespace: string): string | undefined;
}

const sweepMs = 24 * 3_600_000;

/** The object store of Kubeflow: the artifacts, for every client that speaks S3, with a key for each namespace. */
export function createStorage(options: StorageOptions): Storage {
  const { client, clock, objects, homeNamespace = "kubeflow", onError } = options;
  const keys = createKeys({ client, clock, onError, onFailure: ({ error }) => onError(error) });
  const garbage = createGarbage({ ...options, homeNamespace });
  const ownEndpoints = new Set(options.hosts.map((host) => `${host}:9000`));
  const launcher = createLauncher({ client, clock, ownEndpoints, onError });
  return {
    name: "storage",
    resources: [],
    migrations: storageMigrations,
    routes: garbageRoutes(garbage),
    controllers: [
      bucketKeeper(objects),
      keys.controller,
      launcher.controller,
      uploadSweeper(objects, clock, onError),
      garbage.controller,
    ],
    s3: createS3({ ...options, keys, homeNamespace, locks: new Locks(), digests: new DigestThreads() }),
    hold: garbage.hold,
    provider: launcher.provider,
    pipelineRoot: launcher.pipelineRoot,
  };
}

/** Clients look for the pipelines' bucket before the first pipeline has made it. */
function bucketKeeper(objects: ObjectFiles): Controller {
  return {
    name: "storage-bucket",
    async start() {
      await objects.createBucket(pipelineBucket);
    },
  };
}

function uploadSweeper(objects: ObjectFiles, clock: Clock, onError: (error: unknown) => void): Controller {
  return {
    name: "storage-uploads",
    async start(signal) {
      const sweep = () => forgetAbandonedUploads(objects, clock).catch(onError);
      await sweep();
      void (async () => {
        for (;;) {
          await pause(clock, sweepMs, signal);
          if (signal.aborted) return;
          await sweep();
        }
      })();
    },
  };
}
