import { readSurroundings } from "./environment.ts";
import { createProgram } from "./program.ts";

await createProgram(readSurroundings()).parseAsync();
