import { createMemoryStore } from "./memory.ts";
import { storeConformance } from "./testing/conformance.ts";

storeConformance("memory store", async (options) => ({ store: createMemoryStore(options), dispose: async () => {} }));
