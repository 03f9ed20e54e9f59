export { fetchFrom, type Fetched, type FetchOptions } from "./fetch.ts";
export { listen, type Listening } from "./listen.ts";
export { allowAll, testApi, type TestApi } from "./test-api.ts";
