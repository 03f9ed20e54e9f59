export { settle, testClock, type TestClock } from "./clock.ts";
export { eventually, NeverHeldError } from "./eventually.ts";
export { testIds } from "./ids.ts";
export { once } from "./once.ts";
