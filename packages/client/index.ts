export type { CallOptions, Client, DeleteOptions, ListQuery, Patch, ResourceClient, WatchQuery } from "./client.ts";
export { createClient, type ClientOptions } from "./create-client.ts";
export { createHttpTransport, type HttpTransportOptions } from "./http-transport.ts";
