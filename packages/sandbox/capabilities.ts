import { existsSync } from "node:fs";

import type { Hello } from "./protocol.ts";
import type { Capabilities, Finding } from "./sandbox.ts";

/** What `headrace doctor` shows of a host on which the launcher runs, besides what `diagnose` finds without one. */
export function describeHost(hello: Hello): Capabilities {
  if (hello.mode === "process") return { mode: "process", cgroups: "none", findings: [nothingAround] };
  return { mode: hello.mode, cgroups: hello.cgroups, findings: [isolation(hello), limits(hello), network(hello)] };
}

const nothingAround: Finding = {
  name: "isolation",
  ok: false,
  detail:
    "Steps are plain processes of yours: only lightweight Python runs, without limits, and it sees your files and your network",
  remedy: "Run only pipelines that you trust, or let Headrace have namespaces: `headrace doctor` says what is missing",
};

function isolation(hello: Hello): Finding {
  const detail =
    hello.mode === "root"
      ? "Containers have namespaces of their own; each tenant has a range of users of its own"
      : "Containers have namespaces of their own; all of them run as the user that started Headrace, seen as root inside";
  return { name: "isolation", ok: true, detail };
}

function limits(hello: Hello): Finding {
  if (hello.cgroups !== "none")
    return { name: "limits", ok: true, detail: `Memory, processor and process limits hold (cgroup ${hello.cgroups})` };
  return {
    name: "limits",
    ok: false,
    detail: `Memory and processor limits are advisory: ${hello.cgroupsProblem || "no cgroup may be made here"}`,
    remedy: limitsRemedy(hello.mode),
  };
}

function limitsRemedy(mode: Hello["mode"]): string {
  if (mode === "root") return "Give Headrace a cgroup file system that it may write to at /sys/fs/cgroup";
  if (existsSync("/sys/fs/cgroup/cgroup.controllers"))
    return "Start Headrace in a delegated scope: systemd-run --user --scope --property=Delegate=yes headrace up";
  return "Start the host with unified cgroups (kernel parameter systemd.unified_cgroup_hierarchy=1), or run Headrace as root";
}

function network(hello: Hello): Finding {
  if (hello.network === "bridge")
    return {
      name: "network",
      ok: true,
      detail: "Each pod has an address of its own on a bridge that only Headrace sees",
    };
  return {
    name: "network",
    ok: false,
    detail: `Pods have no network but their own loopback: ${hello.networkProblem || "no bridge may be made here"}`,
    remedy: "Load the kernel's modules bridge and veth: sudo modprobe --all bridge veth",
  };
}
