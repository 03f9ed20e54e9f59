"""From a fresh fork of the zygote to the container's own program: pid 1 of its namespace, confined, without rights.

All of this is our own code; nothing of the tenant runs before `confine` has returned.
"""

import errno
import os
import resource
import signal
import time

import root
import seccomp
import wire
from syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWUTS,
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    Filter,
    close_all_but,
    drop_bounding_capabilities,
    prctl,
    set_capabilities,
    set_hostname,
    setns,
)

# A container's exit codes when its program could not be run, as shells and container runtimes have them.
NOT_FOUND, NOT_EXECUTABLE, NOT_STARTED = 127, 126, 128
# Bytes that the kernel takes of one argument of a program: MAX_ARG_STRLEN, but for the zero at its end.
_LONGEST_ARGUMENT = 131071
_FILTER = Filter(seccomp.build_filter())
# What a zygote holds in its cell's user namespace, to build roots and change users: chown, dac_override, fowner, kill,
# setgid, setuid, setpcap, sys_admin. No ptrace, no network administration, no devices.
ZYGOTE_CAPABILITIES = sum(1 << number for number in (0, 1, 3, 5, 6, 7, 8, 21))
_POD_NAMESPACES = (CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS)


class StartError(Exception):
    """The container cannot be started as asked; the message is for the user."""

    def __init__(self, message, exit_code=NOT_STARTED):
        super().__init__(message)
        self.exit_code = exit_code


def run(descriptors, settings, warm_entry, prepared):
    """Never returns. `descriptors` are the request, the report's pipe, stdout, stderr and those that the request counts."""
    request_file, report = descriptors[:2]
    try:
        request = wire.open_request(request_file)
        confine(request, descriptors, settings, prepared)
    except (OSError, StartError, KeyError, ValueError) as error:
        _give_up(report, error)
    if request["warm"] is not None:
        close_all_but(settings["held"])
        warm_entry(request["warm"])
    try:
        close_all_but((report,))
        execute(request["command"])
    except (OSError, StartError) as error:
        _give_up(report, error)
    os._exit(NOT_STARTED)


def confine(request, descriptors, settings, prepared):
    _, _, stdout, stderr, *rest = descriptors
    _connect_output(stdout, stderr)
    for descriptor in wire.take(rest, request["cgroups"]):
        os.write(descriptor, b"0")
    for descriptor, kind in zip(wire.take(rest, 3), _POD_NAMESPACES):
        setns(descriptor, kind)
    if not prepared:
        root.build_step_root(settings["shared"], settings["links"])
    root.limit_storage(request["ephemeralBytes"], request["sharedMemoryBytes"])
    for target, memory_bytes in request["mounts"]:
        with root.kept_in_sight(settings["shared"], target):
            _mount(target, memory_bytes, rest)
    _write_identity(request)
    _prepare_directories(request)
    _limit(request)
    drop_rights(request, settings["privileged"], ZYGOTE_CAPABILITIES)
    set_environment(request)


def _connect_output(stdout, stderr):
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    for descriptor, number in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(descriptor, number)


def _mount(target, memory_bytes, volumes):
    try:
        root.make_room(target)
        if memory_bytes is not None:
            root.attach_memory(target, memory_bytes)
        else:
            root.attach_volume(volumes.pop(0), target)
    except OSError as error:
        raise StartError(f"Cannot mount at {target}: {error.strerror}") from error


def _write_identity(request):
    set_hostname(request["hostname"])
    os.makedirs("/run/headrace", exist_ok=True)
    for name, content in (("hosts", request["hosts"]), ("hostname", request["hostname"] + "\n")):
        descriptor = os.open("/run/headrace/" + name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.write(descriptor, content.encode())
        os.close(descriptor)


def _prepare_directories(request):
    """The working directory and HOME exist; those that had to be made belong to the container's user."""
    for path in (request["workingDirectory"], request["environment"].get("HOME", "/")):
        if path.startswith("/") and not os.path.isdir(path):
            try:
                os.makedirs(path)
                os.chown(path, request["uid"], request["gid"])
            except OSError as error:
                raise StartError(f"Cannot create the directory {path}: {error.strerror}") from error


def _limit(request):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    processes = request["processRlimit"]
    if processes is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    os.umask(0o022)


def drop_rights(request, privileged, bounding):
    """`privileged`: the launcher runs as root and mapped a range of users; otherwise the cell has user 0 alone. `bounding`:
    capabilities that this process's bounding set may still hold."""
    if privileged:
        os.setgroups([])
        os.setresgid(request["gid"], request["gid"], request["gid"])
        os.setresuid(request["uid"], request["uid"], request["uid"])
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    drop_bounding_capabilities(bounding)
    set_capabilities(0)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    _FILTER.install()
    prctl(PR_SET_DUMPABLE, 1)  # else /proc/self would belong to someone else


def set_environment(request):
    os.environ.clear()
    os.environ.update(request["environment"])
    if "TZ" in request["environment"]:
        time.tzset()
    try:
        os.chdir(request["workingDirectory"])
    except OSError as error:
        raise StartError(f"Cannot enter the working directory {request['workingDirectory']}: {error.strerror}") from error


def execute(command):
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, os.environ)
    except FileNotFoundError:
        raise StartError(f"Cannot run {command[0]!r}: no such program in the container", NOT_FOUND) from None
    except (PermissionError, NotADirectoryError) as error:
        raise StartError(f"Cannot run {command[0]!r}: {error.strerror}", NOT_EXECUTABLE) from None
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        raise StartError(_too_long(command), NOT_EXECUTABLE) from None


def _too_long(command):
    longest = max(len(os.fsencode(word)) for word in command)
    if longest > _LONGEST_ARGUMENT:
        what = f"its longest argument has {longest} bytes, and Linux takes {_LONGEST_ARGUMENT}"
    else:
        what = "its arguments and variables together are more than Linux takes"
    return f"Cannot run {command[0]!r}: {what}: hand large values on as artifacts, and collect hundreds of artifacts in several steps"


def _give_up(report, error):
    exit_code = error.exit_code if isinstance(error, StartError) else NOT_STARTED
    try:
        os.write(report, str(error).encode(errors="replace")[:2048])
    finally:
        os._exit(exit_code)
