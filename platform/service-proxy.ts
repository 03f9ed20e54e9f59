import { failure } from "@headrace/gateway";
import { ApiError, type ApiRequest, type ApiResponse, type Authorizer, type Handler } from "@headrace/model";

interface ServiceProxyOptions {
  /** The Kubernetes API: it answers all that is no such request. */
  readonly server: Handler;
  /** Answers for the services, as whom it is told. */
  readonly front: Handler;
  readonly services: readonly ProxiedService[];
  readonly authorizer: Authorizer;
}

interface ProxiedService {
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  /**
   * Beginning of paths that are the service's also where no proxy is named. KFP's SDK (2.17) means to go by the proxy, but its Kubernetes client
   * sets the host anew whenever it looks at a kubeconfig's token; what it asks for then begins with `/apis/v2beta1/`, no group of Kubernetes'.
   */
  readonly prefix: string;
}

const proxied = /^\/api\/v1\/namespaces\/([^/]+)\/services\/([^/]+)\/proxy(?:\/+(.*))?$/;
const verbs: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };

/**
 * The Kubernetes API with its proxy of services: `/api/v1/namespaces/NS/services/[http:]NAME[:PORT]/proxy/PATH` asks the service
 * for PATH, for callers who may use `services/proxy`. `kfp.Client()` comes this way if it is told no host. PATH may begin with
 * more slashes than one, as that client writes it.
 */
export function withServiceProxy({ server, front, services, authorizer }: ServiceProxyOptions): Handler {
  async function forward(request: ApiRequest, { namespace, name }: ProxiedService, path: string): Promise<ApiResponse> {
    const { user, method } = request;
    const verb = verbs[method] ?? "get";
    const attributes = { user, verb, group: "", resource: "services/proxy", namespace, name };
    const { allowed, reason } = await authorizer.authorize(attributes);
    if (allowed) return front({ ...request, path });
    const message = `User "${user.name}" cannot ${verb} services/proxy "${name}" in the namespace "${namespace}": ${reason}`;
    return failure(new ApiError("Forbidden", message), request);
  }

  return async (request) => {
    const [, namespace = "", reference = "", path = ""] = proxied.exec(request.path) ?? [];
    const named = services.find((each) => each.namespace === namespace && meant(reference, each));
    if (named) return forward(request, named, `/${path}`);
    const astray = services.find(({ prefix }) => request.path.startsWith(prefix));
    return astray ? forward(request, astray, request.path) : server(request);
  };
}

/** Whether `[http:]NAME[:PORT]`, its colons escaped or not, is the service; PORT by number, or `http`. */
function meant(reference: string, { name, port }: ProxiedService): boolean {
  const words = reference.replace(/%3a/gi, ":").split(":");
  const [scheme, named, at] = words.length === 3 ? words : ["", ...words];
  return (
    words.length <= 3 &&
    (scheme === "" || scheme === "http") &&
    named === name &&
    (at === undefined || at === "" || at === "http" || at === String(port))
  );
}
