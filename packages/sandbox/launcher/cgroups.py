"""Limits on memory, processor and processes, by cgroups of either version.

A container's first process enters its group itself, through descriptors that the launcher opened: the kernel asks for
the opener's rights. Groups are used again, within one tenant, since making one costs more than setting it back.
"""

import errno
import hashlib
import os
import re

CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD = 100_000  # microseconds, the kernel's own default
_REUSABLE_BYTES = 4 * 1024 * 1024  # what may stay charged to a group, such as files that its containers read
_KEPT = 32  # groups that wait for a container, by tenant


def open_cgroups(state_directory):
    """The best that this host allows. Never raises: `problem` of the result says what was in the way."""
    name = "headrace-" + hashlib.sha256(os.fsencode(state_directory)).hexdigest()[:12]
    problems = []
    for version in (Unified, Legacy):
        try:
            return version(name)
        except (OSError, Unavailable) as error:
            problems.append(f"{version.version}: {error}")
    return NoCgroups("; ".join(problems))


class Unavailable(Exception):
    """This version of cgroups cannot be used; the message says why."""


class NoCgroups:
    """Where no cgroup may be made: limits are advisory, and the node says so."""

    version = "none"

    def __init__(self, problem):
        self.problem = problem

    def acquire(self, tenant, limits):
        return None

    def adopt(self, tenant, name):
        return None

    def remove_strangers(self, kept):
        return

    def remove(self):
        return


class Cgroups:
    """What both versions have in common. `directories` are this launcher's own, one for each hierarchy."""

    problem = ""

    def __init__(self, directories):
        self.directories = directories
        self.waiting = {}
        self.next = 1

    def acquire(self, tenant, limits):
        """A group with these limits, for one container of this tenant."""
        waiting = self.waiting.get(tenant)
        group = waiting.pop() if waiting else self._make(tenant)
        group.known_kills = group.count_kills()
        self.limit(group, limits)
        return group

    def adopt(self, tenant, name):
        """The group of a container that an earlier launcher started."""
        if not all(os.path.isdir(os.path.join(directory, name)) for directory in self.directories):
            return None
        group = self.group(self, tenant, name)
        group.known_kills = 0
        return group

    def _make(self, tenant):
        while True:
            name = f"c{self.next}"
            self.next += 1
            try:
                for directory in self.directories:
                    os.mkdir(os.path.join(directory, name))
                return self.group(self, tenant, name)
            except FileExistsError:
                continue  # a container that an earlier launcher started has it

    def take_back(self, group):
        waiting = self.waiting.setdefault(group.tenant, [])
        if len(waiting) < _KEPT and group.used_bytes() <= _REUSABLE_BYTES:
            waiting.append(group)
        else:
            group.remove()

    def remove_strangers(self, kept):
        """Removes what earlier launchers left."""
        for directory in self.directories:
            for entry in os.scandir(directory):
                if entry.is_dir() and entry.name not in kept and entry.name != "launcher":
                    _remove(entry.path)

    def remove(self):
        for groups in self.waiting.values():
            for group in groups:
                group.remove()
        for directory in self.directories:
            _remove(directory)


class Group:
    def __init__(self, owner, tenant, name):
        self.owner = owner
        self.tenant = tenant
        self.name = name
        self.paths = [os.path.join(directory, name) for directory in owner.directories]
        self.descriptors = [os.open(os.path.join(path, self.entrance), os.O_WRONLY | os.O_CLOEXEC) for path in self.paths]
        self.known_kills = 0

    def ran_out_of_memory(self):
        return self.count_kills() > self.known_kills

    def count_kills(self):
        found = re.search(r"^oom_kill (\d+)$", _read(self.paths[0], self.events), re.MULTILINE)
        return int(found[1]) if found else 0

    def used_bytes(self):
        return int(_read(self.paths[0], self.usage))

    def release(self):
        self.owner.take_back(self)

    def remove(self):
        for descriptor in self.descriptors:
            os.close(descriptor)
        for path in self.paths:
            _remove(path)


class LegacyGroup(Group):
    # `cgroup.procs` now and then waits for the kernel's readers; a first process has one thread, so `tasks` does as well.
    entrance, events, usage = "tasks", "memory.oom_control", "memory.usage_in_bytes"


