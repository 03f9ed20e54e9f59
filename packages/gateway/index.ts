export { ListenError, PortTakenError, RouteError } from "./errors.ts";
export { createGateway, type Gateway, type GatewayOptions, type UpgradeRoute } from "./gateway.ts";
export type { Callers } from "./incoming.ts";
export {
  failure,
  listen,
  type AccessEntry,
  type Address,
  type ListenerOptions,
  type Listening,
  type UpgradeHandler,
} from "./listener.ts";
export { createStaticFiles, type StaticFiles, type StaticFilesOptions } from "./static-files.ts";
