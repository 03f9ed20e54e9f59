import type { PodNetwork, ServiceAddress } from "@headrace/sandbox";

/** A service that pods find by its names inside the cluster, and the Unix socket on which Headrace answers for it. */
export interface ClusterService {
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  readonly socket: string;
  /** Whether Headrace is told which pod calls. */
  readonly introduces: boolean;
}

type Name = Pick<ClusterService, "name" | "namespace">;

/** The forms in which a service can be asked for by pods of `from`: its bare name only within its own namespace, as on a cluster. */
export function serviceNames({ name, namespace }: Name, from?: string): readonly string[] {
  const qualified = `${name}.${namespace}`;
  const everywhere = [qualified, `${qualified}.svc`, `${qualified}.svc.cluster.local`];
  return from === namespace ? [name, ...everywhere] : everywhere;
}

/** All forms in which pods may name the services, whoever they are. */
export function namesOfServices(services: readonly Name[]): readonly string[] {
  return services.flatMap((service) => serviceNames(service, service.namespace));
}

/** Addresses within the range of services, after the first, at which the relay answers names. */
export function addressServices(services: readonly ClusterService[], network: PodNetwork): readonly ServiceAddress[] {
  return services.map((service, index) => ({
    address: addressWithin(network.services, index + 2),
    port: service.port,
    target: service.socket,
    names: serviceNames(service),
    introduces: service.introduces,
  }));
}

/** The n-th address of a range in CIDR form: (`10.191.0.0/16`, 1) is `10.191.0.1`. */
export function addressWithin(cidr: string, n: number): string {
  const [start = ""] = cidr.split("/");
  const number = start.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) + n;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}