class Legacy(Cgroups):
    """Version 1, one hierarchy for each controller: as root only."""

    version = "v1"
    group = LegacyGroup

    def __init__(self, name):
        found = _legacy_hierarchies()
        missing = [controller for controller in CONTROLLERS if controller not in found]
        if missing:
            raise Unavailable(f"no hierarchy with {', '.join(missing)}")
        directories = [os.path.join(found[controller], name) for controller in CONTROLLERS]
        for directory in directories:
            os.makedirs(directory, exist_ok=True)
        super().__init__(directories)

    def limit(self, group, limits):
        memory, cpu, pids = group.paths
        memory_bytes = limits.get("memoryBytes")
        with_swap = os.path.exists(os.path.join(memory, "memory.memsw.limit_in_bytes"))
        if with_swap:
            _write(memory, "memory.memsw.limit_in_bytes", -1)
        _write(memory, "memory.limit_in_bytes", memory_bytes or -1)
        if with_swap and memory_bytes:
            _write(memory, "memory.memsw.limit_in_bytes", memory_bytes)
        try:
            _write(cpu, "cpu.cfs_quota_us", _quota(limits) or -1)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            _write(cpu, "cpu.cfs_quota_us", -1)  # a group above allows less, which holds for this one too
        _write(cpu, "cpu.shares", max(2, (limits.get("cpuRequestMillis") or 1000) * 1024 // 1000))
        _write(pids, "pids.max", limits["processes"])


class UnifiedGroup(Group):
    entrance, events, usage = "cgroup.procs", "memory.events", "memory.current"


class Unified(Cgroups):
    """Version 2: as root, or in a scope that systemd delegated to this process."""

    version = "v2"
    group = UnifiedGroup

    def __init__(self, name):
        mounted, own = _unified_place()
        home = mounted if os.geteuid() == 0 and own == mounted else own
        offered = _read(home, "cgroup.controllers").split()
        missing = [controller for controller in ("memory", "pids") if controller not in offered]
        if missing:
            raise Unavailable(f"{home} does not offer {', '.join(missing)}")
        if home != mounted:
            self._move_inside(home)
        directory = os.path.join(home, name)
        os.makedirs(directory, exist_ok=True)
        self.limits_cpu = "cpu" in offered  # older systemd keeps it from users
        wanted = " ".join("+" + controller for controller in CONTROLLERS if controller in offered)
        for place in (home, directory):
            _write(place, "cgroup.subtree_control", wanted)
        super().__init__([directory])

    @staticmethod
    def _move_inside(home):
        """A group that has processes cannot have limited groups beneath it: this process goes into a leaf of its own."""
        members = {int(pid) for pid in _read(home, "cgroup.procs").split()}
        if members - {os.getpid()}:
            raise Unavailable(f"{home} holds other processes too")
        os.makedirs(os.path.join(home, "launcher"), exist_ok=True)
        _write(os.path.join(home, "launcher"), "cgroup.procs", os.getpid())

    def limit(self, group, limits):
        (path,) = group.paths
        _write(path, "memory.max", limits.get("memoryBytes") or "max")
        if os.path.exists(os.path.join(path, "memory.swap.max")):
            _write(path, "memory.swap.max", 0 if limits.get("memoryBytes") else "max")
        _write(path, "memory.oom.group", 1)
        _write(path, "pids.max", limits["processes"])
        if self.limits_cpu:
            _write(path, "cpu.max", f"{_quota(limits) or 'max'} {_PERIOD}")
            shares = max(2, (limits.get("cpuRequestMillis") or 1000) * 1024 // 1000)
            _write(path, "cpu.weight", 1 + (min(shares, 262144) - 2) * 9999 // 262142)


def _quota(limits):
    cpu = limits.get("cpuMillis")
    return max(1000, cpu * _PERIOD // 1000) if cpu else None


def _legacy_hierarchies():
    """This process's own directory in the hierarchy of each controller."""
    own = {}
    with open("/proc/self/cgroup") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            own.update(dict.fromkeys(controllers.split(","), path))
    found = {}
    for root, place, options in _mounts("cgroup"):
        for controller in CONTROLLERS:
            if controller in options.split(",") and controller in own:
                inside = os.path.relpath(own[controller], root) if own[controller].startswith(root) else "."
                directory = os.path.normpath(os.path.join(place, inside))
                found[controller] = directory if os.path.isdir(directory) else place
    return found


def _unified_place():
    """(mount point, this process's own directory) of the unified hierarchy."""
    for root, place, _ in _mounts("cgroup2"):
        with open("/proc/self/cgroup") as file:
            own = next((line.rstrip("\n")[3:] for line in file if line.startswith("0::")), "/")
        inside = os.path.relpath(own, root) if own.startswith(root) else "."
        return place, os.path.normpath(os.path.join(place, inside))
    raise Unavailable("it is not mounted")


def _mounts(kind):
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, right = line.split(" - ", 1)
            filesystem, _, options = right.split()[:3]
            if filesystem == kind:
                root, place = left.split()[3:5]
                yield root, place, options


def _remove(path):
    try:
        os.rmdir(path)
    except OSError:
        pass  # something runs in it still; the next launcher tries again


def _read(directory, name):
    with open(os.path.join(directory, name)) as file:
        return file.read()


def _write(directory, name, value):
    descriptor = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)
