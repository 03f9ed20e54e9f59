import type { EnvironmentRequest, ImageMappingSpec } from "@headrace/model";
import type { CellSpec } from "@headrace/sandbox";

/** What an image reference resolves to. Built once, cached by content, shared read-only. */
export interface Environments {
  /**
   * Resolves an image with the packages that the step asks for. Concurrent calls for one digest share one build. Throws
   * EnvironmentError (`unmapped` with the YAML to apply, `no-python`, `build-failed` with the tool's last lines).
   */
  resolve(request: ResolveRequest): Promise<Environment>;
}

export interface ResolveRequest {
  readonly image: string;
  readonly packages?: EnvironmentRequest;
  /** Mappings besides the built-in ones, the most specific glob first. */
  readonly mappings?: readonly ImageMappingSpec[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (message: string) => void;
}

export interface Environment {
  /** `headrace://<digest>`: a pod status's imageID. */
  readonly imageID: string;
  /** The mapping that was used: an event tells the user. */
  readonly mapping: string;
  /** Absent for images without Python of their own: the bare cell. */
  readonly cell: CellSpec["environment"];
  /** PATH, VIRTUAL_ENV and the like, which the container's own env overrides. */
  readonly variables: Readonly<Record<string, string>>;
  /** False if the environment may not be run in a warm interpreter; `reason` says why. */
  readonly warm: { readonly ok: true } | { readonly ok: false; readonly reason: string };
}
