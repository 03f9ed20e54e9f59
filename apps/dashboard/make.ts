import { buildDashboard } from "./build.ts";
import { DashboardError } from "./errors.ts";

// A process of its own, so that a server that is already answering is not held up by the bundler.
try {
  await buildDashboard();
} catch (error) {
  const lines = error instanceof DashboardError ? `${error.message}\n${error.remedy}` : String(error);
  process.stderr.write(`${lines}\n`);
  process.exitCode = 1;
}
