"""The interpreter that a cell's steps are forked from: pid 2 of the cell, with the environment's packages imported.

Those packages are strangers' code, so this process holds nothing worth having: it sees the cell's root only, and hands
requests to its children unread. It never computes, starts no thread and runs no tenant's source.
"""

import gc
import json
import os
import select
import socket
import sys

import executor
import root
import step
import wire
from syscalls import CLONE_NEWPID, close_all_but, open_pidfd, setns, unshare



class Zygote:
    def __init__(self, channel, settings):
        self.channel = channel
        self.settings = settings
        self.pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.children = {}
        self.spare = None
        self.poll = select.poll()
        self.poll.register(channel, select.POLLIN)

    def serve(self):
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor != self.channel.fileno():
                    self.reap(descriptor)
                elif not self.take():
                    return

    def take(self):
        packet = wire.receive(self.channel, wire.PACKET_DESCRIPTORS)
        if packet is None:
            return False
        message, descriptors = packet
        if "spare" in message:
            self.make_spare()
            return True
        pid = self.use_spare(descriptors) if message["warm"] else None
        if pid is None:
            pid = self.fork(lambda: step.run(descriptors, self.settings, executor.run, prepared=False))
        wire.close_all(descriptors)
        wire.send(self.channel, {"started": message["container"], "pid": pid})
        return True

    def fork(self, run):
        """A child in a pid namespace of its own. Python's and libc's fork hooks run, so its random generators, locks and
        caches know that it is another process."""
        unshare(CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            try:
                run()
            finally:
                os._exit(step.NOT_STARTED)
        setns(self.pid_namespace, CLONE_NEWPID)
        watch = open_pidfd(pid)
        self.children[watch] = pid
        self.poll.register(watch, select.POLLIN)
        return pid

    def make_spare(self):
        """One child that waits for a step with its root built and KFP's code warm."""
        if self.spare is None:
            ours, theirs = wire.pair()
            self.spare = (self.fork(lambda: _wait_as_spare(theirs, self.settings)), ours)
            theirs.close()

    def use_spare(self, descriptors):
        """The id of the spare that took the request, or None if there was none alive."""
        if self.spare is None:
            return None
        (pid, channel), self.spare = self.spare, None
        try:
            wire.send(channel, {}, descriptors)
            return pid
        except OSError:
            return None
        finally:
            channel.close()

    def reap(self, watch):
        pid = self.children.pop(watch)
        self.poll.unregister(watch)
        os.close(watch)
        _, status, usage = os.wait4(pid, 0)
        if self.spare is not None and pid == self.spare[0]:
            self.spare[1].close()
            self.spare = None
        else:
            wire.send(self.channel, exit_message(pid, status, usage))


def _wait_as_spare(channel, settings):
    close_all_but((channel.fileno(), *settings["held"]))
    root.build_step_root(settings["shared"], settings["links"])
    executor.rehearse()
    packet = wire.receive(channel, wire.PACKET_DESCRIPTORS)
    if packet is not None:
        step.run(packet[1], settings, executor.run, prepared=True)


def exit_message(pid, status, usage):
    """What both the zygote and the cell's first process say of a step that ended."""
    cpu = round((usage.ru_utime + usage.ru_stime) * 1000, 3)
    return {"exited": pid, "status": os.waitstatus_to_exitcode(status), "cpu": cpu, "resident": usage.ru_maxrss * 1024}


def main(number, settings_text):
    settings = json.loads(settings_text)
    channel = socket.socket(fileno=int(number))
    channel.set_inheritable(False)
    _forget_own_names()  # before strangers' imports: their names may be the same
    problems = _preload(settings["preload"])
    executor.note_libraries()
    settings["held"] = _held_libraries()
    gc.collect()
    gc.freeze()
    threads = len(os.listdir("/proc/self/task"))
    wire.send(channel, {"ready": True, "threads": threads, "problems": problems})
    Zygote(channel, settings).serve()


def _held_libraries():
    """Descriptors of files that libraries were loaded from. A step that closed them would end badly: libffi keeps its own open, and
    maps more of it when more callbacks are wanted than one page holds. Nothing else that packages opened is left to steps."""
    with open("/proc/self/maps") as file:
        fields = [line.rstrip("\n").split(None, 5) for line in file]
    loaded = {words[5] for words in fields if len(words) == 6 and "x" in words[1]}
    links = {name: f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")}
    return [int(name) for name, link in links.items() if os.path.lexists(link) and os.readlink(link) in loaded]


def _preload(names):
    """Imports the environment's packages; what cannot be imported is told, and left to the steps that want it."""
    problems = []
    for name in names:
        try:
            if name == "kfp.dsl":
                executor.preload()
                executor.rehearse()
            else:
                __import__(name)
        except Exception as error:
            problems.append(f"{name}: {type(error).__name__}: {error}"[:500])
    return problems[:20]


def _forget_own_names():
    """A step must find neither our modules nor the folder they came from."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(root.CODE + "/"):
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path != root.CODE]
    sys.path_importer_cache.pop(root.CODE, None)
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if not name.startswith("__")]:
        del main[name]
