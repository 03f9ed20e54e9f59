"""The launcher's side of a cell, and how one is made.

Cells of a tenant share a user namespace, so that containers of one pod may join each other's network; nothing else is
shared between cells, and nothing at all between tenants.
"""

import json
import os
import socket

import init
import wire
from clock import now
from root import SYSTEM, Trees
from syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    close_all_but,
    open_pidfd,
    setns,
    unshare,
)

# From 0x70000000 on: above what distributions hand to people, systemd-nspawn and Podman.
FIRST_USER = 0x7000_0000
USERS_PER_TENANT = 0x1_0000
MAXIMUM_TENANTS = 0xFFE
_SHORT_MILLISECONDS = 500
_BARE_FLAGS = ("-I", "-S", "-E")
# What a step must agree with to be run warm; OMP and BLAS threads are read at import, the allocator's at start.
ZYGOTE_VARIABLES = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Tenant:
    """A user namespace, a range of users, and the pod namespaces that belong to it."""

    def __init__(self, name, number):
        self.name = name
        self.number = number
        self.first_user = FIRST_USER + number * USERS_PER_TENANT
        self.user_namespace = None
        self.cells = []


class Cell:
    """States: `starting` until the zygote is ready, `ready`, `cold` when the zygote is lost, `gone` with its first process."""

    def __init__(self, key, tenant, environment, number):
        self.key = key
        self.tenant = tenant
        self.environment = environment
        self.number = number
        self.state = "starting"
        self.containers = {}
        self.waiting = []
        self.channel = None
        self.pid = None
        self.pidfd = None
        self.problem = ""
        self.deadline = None
        self.spare_timer = None
        self.idle_timer = None
        self.single_threaded = True

    @property
    def digest(self):
        return self.environment["digest"] if self.environment else None

    def short_steps(self):
        """How many containers start or have just started: what has run for longer is likely to go on, and may well wait."""
        return sum(1 for each in self.containers.values() if each.started_at is None or now() - each.started_at < _SHORT_MILLISECONDS)

    def send(self, message, descriptors=()):
        """False if the cell takes nothing: it is hung or gone."""
        try:
            wire.send(self.channel, message, descriptors)
            return True
        except OSError:
            return False


def cell_key(specification):
    environment = specification.get("environment")
    return json.dumps([specification["tenant"], environment["digest"] if environment else None, environment["preload"] if environment else None])


def spawn(cell, code_directory, interpreter, privileged, resolver, settings):
    """Starts the cell's first process, with the text of its /etc/resolv.conf; sets the cell's `pid`, `pidfd` and `channel`. Raises OSError."""
    environment = cell.environment
    if environment:
        # Steps' commands call it python3, and may look at the name that they were called by.
        python3 = os.path.join(os.path.dirname(environment["python"]), "python3")
        python, flags = python3 if os.path.lexists(python3) else environment["python"], ()
        extra = [environment["path"], *environment["trees"]]
    else:
        python, flags = interpreter["program"], _BARE_FLAGS
        extra = [interpreter["prefix"]]
    trees = Trees(code_directory, extra)
    channel, theirs = wire.pair()
    listener = _listen(adoption_name(cell.number))
    try:
        zygote_settings = {
            "preload": list(environment["preload"]) if environment else [],
            # The bare cell's own interpreter serves us, not the containers.
            "shared": [path for path in trees.shared if environment or path in SYSTEM or path not in extra],
            "links": trees.links,
            "privileged": privileged,
        }
        plan = {"python": python, "flags": flags, "variables": ZYGOTE_VARIABLES, "settings": zygote_settings}
        plan.update({"resolver": resolver, "answerSeconds": settings["answerSeconds"], "zygoteStarts": settings["zygoteStarts"]})
        cell.pid = _fork_init(cell.tenant, privileged, theirs, listener, trees, plan)
    except OSError:
        channel.close()
        raise
    finally:
        theirs.close()
        listener.close()
        trees.close()
    cell.pidfd = open_pidfd(cell.pid)
    channel.setblocking(False)
    cell.channel = channel


def adoption_name(number):
    """Relative to the runtime directory, where the launcher works: absolute names may be too long for a socket."""
    return f"cell-{number}.sock"


def _listen(name):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.path.lexists(name):
        os.unlink(name)
    listener.bind(name)
    os.chmod(name, 0o600)
    return listener


def remember(cell):
    """Writes down what a later launcher needs to know of this cell."""
    facts = {
        "key": cell.key,
        "tenant": cell.tenant.name,
        "tenantNumber": cell.tenant.number,
        "environment": cell.environment,
        "pid": cell.pid,
    }
    _write(_facts_name(cell.number), json.dumps(facts))


def forget(number):
    for name in (_facts_name(number), adoption_name(number)):
        if os.path.lexists(name):
            os.unlink(name)


def remembered():
    """(number, facts) of the cells that earlier launchers made."""
    for entry in sorted(os.listdir(".")):
        if entry.startswith("cell-") and entry.endswith(".json"):
            with open(entry) as file:
                yield int(entry[5:-5]), json.load(file)


def reach(number):
    """A connection to a cell that an earlier launcher made, and its process id. Raises OSError if it is gone."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        channel.settimeout(5)
        channel.connect(adoption_name(number))
        return channel, wire.peer_process(channel)
    except OSError:
        channel.close()
        raise


def _facts_name(number):
    return f"cell-{number}.json"


def _fork_init(tenant, privileged, channel, listener, trees, plan):
    """Forks twice, since only a child enters a new pid namespace. Returns the first process's id as the host sees it."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    outer = os.fork()
    if outer == 0:
        try:
            ours.close()
            kept = [theirs.fileno(), channel.fileno(), listener.fileno(), *(number for number, _ in trees.opened)]
            if tenant.user_namespace is not None:
                kept.append(tenant.user_namespace)
            close_all_but(kept)
            _enter_user_namespace(tenant, theirs)
            unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET)
            inner = os.fork()
            if inner == 0:
                theirs.close()
                init.main(channel, listener, trees, plan)
            theirs.sendall(str(inner).encode())
            os._exit(0)
        except BaseException as error:
            theirs.sendall(f"!{error}".encode()[:1000])
        finally:
            os._exit(1)
    theirs.close()
    try:
        if tenant.user_namespace is None:
            _expect(ours, b"unshared")
            _map_users(outer, tenant, privileged)
            tenant.user_namespace = os.open(f"/proc/{outer}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
            ours.sendall(b"mapped")
        answer = ours.recv(1000)
        if not answer.isdigit():
            raise OSError(0, f"the cell could not be made: {answer[1:].decode(errors='replace')}")
        return int(answer)
    finally:
        ours.close()
        os.waitpid(outer, 0)


def _enter_user_namespace(tenant, parent):
    if tenant.user_namespace is None:
        unshare(CLONE_NEWUSER)
        parent.sendall(b"unshared")
        _expect(parent, b"mapped")
    else:
        setns(tenant.user_namespace, CLONE_NEWUSER)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _map_users(pid, tenant, privileged):
    if privileged:
        line = f"0 {tenant.first_user} {USERS_PER_TENANT}"
    else:
        line = "0 0 1"
        _write(f"/proc/{pid}/setgroups", "deny")
    _write(f"/proc/{pid}/uid_map", line)
    _write(f"/proc/{pid}/gid_map", line)


def _expect(connection, word):
    answer = connection.recv(1000)
    if answer != word:
        raise OSError(0, f"the cell could not be made: {answer[1:].decode(errors='replace')}")


def _write(path, content):
    with open(path, "w") as file:
        file.write(content)
