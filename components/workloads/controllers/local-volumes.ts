import { chmod, mkdir, opendir, readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@headrace/client";
import { defaultClassAnnotation, localVolumeDriver, StorageClass, type PersistentVolumeClaim } from "@headrace/k8s";
import { uuidPattern } from "@headrace/model";
import { createOrGet } from "@headrace/runtime";

/** The class that claims get which name none. */
const standardClass = "standard";

const handle = new RegExp(`^pvc-${uuidPattern}$`);

/** Folders beneath one directory of this machine, named after the uids of claims: nothing of a user's becomes a path. */
export interface LocalVolumes {
  /** The name of a claim's volume and of its folder. */
  handleOf(claim: PersistentVolumeClaim): string;
  /** The folder is there afterwards. */
  make(handle: string): Promise<void>;
  /** Nothing of the folder is left afterwards. Refuses a handle that is none of ours. */
  remove(handle: string): Promise<void>;
  /** Removes folders that were made for a volume which was never written down; one with anything in it stays. */
  sweep(known: ReadonlySet<string>): Promise<void>;
  /** Runs while no folder is removed. */
  hold<R>(act: () => Promise<R>): Promise<R>;
}

export function createLocalVolumes(directory: string): LocalVolumes {
  let line: Promise<unknown> = Promise.resolve();
  function inLine<R>(act: () => Promise<R>): Promise<R> {
    const turn = line.then(act);
    line = turn.catch(() => {});
    return turn;
  }

  return {
    hold: inLine,
    handleOf: ({ metadata }) => `pvc-${metadata.uid}`,
    async make(name) {
      const path = join(directory, checked(name));
      await mkdir(path, { recursive: true });
      // The directory above is its owner's alone; within, every user of a container may write, as in an emptyDir.
      await chmod(path, 0o777);
    },
    async remove(name) {
      const path = join(directory, checked(name));
      await inLine(async () => {
        await openUp(path);
        await rm(path, { recursive: true, force: true });
      });
    },
    async sweep(known) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const names = await readdir(directory);
      const strays = names.filter((name) => handle.test(name) && !known.has(name));
      await Promise.all(strays.map((name) => rmdir(join(directory, name)).catch(() => {})));
    },
  };
}

function checked(name: string): string {
  if (!handle.test(name)) throw new RangeError(`"${name}" is no handle of a local volume`);
  return name;
}

/** What a container wrote may forbid its owner to look into it or to empty it. Links are not followed. */
async function openUp(path: string): Promise<void> {
  try {
    await chmod(path, 0o700);
    for await (const entry of await opendir(path)) if (entry.isDirectory()) await openUp(join(path, entry.name));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

/** Makes the class that volumes of this machine have, and the default, unless somebody has one of that name already. */
export async function ensureStandardClass(client: Client): Promise<void> {
  await createOrGet(client.resource(StorageClass), {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: standardClass, annotations: { [defaultClassAnnotation]: "true" } },
    provisioner: localVolumeDriver,
    reclaimPolicy: "Delete",
    volumeBindingMode: "Immediate",
    allowVolumeExpansion: true,
  });
}
