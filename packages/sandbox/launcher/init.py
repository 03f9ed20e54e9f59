"""Pid 1 of a cell: builds the cell's root, starts its zygote, and answers for its containers.

It is our own code and runs no one else's. It outlives the launcher: exits are kept here until a launcher has them in its
journal, and a new launcher finds this process by the socket that it listens on. It ends when nobody has spoken to it for
ten minutes and nothing runs. What the zygote says is checked: a zygote that lies, floods or hangs is killed, and its
containers become children of this process, which then learns of their end itself. A zygote that has served for long makes
room for a fresh one.
"""

import json
import math
import os
import select
import signal
import socket
import time

import root
import wire
from step import ZYGOTE_CAPABILITIES
from syscalls import (
    ALL_CAPABILITIES,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWUTS,
    PR_SET_DUMPABLE,
    close_all_but,
    drop_bounding_capabilities,
    name_process,
    open_pidfd,
    prctl,
    send_signal,
    setns,
    unshare,
)
import network
from zygote import exit_message

LONELY_SECONDS = 600
_FRESH_SECONDS, _BEARABLE_GROWTH = 3600, 1.2  # beyond these a zygote is replaced, and after a number of starts
_STARTS_BETWEEN_LOOKS = 100
OUTPUTS = 2  # the pipes of a container that stay with this process: those of its stdout and stderr
_TAIL_BYTES = 4096
_ZYGOTE_PROGRAM = f"import sys; sys.path.insert(0, {root.CODE!r}); import zygote; zygote.main(*sys.argv[1:])"


