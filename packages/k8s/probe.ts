import { s, type TypeOf } from "@headrace/model";

export const execAction = s.object(
  {},
  { command: s.at(1, s.list(s.string())) },
  { name: "io.k8s.api.core.v1.ExecAction" },
);
export type ExecAction = TypeOf<typeof execAction>;

const httpHeader = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })), value: s.at(2, s.orZero(s.string(), "")) },
  {},
  { name: "io.k8s.api.core.v1.HTTPHeader" },
);

export const httpGetAction = s.object(
  { port: s.at(2, s.intOrString()) },
  {
    path: s.at(1, s.withDefault(s.string(), "/")),
    host: s.at(3, s.string()),
    scheme: s.at(4, s.withDefault(s.string({ enum: ["HTTP", "HTTPS"] }), "HTTP")),
    httpHeaders: s.at(5, s.list(httpHeader)),
  },
  { name: "io.k8s.api.core.v1.HTTPGetAction" },
);
export type HTTPGetAction = TypeOf<typeof httpGetAction>;

export const tcpSocketAction = s.object(
  { port: s.at(1, s.intOrString()) },
  { host: s.at(2, s.string()) },
  { name: "io.k8s.api.core.v1.TCPSocketAction" },
);
export type TCPSocketAction = TypeOf<typeof tcpSocketAction>;

export const grpcAction = s.object(
  { port: s.at(1, s.orZero(s.integer(), 0)) },
  { service: s.pointer(2, s.withDefault(s.string(), "")) },
  { name: "io.k8s.api.core.v1.GRPCAction" },
);
export type GRPCAction = TypeOf<typeof grpcAction>;

export const probe = s.object(
  {},
  {
    exec: s.at([1, 1], execAction),
    httpGet: s.at([1, 2], httpGetAction),
    tcpSocket: s.at([1, 3], tcpSocketAction),
    grpc: s.at([1, 4], grpcAction),
    initialDelaySeconds: s.at(2, s.integer()),
    timeoutSeconds: s.at(3, s.withDefault(s.integer(), 1)),
    periodSeconds: s.at(4, s.withDefault(s.integer(), 10)),
    successThreshold: s.at(5, s.withDefault(s.integer(), 1)),
    failureThreshold: s.at(6, s.withDefault(s.integer(), 3)),
    terminationGracePeriodSeconds: s.pointer(7, s.integer({ format: "int64" })),
  },
  { name: "io.k8s.api.core.v1.Probe" },
);
export type Probe = TypeOf<typeof probe>;

const sleepAction = s.object(
  { seconds: s.at(1, s.orZero(s.integer({ format: "int64" }), 0)) },
  {},
  { name: "io.k8s.api.core.v1.SleepAction" },
);

export const lifecycleHandler = s.object(
  {},
  {
    exec: s.at(1, execAction),
    httpGet: s.at(2, httpGetAction),
    tcpSocket: s.at(3, tcpSocketAction),
    sleep: s.at(4, sleepAction),
  },
  { name: "io.k8s.api.core.v1.LifecycleHandler" },
);
export type LifecycleHandler = TypeOf<typeof lifecycleHandler>;

export const lifecycle = s.object(
  {},
  { postStart: s.at(1, lifecycleHandler), preStop: s.at(2, lifecycleHandler), stopSignal: s.pointer(3, s.string()) },
  { name: "io.k8s.api.core.v1.Lifecycle" },
);
export type Lifecycle = TypeOf<typeof lifecycle>;
