export { StartError } from "./errors.ts";
export { awaitRelease, findRunning, openHome, type Home, type HomePaths, type Running } from "./home.ts";
