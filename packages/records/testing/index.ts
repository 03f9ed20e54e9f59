export { recordsConformance, type MakeRecords } from "./conformance.ts";