class Init:
    def __init__(self, channel, listener, plan):
        self.channel = channel
        self.listener = listener
        self.plan = plan
        self.zygote = None
        self.successor = None  # a zygote that takes over as soon as it is ready
        self.retired = []  # zygotes that end when they have done what they were asked
        self.starting = {}  # container -> (moment by which the zygote must have answered, zygote)
        self.early = {}  # container -> signal that came before the zygote told of its start
        self.running = {}  # container -> (pid, pidfd, zygote)
        self.overdue = {}  # container -> moment by which the zygote must have told its end
        self.exits = {}  # container -> message that no launcher has acknowledged
        self.outputs = {}  # container -> the reading ends of its pipes, so that none writes into nothing while no one reads
        self.own_namespaces = network.open_pod_namespaces()
        self.poll = select.poll()
        self.callbacks = {}
        self.lonely_since = None
        self.wake = self._watch_children()
        self._watch(self.channel, self.from_launcher)
        self._watch(self.listener, self.adopt)

    def _watch(self, file, callback):
        number = file if isinstance(file, int) else file.fileno()
        self.callbacks[number] = callback
        self.poll.register(number, select.POLLIN)

    def _unwatch(self, file):
        number = file if isinstance(file, int) else file.fileno()
        del self.callbacks[number]
        self.poll.unregister(number)

    def _watch_children(self):
        wake, bell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._watch(wake, self.reap)
        return wake

    def serve(self):
        while True:
            ready = self.poll.poll(self._patience())
            for number, _ in ready:
                callback = self.callbacks.get(number)
                if callback is not None:
                    callback()
            self._enforce_deadlines()

    def _patience(self):
        moments = [*(moment for moment, _ in self.starting.values()), *self.overdue.values(), *(zygote.end_by for zygote in self.retired)]
        if self.lonely_since is not None:
            moments.append(self.lonely_since + LONELY_SECONDS)
        return max(0, (min(moments) - time.monotonic()) * 1000 + 1) if moments else None

    def _enforce_deadlines(self):
        now = time.monotonic()
        for zygote in self._zygotes():
            late = [moment for moment, asked in self.starting.values() if asked is zygote]
            late += [moment for container, moment in self.overdue.items() if self.running[container][2] is zygote]
            if min(late, default=now + 1) <= now or zygote.end_by <= now:
                self.kill_zygote(zygote, "it did not answer in time")
        if self.lonely_since is not None and now >= self.lonely_since + LONELY_SECONDS and not self.running:
            os._exit(0)

    # What the launcher asks.

    def from_launcher(self):
        try:
            packet = wire.receive(self.channel, wire.PACKET_DESCRIPTORS)
        except (OSError, wire.ProtocolError):
            packet = None
        if packet is None:
            self._unwatch(self.channel)
            self.channel.close()
            self.channel = None
            self.lonely_since = time.monotonic()
            return
        message, descriptors = packet
        getattr(self, "do_" + message["do"])(message, descriptors)
        wire.close_all(descriptors)

    def do_start(self, message, descriptors):
        container = message["container"]
        self.outputs[container] = wire.take(descriptors, OUTPUTS)
        try:
            if self.zygote is None:
                raise OSError("the interpreter is gone")
            wire.send(self.zygote.channel, {"container": container, "warm": message["warm"]}, descriptors)
            self.starting[container] = (time.monotonic() + self.plan["answerSeconds"], self.zygote)
            self._provide_successor()
        except OSError as error:
            self._lose(container)
            self.kill_zygote(self.zygote, f"it takes no requests: {error}")

    def do_spare(self, *_):
        if self.zygote is not None and self.zygote.ready:
            try:
                wire.send(self.zygote.channel, {"spare": True})
            except OSError as error:
                self.kill_zygote(self.zygote, f"it takes no requests: {error}")

    def do_signal(self, message, _):
        container, number = message["container"], message["signal"]
        if container in self.starting:
            self.early[container] = number  # the launcher sees by itself that it runs, and may be quicker than the zygote
            return
        pid, watch, _ = self.running.get(container, (0, -1, None))
        if watch < 0:
            return  # it has ended; its exit is on the way
        if number == signal.SIGTERM and not _heeds(pid, number):
            number = signal.SIGKILL  # the first process of a pid namespace would never see it
        send_signal(watch, number)

    def do_process(self, message, _):
        """The container's first process, for the launcher to enter its namespaces."""
        _, watch, _ = self.running.get(message["container"], (0, -1, None))
        self.tell({"process": message["container"]}, [watch] if watch >= 0 else [])

    def do_acknowledge(self, message, _):
        for container in message["containers"]:
            if self.exits.pop(container, None) is not None:
                self._close_outputs(container)

    def do_namespaces(self, message, _):
        """Fresh ipc and uts namespaces for a pod, and a network if it is to be a new one. They are owned by the tenant's
        user namespace, so that steps may join them."""
        unshare(CLONE_NEWIPC | CLONE_NEWUTS | (CLONE_NEWNET if message["network"] else 0))
        try:
            if message["network"]:
                network.raise_loopback()
            descriptors = network.open_pod_namespaces()
            self.tell({"namespaces": True}, descriptors if message["network"] else descriptors[1:])
            wire.close_all(descriptors)
        finally:
            for descriptor in self.own_namespaces:
                setns(descriptor)

    def do_zygote(self, *_):
        self.kill_zygote(self.zygote, "it is replaced")
        self.zygote = self.start_zygote()

    def tell(self, message, descriptors=()):
        if self.channel is not None:
            try:
                wire.send(self.channel, message, descriptors)
            except OSError:
                pass  # the launcher is gone; its channel ends next

    def adopt(self):
        """A new launcher takes over, once all that the last one said is done."""
        connection, _ = self.listener.accept()
        waiting = select.poll()
        if self.channel is not None:
            waiting.register(self.channel, select.POLLIN)
            while self.channel is not None and waiting.poll(0):
                self.from_launcher()
        if self.channel is not None:
            connection.close()
            return
        self.channel = connection
        self.lonely_since = None
        self._watch(connection, self.from_launcher)
        user_namespace = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        self.tell({"adopted": True, "ready": self.zygote is not None and self.zygote.ready, "zygote": self.zygote is not None}, [user_namespace])
        os.close(user_namespace)
        for container in self.starting:
            self.tell({"still": container}, self.outputs[container])
        for container, (pid, *_) in self.running.items():
            self._tell_running(container, pid)
        for container, message in self.exits.items():
            self.tell(message, self.outputs[container])
        self.tell({"told": True})

    def _tell_running(self, container, pid):
        """With the namespaces of its pod, which other containers may still join."""
        try:
            descriptors = network.open_pod_namespaces(f"/proc/{pid}/ns/")
        except OSError:
            descriptors = []  # it is over; its exit is on the way
        self.tell({"still": container}, [*self.outputs[container], *descriptors])
        wire.close_all(descriptors)

    def _lose(self, container):
        """It was never made."""
        self._close_outputs(container)
        self.tell({"lost": container})

    def _close_outputs(self, container):
        wire.close_all(self.outputs.pop(container))

    # The zygotes: one that takes requests, and for a while its successor or those before it.

    def _zygotes(self):
        return [zygote for zygote in (self.zygote, self.successor, *self.retired) if zygote is not None]

    def start_zygote(self):
        zygote = ZygoteProcess(self.plan)
        self._watch(zygote.channel, lambda: self.from_zygote(zygote))
        self._watch(zygote.errors, zygote.read_errors)
        return zygote

    def _provide_successor(self):
        """What packages leave behind in their interpreter, and what steps cost there, must not grow for ever."""
        if self.successor is None and self.zygote.worn():
            self.successor = self.start_zygote()

    def _replace_zygote(self):
        """Requests that the old one has not read yet are still its own to answer."""
        old, self.zygote, self.successor = self.zygote, self.successor, None
        self.retired.append(old)
        old.retire(self.plan["answerSeconds"])

    def from_zygote(self, zygote):
        try:
            packet = wire.receive(zygote.channel)
            if packet is None:
                self.kill_zygote(zygote, "it ended")
            else:
                self._heed(zygote, packet[0])
        except BlockingIOError:
            pass
        except (OSError, wire.ProtocolError) as error:
            self.kill_zygote(zygote, str(error))

    def _heed(self, zygote, message):
        if "started" in message:
            self._note_start(zygote, message["started"], wire.whole_number(message, "pid", 1 << 30))
        elif "exited" in message:
            self._note_exit(message, zygote)
        elif "ready" in message and not zygote.ready:
            self.tell({"ready": True, "threads": wire.whole_number(message, "threads"), "problems": message.get("problems")})
            zygote.note_ready()
            if zygote is self.successor:
                self._replace_zygote()
        else:
            raise wire.ProtocolError("it sent what it must not send")

    def _note_start(self, zygote, container, pid):
        if not isinstance(container, str) or self.starting.get(container, (0, None))[1] is not zygote:
            raise wire.ProtocolError("it told of a container that nobody asked for")
        known = [*(known for known, *_ in self.running.values()), *(other.pid for other in self._zygotes())]
        if pid < 2 or pid in known:
            raise wire.ProtocolError("it told of a process that is not the container's")
        del self.starting[container]
        try:
            watch = open_pidfd(pid)
        except ProcessLookupError:
            watch = -1  # it is over already; the exit follows at once
        self.running[container] = (pid, watch, zygote)
        if watch >= 0:
            self._watch(watch, lambda: self._note_end(container, watch))
        self.tell({"started": container})
        if container in self.early:
            self.do_signal({"container": container, "signal": self.early.pop(container)}, ())

    def _note_end(self, container, watch):
        """The process is dead; its parent must tell how."""
        self._unwatch(watch)
        self.overdue[container] = time.monotonic() + self.plan["answerSeconds"]
        self.reap()

    def _note_exit(self, message, zygote=None):
        """As a zygote tells it, or as this process knows by itself."""
        pid = wire.whole_number(message, "exited", 1 << 30)
        container = next((name for name, (known, *_) in self.running.items() if known == pid), None)
        status = message.get("status")
        told_by_parent = container is not None and zygote in (None, self.running[container][2])
        if not told_by_parent or type(status) is not int or not -64 <= status <= 255:
            raise wire.ProtocolError("it told of an exit that cannot be")
        self._finish(container, status, wire.whole_number({"cpu": int(message["cpu"])}, "cpu"), wire.whole_number(message, "resident"))

    def _finish(self, container, status, cpu, resident):
        _, watch, _ = self.running.pop(container)
        self.overdue.pop(container, None)
        if watch >= 0:
            if watch in self.callbacks:
                self._unwatch(watch)
            send_signal(watch, signal.SIGKILL)  # should the zygote have lied, the process really ends now
            os.close(watch)
        message = {"exited": container, "status": status, "cpu": cpu, "resident": resident}
        self.exits[container] = message
        self.tell(message)

    def kill_zygote(self, zygote, why):
        """Of a retired one that has ended as it should nothing is lost, and nothing is told."""
        if zygote not in self._zygotes():
            return
        current = zygote is self.zygote
        self._unwatch(zygote.channel)
        self._unwatch(zygote.errors)
        if zygote in self.retired:
            self.retired.remove(zygote)
            self._hear_out(zygote)
        elif current:
            self.zygote = None
        else:
            self.successor = None
        zygote.end()
        for container in [name for name, (_, asked) in self.starting.items() if asked is zygote]:
            del self.starting[container]
            self.early.pop(container, None)
            self._lose(container)
        if current:
            self.kill_zygote(self.successor, "the launcher will ask for another")
            self.tell({"zygote": "lost", "why": why[:500], "tail": zygote.tail.decode(errors="replace")})
        self.reap()
        for container in list(self.overdue):
            if self.running[container][2] is zygote:
                # Dead, and not ours to reap: the zygote knew how it ended and kept it to itself.
                self._finish(container, -signal.SIGKILL, 0, 0)

    def _hear_out(self, zygote):
        try:
            while (packet := wire.receive(zygote.channel)) is not None:
                self._heed(zygote, packet[0])
        except (OSError, wire.ProtocolError):
            pass  # it is told of as any other that says no more

    def reap(self):
        try:
            os.read(self.wake, 4096)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            zygote = next((zygote for zygote in self._zygotes() if zygote.pid == pid), None)
            if zygote is not None:
                zygote.reaped = True
                self.kill_zygote(zygote, f"it ended with status {os.waitstatus_to_exitcode(status)}")
            elif any(pid == known for known, *_ in self.running.values()):
                self._note_exit(exit_message(pid, status, usage))


