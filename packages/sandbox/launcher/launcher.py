"""The node's launcher: trusted, without packages, and the only process here with rights of its own.

It keeps cells, hands containers to them, remembers how containers ended, and speaks with Headrace. It never waits for
one cell: every answer from a cell has a deadline, every message a bound.
"""

import collections
import os
import signal
import sys
import time

import cell as cells
import enter
import specification
import wire
from journal import Journal
from node import NodeServer, RequestError
from syscalls import open_pidfd, send_signal
from volumes import VolumeError, Volumes

PROTOCOL = 1
READY_ANSWERS = 12  # importing packages takes longer than answering
COMPLETE_SECONDS = 2
_REPORT_BYTES = 4096
_SPARE_SECONDS = 0.001
_IDLE_SECONDS = 600
_MAXIMUM_WAITING = 10_000
_SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL, "SIGINT": signal.SIGINT}


class Container:
    def __init__(self, request, cell, group, reply):
        self.id = request["id"]
        self.request = request
        self.cell = cell
        self.group = group
        self.reply = reply  # called once with (code, message) or with nothing
        self.report = None
        self.cgroup = None
        self.deadline = None
        self.running = False
        self.started_at = None
        self.problem = None  # (exit code, message) of a container that could not be started
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
        }

    def started(self):
        return {"id": self.id, "startedAt": self.started_at, "address": self.group.address, "warm": self.warm}


