import { readSurroundings } from "./environment.ts";
import { createProgram } from "./program.ts";

// Whoever reads may have enough before all is said: `headrace doctor | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

await createProgram(readSurroundings()).parseAsync();
