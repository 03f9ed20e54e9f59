"""The node's launcher: trusted, without packages, and the only process here with rights of its own.

It keeps cells, hands containers to them, remembers how containers ended, and speaks with Headrace. It never waits for
one cell: every answer from a cell has a deadline, every message a bound.
"""

import collections
import os
import signal
import sys

import cell as cells
import wire
from container import Container, Group
from journal import Journal
from links import PumpLink, see_off
from node import NodeServer, RequestError
from syscalls import send_signal, watch_removals
from verbs import Verbs
from volumes import VolumeError, Volumes

COMPLETE_SECONDS = 10  # for what is left of a log: only a disk that stands still takes so long
_REPORT_BYTES = 4096
_SPARE_SECONDS = 0.001
# With this many steps at work, making a spare would be in their way.
_SPARE_CORES = max(1, (os.cpu_count() or 1) // 2)
_IDLE_SECONDS = 600


class Launcher:
    def __init__(self, settings, loop, privileged, groups_of_processes, network, pump):
        self.settings = settings
        self.loop = loop
        self.privileged = privileged
        self.journal = Journal(os.path.join(settings["stateDirectory"], "journal"))
        self.volumes = Volumes(privileged)
        self.cgroups = groups_of_processes
        self.network = network
        self.tenants = {}
        self.cells = {}
        self.groups = {}
        self.containers = {}
        self.next_cell = 1
        self.acknowledged = collections.defaultdict(list)
        self.interpreter = {"program": os.path.realpath(sys.executable), "prefix": os.path.realpath(sys.base_prefix)}
        self.code = os.path.dirname(os.path.abspath(__file__))
        self.pump = pump
        self.leaving = False
        self.relay = None
        self.verbs = Verbs(self)
        self.server = None

    def serve(self):
        """Headrace finds the launcher from here on."""
        self.watch_directory()
        self.server = NodeServer(
            self.loop, "launcher.sock", self.settings["user"], self.verbs.handle, self.note_lonely, self.settings["lonelySeconds"]
        )

    # Cells.

    def find_cell(self, asked):
        key = cells.cell_key(asked)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.make_cell(key, asked)
        elif cell.state == "cold":
            cell.state = "starting"
            cell.send({"do": "zygote"})
            self.expect_ready(cell)
        return cell

    def make_cell(self, key, asked):
        tenant = self.tenants.get(asked["tenant"])
        if tenant is None:
            if len(self.tenants) >= cells.MAXIMUM_TENANTS:
                raise RequestError("busy", f"Cannot make a cell: {cells.MAXIMUM_TENANTS} tenants have one already")
            tenant = cells.Tenant(asked["tenant"], self.free_tenant_number())
        cell = cells.Cell(key, tenant, asked.get("environment"), self.next_cell)
        self.next_cell += 1
        try:
            resolver = self.network.resolver(asked.get("search", ()))
            cells.spawn(cell, self.code, self.interpreter, self.privileged, resolver, self.settings)
        except OSError as error:
            raise RequestError("no-cell", f"Cannot make a cell for {asked['tenant']!r}: {error.strerror or error}") from error
        self.tenants[tenant.name] = tenant
        cells.remember(cell)
        self.add_cell(cell)
        self.expect_ready(cell)
        return cell

    def add_cell(self, cell):
        cell.tenant.cells.append(cell)
        self.cells[cell.key] = cell
        self.loop.watch(cell.channel, lambda _: self.hear(cell))
        self.loop.watch(cell.pidfd, lambda _: self.lose_cell(cell))

    def free_tenant_number(self):
        taken = {tenant.number for tenant in self.tenants.values()}
        return next(number for number in range(cells.MAXIMUM_TENANTS) if number not in taken)

    def expect_ready(self, cell):
        self.loop.cancel(cell.deadline)
        seconds = self.settings["readySeconds"]
        cell.deadline = self.loop.after(seconds, lambda: self.end_cell(cell, f"its interpreter was not ready after {seconds} s"))

    def hear(self, cell):
        """Reads what the cell says, at most a few messages before others have their turn."""
        for _ in range(64):
            try:
                packet = wire.receive(cell.channel, 3)
            except BlockingIOError:
                return
            except (OSError, wire.ProtocolError) as error:
                self.end_cell(cell, str(error))
                return
            if packet is None:
                self.loop.forget(cell.channel)
                return  # its process ends next, and is noticed by its descriptor
            try:
                self.heed(cell, *packet)
            except (wire.ProtocolError, KeyError, TypeError, ValueError) as error:
                wire.close_all(packet[1])
                self.end_cell(cell, f"it broke the protocol: {error}")
                return

    def heed(self, cell, message, descriptors):
        if "exited" in message:
            self.note_exit(cell, message)
        elif "namespaces" in message:
            self.network.receive(cell, descriptors)
        elif "ready" in message:
            self.note_ready(cell, message)
        elif "lost" in message:
            container = cell.containers.get(message["lost"])
            if container is not None:
                container.problem = (128, f"The environment's interpreter was lost before the container ran. {cell.problem}".strip())
                container.lost = True
                self.finish(container, 128, 0, 0)
        elif "zygote" in message:
            self.note_lost_zygote(cell, message)
        elif "failed" in message:
            cell.problem = str(message["failed"])[:2000]
        elif "process" in message:
            container = self.containers.get(message["process"])
            if container is None or not container.entering or len(descriptors) > 1:
                raise wire.ProtocolError("it handed over a process that nobody asked for")
            self.verbs.enter_container(container, descriptors)
        elif "started" not in message:
            raise wire.ProtocolError("it sent what it must not send")

    def note_ready(self, cell, message):
        self.loop.cancel(cell.deadline)
        cell.state = "ready"
        cell.single_threaded = message["threads"] == 1
        cell.problem = "; ".join(str(problem) for problem in message["problems"] or ())[:4000]
        waiting, cell.waiting = cell.waiting, []
        for entry in waiting:
            if isinstance(entry, Container):
                self.advance(entry)
            else:
                entry()

    def note_lost_zygote(self, cell, message):
        cell.state = "cold"
        self.loop.cancel(cell.deadline)
        cell.problem = f"{message['why']}\n{message['tail']}".strip()[:4000]
        self.refuse_waiting(cell, f"The environment's interpreter could not be started: {cell.problem}")

    def refuse_waiting(self, cell, why):
        waiting, cell.waiting = cell.waiting, []
        for entry in waiting:
            if isinstance(entry, Container):
                entry.problem = (128, why)
                self.finish(entry, 128, 0, 0)
            else:
                entry("no-cell", why)

    def end_cell(self, cell, why):
        cell.problem = why
        send_signal(cell.pidfd, signal.SIGKILL)

    def lose_cell(self, cell):
        """The cell's first process is dead, and with it all that ran in the cell."""
        self.loop.forget(cell.pidfd)
        try:
            while (packet := wire.receive(cell.channel, 3)) is not None:
                self.heed(cell, *packet)
        except (OSError, wire.ProtocolError, KeyError, TypeError, ValueError):
            pass  # what it said last is of no use
        self.loop.forget(cell.channel)
        for timer in (cell.deadline, cell.spare_timer, cell.idle_timer):
            self.loop.cancel(timer)
        cell.channel.close()
        os.close(cell.pidfd)
        try:
            os.waitpid(cell.pid, 0)
        except ChildProcessError:
            pass  # another launcher's child
        cell.state = "gone"
        self.cells.pop(cell.key, None)
        cells.forget(cell.number)
        cell.tenant.cells.remove(cell)
        self.network.lose_cell(cell)
        self.forget_tenant_if_gone(cell.tenant)
        why = f"The container's cell ended: {cell.problem or 'it was killed'}"
        waiting = [entry for entry in cell.waiting if isinstance(entry, Container)]
        cell.waiting = [entry for entry in cell.waiting if entry not in waiting]
        self.refuse_waiting(cell, why)
        for group in {container.group for container in self.containers.values() if container.cell is cell}:
            waiting += [container for container in group.waiting if container.cell is cell]
            group.waiting = [container for container in group.waiting if container.cell is not cell]
        for container in [*waiting, *cell.containers.values()]:
            container.lost = container.problem is None
            container.problem = container.problem or (137, why)
            self.finish(container, -signal.SIGKILL, 0, 0)

    # Groups.

    def release_group(self, group):
        if group.namespaces is not None:
            self.network.give_back(group)
        if group.tenant.name in self.tenants:
            self.forget_tenant_if_gone(group.tenant)

    def forget_tenant_if_gone(self, tenant):
        """Without cells and pods its range of users is free for another."""
        if not tenant.cells:
            self.network.forget_tenant(tenant)
            if not any(group.tenant is tenant for group in self.groups.values()):
                self.tenants.pop(tenant.name, None)
                os.close(tenant.user_namespace)

    def find_group(self, name, tenant):
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = Group(name, tenant)
        elif group.tenant is not tenant:
            raise RequestError("invalid", f"Cannot use group {name!r}: it belongs to another tenant")
        return group

    def group_at(self, address):
        """The name of the group that has this address now, or None."""
        return next((group.name for group in self.groups.values() if group.address == address), None)

    # Containers.

    def advance(self, container):
        """Hands the container to its cell as soon as cell and network are there."""
        if container.cell.state != "ready":
            container.cell.waiting.append(container)
        elif container.group.namespaces is None and not self.network.provide(container.group):
            container.group.waiting.append(container)
            if len(container.group.waiting) == 1:
                self.network.request(container.group, self.note_network)
        else:
            try:
                self.launch(container)
            except (OSError, VolumeError) as error:
                container.problem = (128, str(error))
                self.finish(container, 128, 0, 0)

    def note_network(self, group):
        waiting, group.waiting = group.waiting, []
        for container in waiting:
            self.advance(container)

    def launch(self, container):
        asked, group = container.request, container.group
        handed, ours = [], []
        try:
            container.cgroup = self.cgroups.acquire(group.tenant.number, asked["limits"])
            attach = container.cgroup.descriptors if container.cgroup else []
            report, report_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            ours.append(report)
            handed.append(report_end)
            ends = self.open_log(container)
            handed += ends
            volumes = []
            for mount_ in asked["mounts"]:
                if mount_["kind"] == "bind":
                    volumes.append(self.volumes.open(mount_, group.tenant, asked["uid"], asked["gid"]))
                    handed.append(volumes[-1])
            request = wire.seal_request(container.step_request(len(attach), self.cgroups.version != "none"))
            handed.append(request)
            self.journal.start(container.id, container.facts())
            container.report = report
            container.cell.containers[container.id] = container
            sent = container.cell.send(
                {"do": "start", "container": container.id, "warm": container.warm},
                [*container.outputs, request, report_end, *ends, *attach, *group.namespaces, *volumes],
            )
            if not sent:
                self.end_cell(container.cell, "it takes no requests")
            container.deadline = self.loop.after(2 * self.settings["answerSeconds"], lambda: self.give_up(container))
            self.loop.watch(report, lambda _: self.read_report(container))
            ours.clear()
        finally:
            wire.close_all(handed)
            wire.close_all(ours)

    def open_log(self, container):
        """Pipes for the container's output; returns the ends that it writes to."""
        stdout, stdout_end = os.pipe2(os.O_CLOEXEC)
        stderr, stderr_end = os.pipe2(os.O_CLOEXEC)
        if self.privileged:
            # Else a container's user could not open /dev/stdout again.
            owner = container.group.tenant.first_user
            for descriptor in (stdout, stdout_end, stderr, stderr_end):
                os.fchown(descriptor, owner + container.request["uid"], owner + container.request["gid"])
        container.outputs = [stdout, stderr]
        self.hand_log(container)
        return [stdout_end, stderr_end]

    def hand_log(self, container):
        log = container.request["log"]
        message = {"open": container.id, "path": log["path"], "maxBytes": log["maxBytes"], "maxFiles": log["maxFiles"]}
        self.pump.send(message, container.outputs)

    def read_report(self, container):
        """The end of this pipe means that the container's program runs; a message, why it does not."""
        try:
            content = os.read(container.report, _REPORT_BYTES)
        except BlockingIOError:
            return
        self.close_report(container)
        if content:
            container.problem = (None, content.decode(errors="replace"))
        else:
            self.note_running(container)

    def close_report(self, container):
        if container.report is not None:
            self.loop.forget(container.report)
            os.close(container.report)
            container.report = None
            self.loop.cancel(container.deadline)

    def note_running(self, container):
        if not container.running:
            container.running = True
            container.reply()

    def give_up(self, container):
        container.problem = (128, "Its first process was made but never came to run")
        container.cell.send({"do": "signal", "container": container.id, "signal": signal.SIGKILL})

    def note_exit(self, cell, message):
        container = cell.containers.get(message["exited"])
        if container is None:
            # A launcher before this one, or a repetition after an adoption.
            cell.send({"do": "acknowledge", "containers": [message["exited"]]})
            return
        self.finish(container, message["status"], message["cpu"], message["resident"])

    def finish(self, container, status, cpu, resident):
        """Journals the exit, waits for the end of its log, then tells Headrace."""
        if container.end is not None:
            return
        if container.report is not None:
            self.read_report(container)
            self.close_report(container)
        elif container.problem is None:
            self.note_running(container)
        container.end = container.describe_end(status, cpu, resident)
        if self.journal.exit(container.id, container.end):
            self.acknowledged[container.cell].append(container.id)
            self.loop.when_idle(self.acknowledge_exits)
        container.cell.containers.pop(container.id, None)
        container.group.containers.discard(container.id)
        container.deadline = self.loop.after(COMPLETE_SECONDS, lambda: self.deliver(container))
        self.pump.send({"drain": container.id})

    def deliver(self, container):
        if self.containers.pop(container.id, None) is None:
            return
        self.loop.cancel(container.deadline)
        wire.close_all(container.outputs)
        if not container.running:
            container.reply("start-failed", f"Cannot start container {container.id!r}: {container.end.get('message', 'it was killed')}")
        if self.server is not None:
            self.server.broadcast({"exit": container.end})
        if container.cgroup is not None:
            self.loop.when_idle(container.cgroup.release)
        if container.warm and container.cell.spare_timer is None:
            # After the step that follows at once, if one does: making a spare costs as much as a step.
            container.cell.spare_timer = self.loop.after(_SPARE_SECONDS, lambda: self.order_spare(container.cell))
        self.retire_if_idle(container.cell)

    def order_spare(self, cell):
        """Only while cores are free: in a fan-out, spares would take them from the steps that they are meant to hasten."""
        cell.spare_timer = None
        if cell.state == "ready" and not cell.waiting and cell.short_steps() < _SPARE_CORES:
            cell.send({"do": "spare"})

    def retire_if_idle(self, cell):
        """A cell that nobody has needed for a while gives its memory back; the next container makes it anew."""
        self.loop.cancel(cell.idle_timer)
        if not cell.containers and cell.state != "gone":
            cell.idle_timer = self.loop.after(_IDLE_SECONDS, lambda: self.retire(cell))

    def retire(self, cell):
        if cell.containers or cell.waiting or cell.state == "gone":
            return
        if any(group.tenant is cell.tenant for group in self.groups.values()) and len(cell.tenant.cells) == 1:
            self.retire_if_idle(cell)  # a pod between two containers keeps its network
        else:
            self.end_cell(cell, "nobody needed it")

    def leave_queue(self, container):
        for queue in (container.cell.waiting, container.group.waiting):
            if container in queue:
                queue.remove(container)
        self.finish(container, 128, 0, 0)

    def acknowledge_exits(self):
        acknowledged, self.acknowledged = self.acknowledged, collections.defaultdict(list)
        for cell, containers in acknowledged.items():
            if cell.state != "gone":
                for first in range(0, len(containers), 50):
                    cell.send({"do": "acknowledge", "containers": containers[first : first + 50]})

    # The pump and this process itself.

    def note_complete(self, container_id):
        container = self.containers.get(container_id)
        if container is not None and container.end is not None:
            self.deliver(container)

    def replace_pump(self):
        """The log pump has died; nothing that was printed and not yet read is lost."""
        if not self.leaving:
            self.pump = PumpLink.start()
            self.pump.listen(self.loop, self.note_complete, self.replace_pump)
            for container in self.containers.values():
                if container.outputs:
                    self.hand_log(container)

    def watch_directory(self):
        """Whoever removes the data directory wants nothing of this any more."""
        watch = watch_removals(self.settings["stateDirectory"])

        def look(_):
            os.read(watch, 65536)
            if not os.path.exists(self.journal.path):
                self.leave()

        self.loop.watch(watch, look)

    def note_lonely(self):
        if not self.containers:
            self.leave()

    def leave(self):
        """Takes everything along that would otherwise stay behind."""
        self.leaving = True
        self.loop.stop()
        for cell in self.cells.values():
            send_signal(cell.pidfd, signal.SIGKILL)
        for cell in self.cells.values():
            see_off(cell.pid, cell.pidfd)
            cells.forget(cell.number)
        self.pump.end()
        if self.relay is not None:
            self.relay.end()
        self.cgroups.remove_strangers(())
        self.cgroups.remove()
        for name in ("launcher.sock", "pump.sock", "dial.sock"):
            if os.path.lexists(name):
                os.unlink(name)