class Group:
    """The containers of a pod: they share network, ipc and uts namespaces."""

    def __init__(self, name, tenant):
        self.name = name
        self.tenant = tenant
        self.namespaces = None
        self.address = None
        self.containers = set()
        self.waiting = []


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
        self.relay = None
        self.lonely = None
        self.server = None

    def serve(self):
        """Headrace finds the launcher from here on."""
        self.server = NodeServer(self.loop, "launcher.sock", self.settings["user"], self.handle, self.look_after_self)
        self.look_after_self()

    # Headrace's requests.

    def handle(self, connection, request):
        verb = getattr(self, "do_" + str(request.get("do")).replace("-", "_"), None)
        if verb is None:
            raise RequestError("invalid", f"do must be a verb of this protocol, not {request.get('do')!r}")
        try:
            verb(connection, request)
        except specification.Invalid as error:
            raise RequestError("invalid", f"Cannot {request['do']}: {error}") from None

    def do_hello(self, connection, request):
        connection.answer(
            request["n"],
            {
                "protocol": PROTOCOL,
                "pid": os.getpid(),
                "mode": "root" if self.privileged else "user",
                "cgroups": self.cgroups.version,
                "cgroupsProblem": self.cgroups.problem,
                "network": self.network.kind,
                "networkProblem": self.network.problem,
                "podNetwork": self.network.describe(),
            },
        )

    def do_start(self, connection, request):
        asked = specification.check_container(request.get("container"))
        if self.journal.knows(asked["id"]):
            raise RequestError("already-started", f"Cannot start container {asked['id']!r}: it was started before")
        cell = self.find_cell(asked["cell"])
        if len(cell.waiting) >= _MAXIMUM_WAITING:
            raise RequestError("busy", f"Cannot start container {asked['id']!r}: {_MAXIMUM_WAITING} others wait for its interpreter")
        group = self.find_group(asked["group"], cell.tenant)

        def reply(code=None, message=None):
            if code is None:
                connection.answer(request["n"], container.started())
            else:
                connection.refuse(request["n"], code, message)

        container = Container(asked, cell, group, reply)
        container.started_at = _now()
        self.containers[asked["id"]] = container
        group.containers.add(container.id)
        self.journal.start(container.id, container.facts())
        self.advance(container)

    def do_signal(self, connection, request):
        number = _SIGNALS.get(request.get("signal"))
        if number is None:
            raise RequestError("invalid", f"signal must be one of {', '.join(_SIGNALS)}")
        container = self.containers.get(request.get("id"))
        if container is None:
            raise RequestError("not-found", f"Cannot signal container {request.get('id')!r}: it does not run")
        if container.report is None and not container.running:
            container.problem = (128 + number, "It was stopped before it ran")
            self.leave_queue(container)
        else:
            container.cell.send({"do": "signal", "container": container.id, "signal": number})
        connection.answer(request["n"], {})

    def do_exec(self, connection, request):
        """The connection carries the program's input and output from the answer on: see enter.py."""
        container = self.containers.get(request.get("id"))
        if container is None or not container.running or container.end is not None:
            raise RequestError("not-found", f"Cannot run a program in container {request.get('id')!r}: it does not run")
        asked = specification.check_exec(request)
        container.entering.append((connection, request["n"], asked))
        container.cell.send({"do": "process", "container": container.id})

    def enter(self, container, descriptors):
        connection, number, asked = container.entering.pop(0)
        if not descriptors or connection not in self.server.connections:
            if connection in self.server.connections:
                connection.refuse(number, "not-found", f"Cannot run a program in container {container.id!r}: it has ended")
            wire.close_all(descriptors)
            return
        asked["environment"] = {**_environment(container, descriptors[0]), **asked["environment"]}
        asked.update({"uid": container.request["uid"], "gid": container.request["gid"], "privileged": self.privileged})
        connection.answer(number, {})
        carrier = self.server.hand_over(connection)
        attach = container.cgroup.descriptors if container.cgroup else []
        pid = os.fork()
        if pid == 0:
            enter.serve(carrier, descriptors[0], attach, asked)
        wire.close_all(descriptors)
        carrier.close()
        watch = open_pidfd(pid)
        self.loop.watch(watch, lambda _: self.reap_companion(watch, pid))

    def reap_companion(self, watch, pid):
        self.loop.forget(watch)
        os.close(watch)
        os.waitpid(pid, 0)

    def do_acknowledge(self, connection, request):
        self.journal.acknowledge(request.get("id"))
        connection.answer(request["n"], {})

    def do_sync(self, connection, request):
        running = [container.started() for container in self.containers.values()]
        connection.answer(request["n"], {"running": running, "exits": list(self.journal.exits.values())})

    def do_remove_group(self, connection, request):
        group = self.groups.get(request.get("group"))
        if group is not None:
            if group.containers:
                raise RequestError("busy", f"Cannot remove group {group.name!r}: {len(group.containers)} of its containers run")
            del self.groups[group.name]
            if group.namespaces is not None:
                self.loop.when_idle(lambda: self.network.give_back(group))
        connection.answer(request["n"], {})

    def do_warm(self, connection, request):
        cell = self.find_cell(specification.check_cell(request.get("cell")))

        def reply(code=None, message=None):
            if code is None:
                connection.answer(request["n"], {"problem": cell.problem})
            else:
                connection.refuse(request["n"], code, message)

        if cell.state == "ready":
            reply()
        else:
            cell.waiting.append(reply)

    def do_stats(self, connection, request):
        connection.answer(
            request["n"],
            {
                "cells": [
                    {
                        "tenant": cell.tenant.name,
                        "environment": cell.digest,
                        "containers": len(cell.containers),
                        "residentBytes": _resident_bytes(cell.pid),
                    }
                    for cell in self.cells.values()
                ],
                "launcherBytes": _resident_bytes(os.getpid()),
            },
        )

    def do_shutdown(self, connection, request):
        connection.answer(request["n"], {})
        self.loop.when_idle(self.leave)

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
            cells.spawn(cell, self.code, self.interpreter, self.privileged, self.network.nameserver, self.settings["answerSeconds"])
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
        seconds = READY_ANSWERS * self.settings["answerSeconds"]
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
            self.network.receive(cell.tenant, descriptors)
        elif "ready" in message:
            self.note_ready(cell, message)
        elif "lost" in message:
            container = cell.containers.get(message["lost"])
            if container is not None:
                container.problem = (128, f"The environment's interpreter was lost before the container ran. {cell.problem}".strip())
                self.finish(container, 128, 0, 0)
        elif "zygote" in message:
            self.note_lost_zygote(cell, message)
        elif "failed" in message:
            cell.problem = str(message["failed"])[:2000]
        elif "process" in message:
            container = self.containers.get(message["process"])
            if container is None or not container.entering or len(descriptors) > 1:
                raise wire.ProtocolError("it handed over a process that nobody asked for")
            self.enter(container, descriptors)
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
        if not cell.tenant.cells:
            self.network.forget_tenant(cell.tenant)
        why = f"The container's cell ended: {cell.problem or 'it was killed'}"
        self.refuse_waiting(cell, why)
        for container in list(cell.containers.values()):
            container.problem = container.problem or (137, why)
            self.finish(container, -signal.SIGKILL, 0, 0)

    # Groups.

    def find_group(self, name, tenant):
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = Group(name, tenant)
        elif group.tenant is not tenant:
            raise RequestError("invalid", f"Cannot use group {name!r}: it belongs to another tenant")
        return group

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
            outputs, ends = self.open_log(asked)
            handed += ends
            wire.close_all(outputs)
            volumes = []
            for mount_ in asked["mounts"]:
                if mount_["kind"] == "bind":
                    volumes.append(self.volumes.open(mount_, group.tenant, asked["uid"], asked["gid"]))
                    handed.append(volumes[-1])
            request = wire.seal_request(self.step_request(container, len(attach)))
            handed.append(request)
            container.report = report
            container.cell.containers[container.id] = container
            self.journal.start(container.id, container.facts())
            sent = container.cell.send(
                {"do": "start", "container": container.id, "warm": container.warm},
                [request, report_end, *ends, *attach, *group.namespaces, *volumes],
            )
            if not sent:
                self.end_cell(container.cell, "it takes no requests")
            container.deadline = self.loop.after(2 * self.settings["answerSeconds"], lambda: self.give_up(container))
            self.loop.watch(report, lambda _: self.read_report(container))
            ours.clear()
        finally:
            wire.close_all(handed)
            wire.close_all(ours)

    def open_log(self, asked):
        """Pipes for the container's output, whose far ends the pump has. Returns (far ends, near ends)."""
        stdout, stdout_end = os.pipe2(os.O_CLOEXEC)
        stderr, stderr_end = os.pipe2(os.O_CLOEXEC)
        if self.privileged:
            # Else a container's user could not open /dev/stdout again.
            owner = self.containers[asked["id"]].group.tenant.first_user
            for descriptor in (stdout, stdout_end, stderr, stderr_end):
                os.fchown(descriptor, owner + asked["uid"], owner + asked["gid"])
        log = asked["log"]
        message = {"open": asked["id"], "path": log["path"], "maxBytes": log["maxBytes"], "maxFiles": log["maxFiles"]}
        wire.send(self.pump.channel, message, [stdout, stderr])
        return [stdout, stderr], [stdout_end, stderr_end]

    def step_request(self, container, cgroup_count):
        asked, limits = container.request, container.request["limits"]
        warm = None
        if asked.get("warm") and container.cell.environment and container.cell.single_threaded:
            if specification.warm_obstacle(asked) is None or not asked["command"]:
                warm = {"source": asked["warm"]["source"], "arguments": asked["warm"]["arguments"]}
        container.warm = warm is not None
        return {
            "command": asked["command"],
            "warm": warm,
            "cgroups": cgroup_count,
            "mounts": [[mount_["target"], mount_.get("sizeBytes")] for mount_ in asked["mounts"]],
            "hostname": asked["hostname"],
            "hosts": specification.hosts_file(asked, container.group.address),
            "uid": asked["uid"],
            "gid": asked["gid"],
            "environment": asked["environment"],
            "workingDirectory": asked["workingDirectory"],
            "processRlimit": None if self.cgroups.version != "none" else limits["processes"] + 64,
            "ephemeralBytes": limits["ephemeralBytes"],
            "sharedMemoryBytes": limits["sharedMemoryBytes"],
        }

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
        container.end = self.describe_exit(container, status, cpu, resident)
        self.journal.exit(container.id, container.end)
        self.acknowledged[container.cell].append(container.id)
        self.loop.when_idle(self.acknowledge_exits)
        container.cell.containers.pop(container.id, None)
        container.group.containers.discard(container.id)
        container.deadline = self.loop.after(COMPLETE_SECONDS, lambda: self.deliver(container))
        self.pump.send({"drain": container.id})

    def describe_exit(self, container, status, cpu, resident):
        exit_code = status if status >= 0 else 128 - status
        end = {"id": container.id, "exitCode": exit_code, "startedAt": container.started_at, "finishedAt": _now()}
        end.update({"cpuMillis": cpu, "maxResidentBytes": resident, "reason": "Completed" if exit_code == 0 else "Error"})
        if status < 0:
            end["signal"] = -status
        if container.problem is not None:
            code, end["message"] = container.problem
            end["reason"] = "Error" if container.running else "StartError"
            end["exitCode"] = exit_code if code is None else code
        elif container.cgroup is not None and exit_code != 0 and container.cgroup.ran_out_of_memory():
            end["reason"] = "OOMKilled"
        return end

    def deliver(self, container):
        if self.containers.pop(container.id, None) is None:
            return
        self.loop.cancel(container.deadline)
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
        cell.spare_timer = None
        if cell.state == "ready" and not cell.waiting:
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

    def do_services(self, connection, request):
        """Addresses of the pods' network that lead to Headrace; replaces the table that was."""
        if self.relay is None:
            raise RequestError("invalid", "Cannot serve services: pods have no network here")
        self.relay.set_services(specification.check_services(request.get("services")))
        connection.answer(request["n"], {})

    # The pump and this process itself.

    def note_complete(self, container_id):
        container = self.containers.get(container_id)
        if container is not None and container.end is not None:
            self.deliver(container)

    def look_after_self(self):
        """Ends by itself when nobody has been here for a while and nothing runs, or when its directory is gone."""
        self.loop.cancel(self.lonely)
        self.lonely = None
        if not self.server.connections:
            self.lonely = self.loop.after(self.settings["lonelySeconds"], self.end_if_useless)

    # What an earlier launcher left.

    def adopt(self):
        """Takes over the cells and containers of a launcher that was killed; tells the ends of those that are gone."""
        for number, facts in list(cells.remembered()):
            self.next_cell = max(self.next_cell, number + 1)
            try:
                self.adopt_cell(number, facts)
            except (OSError, wire.ProtocolError):
                cells.forget(number)
        for container_id, facts in list(self.journal.started.items()):
            if container_id not in self.containers:
                self.write_off(container_id, facts)
        self.cgroups.remove_strangers({container.cgroup.name for container in self.containers.values() if container.cgroup})

    def adopt_cell(self, number, facts):
        channel, pid = cells.reach(number)
        tenant = self.tenants.get(facts["tenant"]) or cells.Tenant(facts["tenant"], facts["tenantNumber"])
        cell = cells.Cell(facts["key"], tenant, facts["environment"], number)
        cell.channel, cell.pid, cell.pidfd = channel, pid, open_pidfd(pid)
        message, descriptors = self.expect(channel)
        if tenant.user_namespace is None:
            tenant.user_namespace = descriptors[0]
        cell.state = "ready" if message["ready"] else "starting" if message["zygote"] else "cold"
        self.tenants[tenant.name] = tenant
        self.add_cell(cell)
        while "told" not in message:
            message, descriptors = self.expect(channel)
            if "still" in message:
                self.adopt_container(cell, message["still"], descriptors)
            elif "exited" in message:
                self.adopt_container(cell, message["exited"], ())
                self.note_exit(cell, message)
        channel.setblocking(False)

    @staticmethod
    def expect(channel):
        packet = wire.receive(channel, 3)
        if packet is None:
            raise wire.ProtocolError("the cell ended")
        return packet

    def adopt_container(self, cell, container_id, namespaces):
        facts = self.journal.started.get(container_id)
        if facts is None:
            wire.close_all(namespaces)
            return
        group = self.find_group(facts["group"], cell.tenant)
        if group.namespaces is None and namespaces:
            group.namespaces, group.address = list(namespaces), facts["address"]
            self.network.adopt_address(cell.tenant, group.address)
        else:
            wire.close_all(namespaces)
        container = Container({"id": container_id, "uid": facts["uid"], "gid": facts["gid"]}, cell, group, lambda *_: None)
        container.running = True
        container.started_at = facts["startedAt"]
        container.warm = facts["warm"]
        if facts["cgroup"]:
            container.cgroup = self.cgroups.adopt(cell.tenant.number, facts["cgroup"])
        self.containers[container_id] = cell.containers[container_id] = container
        group.containers.add(container_id)

    def write_off(self, container_id, facts):
        """It ended with its cell, or never came to run, while no launcher was there."""
        end = {"id": container_id, "exitCode": 137, "reason": "Lost", "startedAt": facts["startedAt"], "finishedAt": _now()}
        end.update({"cpuMillis": 0, "maxResidentBytes": 0, "message": "The container was lost while the launcher was away"})
        self.journal.exit(container_id, end)

    def end_if_useless(self):
        if not os.path.isdir(self.settings["stateDirectory"]):
            self.leave()
        elif self.containers:
            self.look_after_self()
        else:
            self.leave()

    def leave(self):
        """Takes everything along that would otherwise stay behind."""
        for cell in self.cells.values():
            send_signal(cell.pidfd, signal.SIGKILL)
        self.pump.send({"leave": True})
        self.cgroups.remove()
        self.loop.stop()


def _now():
    return time.time_ns() // 1_000_000


def _environment(container, pidfd):
    """What its program was started with; as the system knows it, if an earlier launcher made the container."""
    if "environment" in container.request:
        return container.request["environment"]
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        pid = next(line.split()[1] for line in file if line.startswith("Pid:"))
    with open(f"/proc/{pid}/environ", "rb") as file:
        pairs = [os.fsdecode(entry).partition("=") for entry in file.read().split(b"\0") if entry]
    return {name: content for name, _, content in pairs}


def _resident_bytes(pid):
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
