export { storeConformance, type MakeStore, type StoreUnderTest } from "./conformance.ts";
