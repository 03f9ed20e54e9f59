export { createKubelet } from "./kubelet.ts";
export type { Kubelet, KubeletOptions, NodeConnector, PodLogOptions } from "./kubelet.ts";
export { commandDigest, warmAnnotation } from "./container-spec.ts";
export type { Machine } from "./node.ts";
export type { Share } from "./shared-paths.ts";
export type { TokenIssuer } from "./volumes.ts";
