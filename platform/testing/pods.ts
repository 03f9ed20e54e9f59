import assert from "node:assert/strict";
import { Pod } from "@headrace/k8s";
import { eventually } from "@headrace/model/testing";
import type { Platform } from "../platform.ts";

export interface PodProgram {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly spec?: Partial<Pod["spec"]>;
}

/** Runs a program to its end in a pod of its own, and gives what it printed; a program that fails is a failure. */
export async function printedInPod({ client, running }: Platform, program: PodProgram): Promise<string> {
  const { namespace, name, image, command, spec } = program;
  const containers = [{ name: "main", image, command: [...command] }];
  await client.resource(Pod).create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name },
    spec: { restartPolicy: "Never", containers, ...spec },
  });
  const phase = await eventually(
    `pod ${name} is over`,
    async () => /Succeeded|Failed/.exec((await client.resource(Pod).get({ namespace, name })).status?.phase ?? "")?.[0],
  );
  const url = `${running.gateway}/kube/api/v1/namespaces/${namespace}/pods/${name}/log`;
  const log = await (await fetch(url)).text();
  assert.equal(phase, "Succeeded", log);
  return log;
}
