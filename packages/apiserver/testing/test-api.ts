import { createClient, type Client } from "@headrace/client";
import { platformUser, type Authorizer, type ResourceDefinition } from "@headrace/model";
import { testClock, testIds, type TestClock } from "@headrace/model/testing";
import { createMemoryStore } from "@headrace/store/memory";
import type { Store } from "@headrace/store";
import type { ApiServer, ApiServerOptions } from "../options.ts";
import { createApiServer } from "../server.ts";

export interface TestApi extends AsyncDisposable {
  readonly server: ApiServer;
  /** In process, as the platform's own user. */
  readonly client: Client;
  readonly store: Store;
  readonly clock: TestClock;
}

export const allowAll: Authorizer = { authorize: async () => ({ allowed: true, reason: "" }) };

/** The real server over the memory store, with a clock that is moved by hand. Everybody may do everything unless told otherwise. */
export function testApi(definitions: readonly ResourceDefinition[], options: Partial<ApiServerOptions> = {}): TestApi {
  const clock = testClock();
  const store = createMemoryStore({ clock });
  const server = createApiServer({ store, definitions, authorizer: allowAll, clock, ids: testIds(), ...options });
  return {
    server,
    client: createClient({ transport: server.handle, user: platformUser }),
    store,
    clock,
    [Symbol.asyncDispose]: () => store.close(),
  };
}