class ZygoteProcess:
    def __init__(self, plan):
        self.starts_left = plan["zygoteStarts"]
        self.ready = False
        self.ready_at = self.ready_bytes = 0
        self.end_by = math.inf
        self.reaped = False
        self.tail = b""
        self.channel, theirs = wire.pair()
        self.channel.setblocking(False)
        self.errors, errors_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _become_zygote(theirs, errors_end, plan)
            finally:
                os._exit(127)
        theirs.close()
        os.close(errors_end)

    def read_errors(self):
        try:
            self.tail = (self.tail + os.read(self.errors, 65536))[-_TAIL_BYTES:]
        except BlockingIOError:
            pass

    def note_ready(self):
        self.ready, self.ready_at, self.ready_bytes = True, time.monotonic(), self._resident_bytes()

    def worn(self):
        """Asked once for each container that it is to start."""
        self.starts_left -= 1
        if self.starts_left <= 0 or time.monotonic() - self.ready_at >= _FRESH_SECONDS:
            return True
        return self.starts_left % _STARTS_BETWEEN_LOOKS == 0 and self._resident_bytes() > self.ready_bytes * _BEARABLE_GROWTH

    def retire(self, seconds):
        """It answers what it was asked, and ends; what it started goes on."""
        self.channel.shutdown(socket.SHUT_WR)
        self.end_by = time.monotonic() + seconds

    def _resident_bytes(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def end(self):
        self.read_errors()
        if not self.reaped:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.channel.close()
        os.close(self.errors)


def _become_zygote(channel, errors, plan):
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.dup2(errors, 2)
    os.set_inheritable(channel.fileno(), True)
    drop_bounding_capabilities(ALL_CAPABILITIES & ~ZYGOTE_CAPABILITIES)
    arguments = [plan["python"], *plan["flags"], "-c", _ZYGOTE_PROGRAM, str(channel.fileno()), json.dumps(plan["settings"])]
    os.execve(plan["python"], arguments, plan["variables"])


def _heeds(pid, number):
    """Whether a process catches or blocks a signal; without either the kernel drops it for a first process."""
    bit = 1 << (number - 1)
    try:
        with open(f"/proc/{pid}/status") as file:
            masks = dict(line.split(":\t", 1) for line in file if line.startswith(("SigCgt", "SigBlk")))
    except OSError:
        return True
    return any(int(mask, 16) & bit for mask in masks.values())


def main(channel, listener, trees, plan):
    """Never returns. The caller has just forked into the cell's fresh namespaces as their first process."""
    try:
        prctl(PR_SET_DUMPABLE, 0)
        name_process("headrace-cell")
        root.build_cell_root(trees, plan["resolver"])
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")
        listener.listen(2)  # by this process, so that a new launcher learns its id from the socket
        close_all_but((channel.fileno(), listener.fileno()))
        init = Init(channel, listener, plan)
        init.zygote = init.start_zygote()
        init.serve()
    except BaseException as error:
        try:
            wire.send(channel, {"failed": f"{type(error).__name__}: {error}"[:2000]})
        finally:
            os._exit(1)
