import { parentPort, workerData } from "node:worker_threads";
import { isApiError } from "@headrace/model";
import { documentValue, parsePipelineDocuments } from "../core/spec.ts";
import type { ReadingResult } from "./pipeline-text.ts";

/** Runs in a thread of its own: reads the text that it was started with, and answers once. */
function read(text: string): ReadingResult {
  try {
    return { value: documentValue(parsePipelineDocuments(text).document) };
  } catch (error) {
    if (isApiError(error)) return { refusal: error.message };
    throw error;
  }
}

parentPort?.postMessage(read(String(workerData)), []);
