"""A launcher for hosts without namespaces: steps are processes of the user that started Headrace, with nothing around them.

It speaks the same lines as the launcher that confines, journals exits as that does, and outlives Headrace. It runs lightweight
Python steps only: these name every file that they are to find or leave, so paths can be led to where the files really lie. When
it dies its steps end with it, and are told as lost.
"""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile

from clock import now
from exits import exit_of, lost_exit
from journal import Journal
from loop import Loop
from node import PROTOCOL, SIGNALS, NodeServer, RequestError, verb_of
from pump import LogFile, Stream

_CODE = os.path.dirname(os.path.abspath(__file__))
_PROGRAM = f"import sys; sys.path.insert(0, {_CODE!r}); import plain_step; plain_step.main(int(sys.argv[1]), int(sys.argv[2]))"
_WHY = "this host has no namespaces for it (see headrace doctor)"


class PlainContainer:
    def __init__(self, request):
        self.id = request["id"]
        self.started_at = now()
        self.process = None
        self.streams = []
        self.log = None
        self.status = None  # (exit code or negative signal, cpu, resident) once it has ended

    def started(self):
        return {"id": self.id, "startedAt": self.started_at, "warm": True}

    def describe_end(self):
        return exit_of(self.id, self.started_at, *self.status)


class PlainLauncher:
    def __init__(self, settings, loop):
        self.settings = settings
        self.loop = loop
        self.journal = Journal(os.path.join(settings["stateDirectory"], "journal"))
        self.containers = {}
        # Steps hold the other end: it closes when this process is gone, whatever ended it.
        self.lifeline, self._alive = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        for container_id, facts in list(self.journal.started.items()):
            self.journal.exit(container_id, lost_exit(container_id, facts["startedAt"], "The step ended with the launcher that ran it"))
        self._watch_children()
        self.server = NodeServer(loop, "launcher.sock", os.geteuid(), self.handle, self.note_lonely, settings["lonelySeconds"])

    def handle(self, connection, request):
        verb = verb_of(self, request)
        if verb is None:
            raise RequestError("invalid", f"Cannot {request.get('do')}: {_WHY}")
        answer = verb(request)
        connection.answer(request["n"], answer or {})

    def do_hello(self, _):
        return {"protocol": PROTOCOL, "pid": os.getpid(), "mode": "process", "cgroups": "none", "network": "none"}

    def do_start(self, request):
        asked = request["container"]
        if asked["id"] in self.containers or self.journal.knows(asked["id"]):
            raise RequestError("already-started", f"Cannot start container {asked['id']!r}: it was started before")
        container = PlainContainer(asked)
        try:
            self._start(container, asked)
        except (OSError, ValueError) as error:
            self._refuse(container, error)
        return container.started()

    def _start(self, container, asked):
        environment = asked["cell"].get("environment")
        if not asked.get("warm") or not environment:
            raise ValueError(f"only lightweight Python steps can be run: {_WHY}")
        container.log = LogFile(asked["log"]["path"], asked["log"]["maxBytes"], asked["log"]["maxFiles"])
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps({name: asked[name] for name in ("warm", "mounts", "workingDirectory")}).encode())
            file.flush()
            self.journal.start(container.id, {"startedAt": container.started_at})
            container.process = subprocess.Popen(
                [environment["python"], "-c", _PROGRAM, str(file.fileno()), str(self.lifeline)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**asked["environment"], "HOME": os.path.expanduser("~")},
                start_new_session=True,
                pass_fds=(file.fileno(), self.lifeline),
            )
        self.containers[container.id] = container
        for pipe, name in ((container.process.stdout, "stdout"), (container.process.stderr, "stderr")):
            stream = Stream(pipe.fileno(), name, container.log)
            container.streams.append(stream)
            self.loop.watch(pipe.fileno(), lambda _, stream=stream: self._read(container, stream))

    def _refuse(self, container, error):
        message = f"Cannot start container {container.id!r}: {getattr(error, 'strerror', None) or error}"
        container.status = (128, 0, 0)
        end = {**container.describe_end(), "reason": "StartError", "message": message}
        self.journal.exit(container.id, end)
        self.loop.when_idle(lambda: self.server.broadcast({"exit": end}))
        raise RequestError("start-failed", message) from error

    def do_signal(self, request):
        number = SIGNALS.get(request.get("signal"))
        container = self.containers.get(request.get("id"))
        if number is None or container is None or container.status is not None:
            raise RequestError("not-found", f"Cannot signal container {request.get('id')!r}: it does not run")
        os.killpg(container.process.pid, number)

    def do_acknowledge(self, request):
        self.journal.acknowledge(request.get("id"))

    def do_sync(self, _):
        running = [container.started() for container in self.containers.values()]
        return {"running": running, "exits": list(self.journal.exits.values())}

    def do_remove_group(self, _):
        return {}

    def do_warm(self, _):
        return {"problem": ""}

    def do_stats(self, _):
        return {"cells": [], "launcherBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RESIDENT_UNIT}

    def do_shutdown(self, _):
        self.loop.when_idle(self.leave)

    # How steps end.

    def _watch_children(self):
        bell, ring = os.pipe()
        for end in (bell, ring):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

        def reap(_):
            os.read(bell, 4096)
            for container in [each for each in self.containers.values() if each.status is None]:
                self._reap(container)

        self.loop.watch(bell, reap)

    def _reap(self, container):
        pid, status, usage = os.wait4(container.process.pid, os.WNOHANG)
        if pid == 0:
            return
        container.process.returncode = os.waitstatus_to_exitcode(status)
        cpu = round((usage.ru_utime + usage.ru_stime) * 1000, 3)
        container.status = (container.process.returncode, cpu, usage.ru_maxrss * _RESIDENT_UNIT)
        _kill_group(container.process.pid)
        for stream in list(container.streams):
            while stream.read():
                pass
            self._close(container, stream)
        container.log.close()
        end = container.describe_end()
        self.journal.exit(container.id, end)
        del self.containers[container.id]
        self.server.broadcast({"exit": end})

    def _read(self, container, stream):
        if stream.read() == 0:
            self._close(container, stream)

    def _close(self, container, stream):
        stream.finish()
        self.loop.forget(stream.descriptor)
        container.streams.remove(stream)
        (container.process.stdout if stream.name == "stdout" else container.process.stderr).close()

    # This process itself.

    def note_lonely(self):
        if not self.containers:
            self.leave()

    def leave(self):
        self.loop.stop()
        for container in self.containers.values():
            _kill_group(container.process.pid)
        os.unlink("launcher.sock")


# The kernel counts in KiB, but in bytes on macOS.
_RESIDENT_UNIT = 1 if sys.platform == "darwin" else 1024


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.EPERM):
            raise  # EPERM is what macOS says of a group of zombies


def prepare(settings):
    loop = Loop()
    PlainLauncher(settings, loop)
    return loop
