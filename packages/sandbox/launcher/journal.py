"""What must not be forgotten: which containers were started, how they ended, and which ends Headrace has taken note of.

One line of JSON per fact, written before the fact is acted upon. A process that is killed loses nothing of it; a machine
that loses power loses the containers as well. Some room is reserved, so that a full disk does not keep what runs from ending.
"""

import collections
import contextlib
import errno
import json
import os

from syscalls import reserve

_REMEMBERED = 20_000
_COMPACT_BYTES = 16 * 1024 * 1024
_RESERVE_BYTES = 1024 * 1024


class Journal:
    def __init__(self, path):
        self.path = path
        self.started = {}  # id -> what is needed to find the container again
        self.exits = {}  # id -> exit that Headrace has not acknowledged
        self.acknowledged = collections.OrderedDict()
        self._owed = collections.deque()  # entries that a full disk did not take
        self._descriptor = None
        self._size = 0  # bytes of whole lines
        self._reserved = 0
        self._read()
        self._compact()

    def knows(self, container):
        return container in self.started or container in self.exits or container in self.acknowledged

    def start(self, container, facts):
        """Raises OSError if the disk is full: then it must not be started."""
        self._pay()
        self._append({"start": container, "facts": facts})
        self.started[container] = facts

    def forget(self, container):
        """It was never started after all."""
        self.started.pop(container, None)
        self._note({"forget": container})

    def exit(self, container, facts):
        """Whether it is written down, and not only remembered."""
        self.started.pop(container, None)
        self.exits[container] = facts
        return self._note({"exit": container, "facts": facts})

    def acknowledge(self, container):
        if self.exits.pop(container, None) is not None:
            self._remember(container)
            self._note({"acknowledge": container})

    def _remember(self, container):
        self.acknowledged[container] = True
        if len(self.acknowledged) > _REMEMBERED:
            self.acknowledged.popitem(last=False)

    def _note(self, entry):
        """Of what is so already: a disk that is full gets it later, with the next entry."""
        self._owed.append(entry)
        with contextlib.suppress(OSError):
            self._pay()
        return not self._owed

    def _pay(self):
        while self._owed:
            self._append(self._owed[0])
            self._owed.popleft()

    def _append(self, entry):
        """All of it or nothing. Raises OSError if the disk is full."""
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        if os.write(self._descriptor, line) < len(line):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(line)
        if self._size > _COMPACT_BYTES:
            self._compact()
        elif self._size > self._reserved:
            self._reserve()

    def _reserve(self):
        with contextlib.suppress(OSError):
            reserve(self._descriptor, self._size, _RESERVE_BYTES)
        self._reserved = self._size + _RESERVE_BYTES // 2

    def _read(self):
        try:
            with open(self.path, "rb") as file:
                for line in file:
                    if line.endswith(b"\n"):  # else the last one of a launcher that was killed while it wrote
                        self._size += len(line)
                        self._replay(line)
        except FileNotFoundError:
            return

    def _replay(self, line):
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if "start" in entry:
            self.started[entry["start"]] = entry["facts"]
        elif "forget" in entry:
            self.started.pop(entry["forget"], None)
        elif "exit" in entry:
            self.started.pop(entry["exit"], None)
            self.exits[entry["exit"]] = entry["facts"]
        elif "acknowledge" in entry:
            self.exits.pop(entry["acknowledge"], None)
            self._remember(entry["acknowledge"])

    def _compact(self):
        try:
            self._write_anew()
        except OSError:  # no room for a second one: it goes on as it is
            with contextlib.suppress(OSError):
                os.unlink(self.path + ".new")
        before = self._descriptor
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if before is not None:
            os.close(before)
        os.ftruncate(self._descriptor, self._size)
        self._reserve()

    def _write_anew(self):
        fresh = self.path + ".new"
        entries = [{"acknowledge": container} for container in self.acknowledged]
        entries += [{"start": container, "facts": facts} for container, facts in self.started.items()]
        entries += [{"exit": container, "facts": facts} for container, facts in self.exits.items()]
        with open(fresh, "wb") as file:
            for entry in entries:
                file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            size = file.tell()
        os.chmod(fresh, 0o600)
        os.replace(fresh, self.path)
        self._size = size
