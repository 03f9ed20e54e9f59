import type { Component } from "@headrace/model";
import type { RpcService } from "@headrace/rpc";
import type { MetadataOptions } from "./api/caller.ts";
import { metadataService } from "./api/service.ts";
import { metadataMigrations } from "./records/migrations.ts";

export type { MetadataOptions } from "./api/caller.ts";

/** ML Metadata's store over the lineage of the records, with what users put into it beside that. */
export function createMetadata(options: MetadataOptions): Component & { readonly services: readonly RpcService[] } {
  return {
    name: "metadata",
    resources: [],
    migrations: metadataMigrations,
    services: [metadataService(options)],
  };
}
