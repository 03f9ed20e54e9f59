import { createGateway } from "@headrace/gateway";
import { ApiError, defineMessage, invalid, s, systemClock, type User } from "@headrace/model";
import { RpcError, rpcRoutes, service, unary } from "../index.ts";

const ana: User = { name: "ana", groups: ["system:authenticated"] };

const note = defineMessage(
  "test.v1.Note",
  {
    id: s.at(1, s.integer({ format: "int64" })),
    mood: s.at(2, s.string({ enum: ["UNKNOWN", "GLAD", "SAD"] })),
    words: s.at(3, s.list(s.string())),
    weights: s.at(4, s.map(s.number())),
    by_id: s.at(5, s.map(s.string(), { keys: "int64" })),
    facts: s.at(6, s.preserveUnknown()),
    raw: s.at(7, s.bytes()),
    inner: s.at(8, defineMessage("test.v1.Note.Inner", { flag: s.at(1, s.boolean()) })),
    text: s.at(9, s.string()),
    number: s.at(10, s.number()),
  },
  { oneof: ["text", "number"] },
);
const ask = defineMessage("test.v1.Ask", { how: s.at(1, s.string()), note: s.at(2, note) });

/** A service with a field of every kind and a failure of every kind. */
export const greeter = service(
  "test.v1.Greeter",
  {
    Echo: unary(ask, note, async ({ note: sent = {} }) => sent),
    Who: unary(ask, note, async (_, { user, headers }) => ({ text: `${user.name} ${headers["x-note"] ?? ""}` })),
    Fail: unary(ask, note, async ({ how }) => {
      if (how === "missing") throw new ApiError("NotFound", "There is no such note");
      if (how === "state") throw new RpcError("FAILED_PRECONDITION", "The note is being read");
      if (how === "invalid") {
        const kind = { group: "", plural: "notes", kind: "Note" };
        throw invalid(kind, "n", [{ reason: "FieldValueInvalid", field: "spec.mood", message: "must be glad" }]);
      }
      throw new TypeError("a secret of ours");
    }),
    Wait: unary(ask, note, async (_, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      return {};
    }),
  },
  (method) => method === "Echo",
);

export interface GreeterServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly bugs: readonly unknown[];
  /** What was audited, by path. */
  readonly audited: readonly string[];
}

/** The service on a gateway of its own, beside a page of plain HTTP. The token `ana` is known, `wrong` is not. */
export async function serveGreeter(): Promise<GreeterServer> {
  const bugs: unknown[] = [];
  const audited: string[] = [];
  const gateway = createGateway({
    routes: [
      ...rpcRoutes({ services: [greeter], report: (error) => bugs.push(error) }),
      {
        method: "GET",
        pattern: "/plain",
        access: "open",
        handle: async () => ({ status: 200, headers: {}, body: "plain" }),
      },
    ],
    kubeHandler: async () => ({ status: 404, headers: {} }),
    authenticator: {
      async authenticate({ headers }) {
        if (headers["authorization"] === "Bearer wrong") throw new ApiError("Unauthorized", "The token is not known");
        return headers["authorization"] === "Bearer ana" ? ana : undefined;
      },
    },
    authorizer: { authorize: async () => ({ allowed: true, reason: "" }) },
    audit: { record: ({ resource }) => audited.push(resource) },
    clock: systemClock,
  });
  const { url, port } = await gateway.listen({ host: "127.0.0.1", port: 0 });
  return { url, port, bugs, audited, [Symbol.asyncDispose]: () => gateway.close() };
}
