/** `npm run reference`: writes the parts of `docs/reference` that are made from definitions. */
import { readFile, writeFile } from "node:fs/promises";
import { createProgram } from "../apps/cli/program.ts";
import { startFresh } from "../platform/testing/fresh.ts";
import { askThrough, kubernetesPath, nowhere, commandLinePath } from "./reference-sources.ts";
import { commandLinePage, kubernetesPage } from "./reference-pages.ts";

await writeFile(commandLinePath, commandLinePage(createProgram(nowhere)));
await using headrace = await startFresh();
const page = await readFile(kubernetesPath, "utf8");
await writeFile(kubernetesPath, await kubernetesPage(page, askThrough(headrace.platform.running)));
