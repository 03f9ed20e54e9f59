"""The launcher that confines what it runs: in namespaces of its own, with a pump, a relay and cells."""

import os

import cgroups
import network
from adoption import Adoption
from launcher import Launcher
from links import PumpLink, RelayLink
from loop import Loop
from syscalls import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUSER,
    MS_REC,
    MS_SLAVE,
    PR_SET_CHILD_SUBREAPER,
    mount,
    name_process,
    prctl,
    setns,
    unshare,
)


def prepare(settings):
    privileged = os.geteuid() == 0
    settings["user"] = 0  # ours, as it is seen from within the namespaces
    groups = cgroups.open_cgroups(settings["stateDirectory"])
    relay = RelayLink(settings.get("proxy"))
    pump = PumpLink.find()
    if pump is not None:
        _join_namespaces(pump.process, privileged)
    else:
        _make_namespaces(privileged)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    name_process("headrace-node")
    adopted = pump is not None
    pump = pump or PumpLink.start()
    loop = Loop()
    pods = network.open_network(loop, adopted)
    launcher = Launcher(settings, loop, privileged, groups, pods, pump)
    pump.listen(loop, launcher.note_complete, launcher.replace_pump)
    if pods.kind == "bridge":
        launcher.relay = relay
        relay.listen(loop, launcher.group_at)
    Adoption(launcher).adopt()
    launcher.serve()
    return loop


def _make_namespaces(privileged):
    """A network of the launcher's own, so that pods' bridges are nothing of the host's; an ordinary user's launcher also
    becomes root of a user namespace."""
    if privileged:
        unshare(CLONE_NEWNET)
        return
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(line)
    unshare(CLONE_NEWNS | CLONE_NEWNET)
    mount("none", "/", None, MS_REC | MS_SLAVE)


def _join_namespaces(process, privileged):
    """Those of the launcher before this one, which its pump has kept."""
    kinds = ("net",) if privileged else ("user", "mnt", "net")
    descriptors = [os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
    runtime_directory = os.getcwd()
    for descriptor in descriptors:
        setns(descriptor)
        os.close(descriptor)
    os.chdir(runtime_directory)
