/** `node apps/dashboard/make.ts`: builds the pages unless they are fresh. A process of its own, so that the bundler's memory goes with it. */
import { buildDashboard } from "./build.ts";

await buildDashboard();
