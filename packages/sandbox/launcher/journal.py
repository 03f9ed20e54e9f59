"""What must not be forgotten: which containers were started, how they ended, and which ends Headrace has taken note of.

One line of JSON per fact, written before the fact is acted upon. A process that is killed loses nothing of it; a machine
that loses power loses the containers as well.
"""

import collections
import json
import os

_REMEMBERED = 20_000
_COMPACT_BYTES = 16 * 1024 * 1024


class Journal:
    def __init__(self, path):
        self.path = path
        self.started = {}  # id -> what is needed to find the container again
        self.exits = {}  # id -> exit that Headrace has not acknowledged
        self.acknowledged = collections.OrderedDict()
        self._read()
        self._compact()

    def knows(self, container):
        return container in self.started or container in self.exits or container in self.acknowledged

    def start(self, container, facts):
        self.started[container] = facts
        self._append({"start": container, "facts": facts})

    def forget(self, container):
        """It was never started after all."""
        self.started.pop(container, None)
        self._append({"forget": container})

    def exit(self, container, facts):
        self.started.pop(container, None)
        self.exits[container] = facts
        self._append({"exit": container, "facts": facts})

    def acknowledge(self, container):
        if self.exits.pop(container, None) is not None:
            self._remember(container)
            self._append({"acknowledge": container})

    def _remember(self, container):
        self.acknowledged[container] = True
        if len(self.acknowledged) > _REMEMBERED:
            self.acknowledged.popitem(last=False)

    def _append(self, entry):
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        os.write(self.descriptor, line)
        self.size += len(line)
        if self.size > _COMPACT_BYTES:
            os.close(self.descriptor)
            self._compact()

    def _read(self):
        try:
            with open(self.path, "rb") as file:
                for line in file:
                    self._replay(line)
        except FileNotFoundError:
            return

    def _replay(self, line):
        try:
            entry = json.loads(line)
        except ValueError:
            return  # the last line of a launcher that was killed while it wrote
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
        fresh = self.path + ".new"
        entries = [{"acknowledge": container} for container in self.acknowledged]
        entries += [{"start": container, "facts": facts} for container, facts in self.started.items()]
        entries += [{"exit": container, "facts": facts} for container, facts in self.exits.items()]
        with open(fresh, "wb") as file:
            for entry in entries:
                file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        os.chmod(fresh, 0o600)
        os.replace(fresh, self.path)
        self.descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self.size = os.fstat(self.descriptor).st_size
