import type { Container, Pod, Volume } from "@headrace/k8s";

/** A folder of the host that every step sees at the same path. */
export interface SharedFolder {
  readonly path: string;
  readonly readOnly: boolean;
}

/** Says on a step's pod which folders it shares with the host: what lies there is not part of the step's cache key. */
export const sharedFoldersAnnotation = "headrace.io/shared-folders";

/** The pod with the shared folders in all of its containers. A step's own volume at a folder's path comes first. */
export function withSharedFolders(pod: Pod, folders: readonly SharedFolder[]): Pod {
  if (folders.length === 0) return pod;
  const { containers, initContainers, volumes = [] } = pod.spec;
  const mounted = (container: Container): Container => mountIn(container, folders);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata.annotations, [sharedFoldersAnnotation]: say(folders) },
    },
    spec: {
      ...pod.spec,
      volumes: [...volumes, ...folders.map(volumeOf)],
      containers: containers.map(mounted),
      ...(initContainers && { initContainers: initContainers.map(mounted) }),
    },
  };
}

function mountIn(container: Container, folders: readonly SharedFolder[]): Container {
  const own = container.volumeMounts ?? [];
  const shared = folders.flatMap(({ path, readOnly }, index) =>
    own.some(({ mountPath }) => mountPath === path)
      ? []
      : [{ name: volumeName(index), mountPath: path, ...(readOnly && { readOnly }) }],
  );
  return { ...container, volumeMounts: [...own, ...shared] };
}

function volumeOf({ path }: SharedFolder, index: number): Volume {
  return { name: volumeName(index), hostPath: { path, type: "Directory" } };
}

const volumeName = (index: number): string => `headrace-shared-${index}`;

function say(folders: readonly SharedFolder[]): string {
  return JSON.stringify(folders.map(({ path, readOnly }) => (readOnly ? `${path}:ro` : path)));
}
