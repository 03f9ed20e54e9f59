import { Pod } from "@headrace/k8s";
import { runs } from "@headrace/pipelines/resources";
import { findRunning } from "@headrace/platform";
import { connect } from "../connection.ts";
import type { Terminal } from "../terminal.ts";

/** Where Headrace runs and what it has to do. Exit status 3 if none runs, as systemd's `status` has it. */
export async function status(home: string, terminal: Terminal): Promise<number> {
  if (findRunning(home) === undefined) {
    if (terminal.json) terminal.value({ running: false, dataDir: home });
    else terminal.print(`No Headrace runs on ${home}`);
    return 3;
  }
  const { running, client } = connect(home);
  const [allPods, allRuns] = await Promise.all([client.resource(Pod).list(), client.resource(runs).list()]);
  const activeRuns = allRuns.items.filter(
    (run) => run.status.state === "RUNNING" || run.status.state === "PENDING",
  ).length;
  const activePods = allPods.items.filter(
    (pod) => pod.status?.phase === "Running" || pod.status?.phase === "Pending",
  ).length;
  const { gateway, kube, s3, kubeconfig, dataDir, pid, version } = running;
  if (terminal.json) {
    terminal.value({
      running: true,
      gateway,
      kube,
      s3,
      kubeconfig,
      dataDir,
      pid,
      version,
      runs: activeRuns,
      pods: activePods,
    });
    return 0;
  }
  for (const [name, value] of Object.entries({
    gateway,
    "kubernetes api": kube,
    "s3 endpoint": s3,
    kubeconfig,
    "data directory": dataDir,
    pid,
    version,
    "active runs": activeRuns,
    "active pods": activePods,
  })) {
    terminal.print(`${name.padEnd(16)} ${value}`);
  }
  return 0;
}
