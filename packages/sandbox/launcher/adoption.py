"""Taking over what a launcher that was killed has left: cells, their containers, and the ends that nobody has heard of."""

import json
import os
import signal

import cell as cells
import wire
from container import Container
from exits import lost_exit
from init import OUTPUTS
from syscalls import open_pidfd


class Adoption:
    def __init__(self, launcher):
        self.launcher = launcher

    def adopt(self):
        """Takes over the cells and containers of a launcher that was killed; tells the ends of those that are gone."""
        for number, facts in list(cells.remembered()):
            self.launcher.next_cell = max(self.launcher.next_cell, number + 1)
            try:
                self.adopt_cell(number, facts)
            except (OSError, wire.ProtocolError):
                cells.forget(number)
        self.end_strangers()
        for container_id, facts in list(self.launcher.journal.started.items()):
            if container_id in self.launcher.containers:
                continue
            if any(cell.number == facts["cell"] for cell in self.launcher.cells.values()):
                self.launcher.journal.forget(container_id)  # its cell never heard of it: it may be started again
            else:
                end = lost_exit(container_id, facts["startedAt"], "The container was lost while the launcher was away")
                self.launcher.journal.exit(container_id, end)
        self.launcher.cgroups.remove_strangers({container.cgroup.name for container in self.launcher.containers.values() if container.cgroup})

    def adopt_cell(self, number, facts):
        channel, pid = cells.reach(number)
        tenant = self.launcher.tenants.get(facts["tenant"]) or cells.Tenant(facts["tenant"], facts["tenantNumber"])
        cell = cells.Cell(facts["key"], tenant, facts["environment"], number)
        cell.channel, cell.pid, cell.pidfd = channel, pid, open_pidfd(pid)
        message, descriptors = self.expect(channel)
        if tenant.user_namespace is None:
            tenant.user_namespace = descriptors[0]
        cell.state = "ready" if message["ready"] else "starting" if message["zygote"] else "cold"
        self.launcher.tenants[tenant.name] = tenant
        self.launcher.add_cell(cell)
        while "told" not in message:
            message, descriptors = self.expect(channel)
            if "still" in message:
                self.adopt_container(cell, message["still"], descriptors)
            elif "exited" in message:
                self.adopt_container(cell, message["exited"], descriptors)
                self.launcher.note_exit(cell, message)
        channel.setblocking(False)

    @staticmethod
    def expect(channel):
        packet = wire.receive(channel, OUTPUTS + 3)
        if packet is None:
            raise wire.ProtocolError("the cell ended")
        return packet

    def adopt_container(self, cell, container_id, descriptors):
        facts = self.launcher.journal.started.get(container_id)
        if facts is None:
            wire.close_all(descriptors)
            return
        outputs, namespaces = wire.take(descriptors, OUTPUTS), descriptors
        group = self.launcher.find_group(facts["group"], cell.tenant)
        if group.namespaces is None and namespaces:
            group.namespaces, group.address = namespaces, facts["address"]
            self.launcher.network.adopt_address(cell.tenant, group.address)
        else:
            wire.close_all(namespaces)
        container = Container({"id": container_id, "uid": facts["uid"], "gid": facts["gid"], "log": facts["log"]}, cell, group, lambda *_: None)
        container.running = True
        container.started_at = facts["startedAt"]
        container.warm = facts["warm"]
        if facts["cgroup"]:
            container.cgroup = self.launcher.cgroups.adopt(cell.tenant.number, facts["cgroup"])
        self.launcher.containers[container_id] = cell.containers[container_id] = container
        group.containers.add(container_id)
        container.outputs = outputs
        self.launcher.hand_log(container)  # the pump may be new as well

    def end_strangers(self):
        """Ends cells and pumps of earlier launchers that cannot be reached: killed while they made one, they had told nobody."""
        known = {cell.pid for cell in self.launcher.cells.values()} | {self.launcher.pump.process, os.getpid()}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) not in known and _is_ours(entry, self.launcher.settings["stateDirectory"]):
                os.kill(int(entry), signal.SIGKILL)


def _is_ours(process, state_directory):
    """Whether it is a cell's first process, or a pump, of a launcher of this directory: they keep its name and its arguments."""
    try:
        with open(f"/proc/{process}/comm") as file:
            if file.read().strip() not in ("headrace-cell", "headrace-pump"):
                return False
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return json.loads(file.read().split(b"\0")[-2])["stateDirectory"] == state_directory
    except (OSError, ValueError, LookupError, TypeError):
        return False  # it has ended, or is a stranger of that name
