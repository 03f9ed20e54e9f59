"""A container and its pod, as the launcher keeps them."""

import os

import specification
from exits import exit_of


# Without cgroups the kernel counts the processes of a whole tenant: the others need room too.
_SHARED_PROCESSES = 1024


class Container:
    def __init__(self, request, cell, group, reply):
        self.id = request["id"]
        self.request = request
        self.cell = cell
        self.group = group
        self.reply = reply  # called once with (code, message) or with nothing
        self.report = None
        self.outputs = []  # the pipes that the pump reads; the next one does should it die
        self.cgroup = None
        self.deadline = None
        self.running = False
        self.started_at = None
        self.problem = None  # (exit code, message) of a container that could not be started
        self.lost = False  # what it ran in has ended, which is no fault of its own
        self.warm = False
        self.end = None
        self.entering = []  # (connection, request number, what was asked) that wait for the container's process

    def facts(self):
        """What a later launcher needs to take this container over."""
        return {
            "cell": self.cell.number,
            "group": self.group.name,
            "startedAt": self.started_at,
            "address": self.group.address,
            "warm": self.warm,
            "cgroup": self.cgroup.name if self.cgroup else None,
            "uid": self.request["uid"],
            "gid": self.request["gid"],
            "log": self.request["log"],
        }

    def started(self):
        return {"id": self.id, "startedAt": self.started_at, "address": self.group.address, "warm": self.warm}

    def step_request(self, cgroup_count, processes_limited):
        """What the step itself reads, and nobody else."""
        asked, limits = self.request, self.request["limits"]
        warm = None
        if asked.get("warm") and self.cell.environment and self.cell.single_threaded:
            if specification.warm_obstacle(asked) is None or not asked["command"]:
                warm = {"source": asked["warm"]["source"], "arguments": asked["warm"]["arguments"], "threads": _threads(limits)}
        self.warm = warm is not None
        return {
            "command": asked["command"],
            "warm": warm,
            "cgroups": cgroup_count,
            "mounts": [[mount_["target"], mount_.get("sizeBytes")] for mount_ in asked["mounts"]],
            "hostname": asked["hostname"],
            "hosts": specification.hosts_file(asked, self.group.address),
            "uid": asked["uid"],
            "gid": asked["gid"],
            "environment": asked["environment"],
            "workingDirectory": asked["workingDirectory"],
            "processRlimit": None if processes_limited else limits["processes"] + _SHARED_PROCESSES,
            "ephemeralBytes": limits["ephemeralBytes"],
            "sharedMemoryBytes": limits["sharedMemoryBytes"],
        }

    def describe_end(self, status, cpu, resident):
        """The exit as Headrace hears of it; `status` is negative for a signal."""
        end = exit_of(self.id, self.started_at, status, cpu, resident)
        if self.problem is not None:
            code, end["message"] = self.problem
            end["reason"] = "Lost" if self.lost else "Error" if self.running else "StartError"
            end["exitCode"] = end["exitCode"] if code is None else code
        elif self.cgroup is not None and end["exitCode"] != 0 and self.cgroup.ran_out_of_memory():
            end["reason"] = "OOMKilled"
        return end


def _threads(limits):
    """A library that looks for itself takes a thread for each core; more than the limit allows would only wait for one another."""
    cores = os.cpu_count() or 1
    return min(cores, -(-limits["cpuMillis"] // 1000)) if limits.get("cpuMillis") else cores


class Group:
    """The containers of a pod: they share network, ipc and uts namespaces."""

    def __init__(self, name, tenant):
        self.name = name
        self.tenant = tenant
        self.namespaces = None
        self.address = None
        self.containers = set()
        self.waiting = []
