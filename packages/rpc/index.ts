export { RpcError, type RpcCode } from "./errors.ts";
export { rpcFailure } from "./failure.ts";
export { rpcRoutes, type RpcOptions } from "./routes.ts";
export { service, stream, unary, type Call, type RpcService } from "./service.ts";
