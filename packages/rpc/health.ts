import { defineMessage, s } from "@headrace/model";
import { RpcError } from "./errors.ts";
import { service, unary, type RpcService } from "./service.ts";

const request = defineMessage("grpc.health.v1.HealthCheckRequest", { service: s.at(1, s.string()) });
const response = defineMessage("grpc.health.v1.HealthCheckResponse", {
  status: s.at(1, s.string({ enum: ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] })),
});

/** grpc.health.v1.Health: whoever can be asked is serving. `Watch` is left out, as the protocol allows. */
export function healthService(names: readonly string[]): RpcService {
  const check = unary(request, response, async ({ service: asked = "" }) => {
    if (asked !== "" && !names.includes(asked)) throw new RpcError("NOT_FOUND", `unknown service ${asked}`);
    return { status: "SERVING" as const };
  });
  return service("grpc.health.v1.Health", { Check: check }, () => true);
}
