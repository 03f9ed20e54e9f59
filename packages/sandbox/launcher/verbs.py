"""What Headrace may ask of the launcher: one method for each verb of the protocol."""

import os

import enter
import specification
import wire
from clock import now
from container import Container
from node import PROTOCOL, SIGNALS, RequestError, verb_of
from syscalls import open_pidfd

_MAXIMUM_WAITING = 10_000


class Verbs:
    def __init__(self, launcher):
        self.launcher = launcher

    def handle(self, connection, request):
        verb = verb_of(self, request)
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
                "mode": "root" if self.launcher.privileged else "user",
                "cgroups": self.launcher.cgroups.version,
                "cgroupsProblem": self.launcher.cgroups.problem,
                "network": self.launcher.network.kind,
                "networkProblem": self.launcher.network.problem,
                "podNetwork": self.launcher.network.describe(),
            },
        )

    def do_start(self, connection, request):
        asked = specification.check_container(request.get("container"))
        if asked["id"] in self.launcher.containers or self.launcher.journal.knows(asked["id"]):
            raise RequestError("already-started", f"Cannot start container {asked['id']!r}: it was started before")
        cell = self.launcher.find_cell(asked["cell"])
        if len(cell.waiting) >= _MAXIMUM_WAITING:
            raise RequestError("busy", f"Cannot start container {asked['id']!r}: {_MAXIMUM_WAITING} others wait for its interpreter")
        group = self.launcher.find_group(asked["group"], cell.tenant)

        def reply(code=None, message=None):
            if code is None:
                connection.answer(request["n"], container.started())
            else:
                connection.refuse(request["n"], code, message)

        container = Container(asked, cell, group, reply)
        container.started_at = now()
        self.launcher.containers[asked["id"]] = container
        group.containers.add(container.id)
        self.launcher.advance(container)

    def do_signal(self, connection, request):
        number = SIGNALS.get(request.get("signal"))
        if number is None:
            raise RequestError("invalid", f"signal must be one of {', '.join(SIGNALS)}")
        container = self.launcher.containers.get(request.get("id"))
        if container is None:
            raise RequestError("not-found", f"Cannot signal container {request.get('id')!r}: it does not run")
        if container.report is None and not container.running:
            container.problem = (128 + number, "It was stopped before it ran")
            self.launcher.leave_queue(container)
        else:
            container.cell.send({"do": "signal", "container": container.id, "signal": number})
        connection.answer(request["n"], {})

    def do_exec(self, connection, request):
        """The connection carries the program's input and output from the answer on: see enter.py."""
        container = self.launcher.containers.get(request.get("id"))
        if container is None or not container.running or container.end is not None:
            raise RequestError("not-found", f"Cannot run a program in container {request.get('id')!r}: it does not run")
        asked = specification.check_exec(request)
        container.entering.append((connection, request["n"], asked))
        container.cell.send({"do": "process", "container": container.id})

    def enter_container(self, container, descriptors):
        connection, number, asked = container.entering.pop(0)
        if not descriptors or connection not in self.launcher.server.connections:
            if connection in self.launcher.server.connections:
                connection.refuse(number, "not-found", f"Cannot run a program in container {container.id!r}: it has ended")
            wire.close_all(descriptors)
            return
        asked["environment"] = {**_environment(container, descriptors[0]), **asked["environment"]}
        asked.update({"uid": container.request["uid"], "gid": container.request["gid"], "privileged": self.launcher.privileged})
        connection.answer(number, {})
        carrier = self.launcher.server.hand_over(connection)
        attach = container.cgroup.descriptors if container.cgroup else []
        pid = os.fork()
        if pid == 0:
            enter.serve(carrier, descriptors[0], attach, asked)
        wire.close_all(descriptors)
        carrier.close()
        watch = open_pidfd(pid)
        self.launcher.loop.watch(watch, lambda _: self.reap_companion(watch, pid))

    def reap_companion(self, watch, pid):
        self.launcher.loop.forget(watch)
        os.close(watch)
        os.waitpid(pid, 0)

    def do_acknowledge(self, connection, request):
        self.launcher.journal.acknowledge(request.get("id"))
        connection.answer(request["n"], {})

    def do_sync(self, connection, request):
        running = [container.started() for container in self.launcher.containers.values()]
        connection.answer(request["n"], {"running": running, "exits": list(self.launcher.journal.exits.values())})

    def do_remove_group(self, connection, request):
        group = self.launcher.groups.get(request.get("group"))
        if group is not None:
            if group.containers:
                raise RequestError("busy", f"Cannot remove group {group.name!r}: {len(group.containers)} of its containers run")
            del self.launcher.groups[group.name]
            self.launcher.loop.when_idle(lambda: self.launcher.release_group(group))
        connection.answer(request["n"], {})

    def do_warm(self, connection, request):
        cell = self.launcher.find_cell(specification.check_cell(request.get("cell")))

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
                    for cell in self.launcher.cells.values()
                ],
                "launcherBytes": _resident_bytes(os.getpid()),
            },
        )

    def do_shutdown(self, connection, request):
        connection.answer(request["n"], {})
        self.launcher.loop.when_idle(self.launcher.leave)

    def do_services(self, connection, request):
        """Addresses of the pods' network that lead to Headrace; replaces the table that was."""
        if self.launcher.relay is None:
            raise RequestError("invalid", "Cannot serve services: pods have no network here")
        self.launcher.relay.set_services(specification.check_services(request.get("services")))
        connection.answer(request["n"], {})


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
