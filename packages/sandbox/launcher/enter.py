"""Further programs in a container that runs: `kubectl exec`, and probes.

The connection over which Headrace asked is handed to a process of its own, which passes bytes to and fro until the
program ends. Frames on it: one byte of channel, four of length (big-endian), content.
"""

import fcntl
import json
import os
import select
import signal
import struct
import termios

import step
import wire
from syscalls import (
    ALL_CAPABILITIES,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    PR_SET_DUMPABLE,
    close_all_but,
    prctl,
    setns,
)

STDIN, STDOUT, STDERR, EXIT, RESIZE = range(5)
_MAXIMUM_FRAME = 1 << 20
_ALL = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET


def serve(connection, pidfd, cgroup_descriptors, asked):
    """Never returns; to be called in a fork of the launcher. `asked`: command, environment, workingDirectory, uid, gid,
    tty and privileged."""
    try:
        close_all_but((connection.fileno(), pidfd, *cgroup_descriptors))
        connection.setblocking(True)
        ours, theirs = wire.pair()
        entered = os.fork()
        if entered == 0:
            _enter(theirs, pidfd, cgroup_descriptors, asked)
        theirs.close()
        os.close(pidfd)
        packet = wire.receive(ours, 3)
        if packet is None or "error" in packet[0]:
            message = packet[0]["error"] if packet else "The container ended"
            _send(connection, EXIT, json.dumps({"exitCode": 128, "message": message}).encode())
            os._exit(0)
        _pass_bytes(connection, packet[1], asked["tty"])
        ended = wire.receive(ours)
        _send(connection, EXIT, json.dumps(ended[0] if ended else {"exitCode": 137}).encode())
    except OSError:
        os.kill(entered, signal.SIGKILL)  # Headrace has gone, and with it the interest in the program
    finally:
        os._exit(0)


def _enter(channel, pidfd, cgroup_descriptors, asked):
    """In the container's namespaces, but not visible there: that is its child, which becomes the program."""
    try:
        prctl(PR_SET_DUMPABLE, 0)  # this memory is the launcher's until the program replaces it
        for descriptor in cgroup_descriptors:
            os.write(descriptor, b"0")
        setns(pidfd, _ALL)
        program = os.fork()
        if program == 0:
            _become(channel, asked)
        _, status = os.waitpid(program, 0)
        code = os.waitstatus_to_exitcode(status)
        wire.send(channel, {"exitCode": code if code >= 0 else 128 - code})
    except OSError as error:
        wire.send(channel, {"error": f"Cannot enter the container: {error}"})
    finally:
        os._exit(0)


def _become(channel, asked):
    try:
        step.drop_rights(asked, asked["privileged"], ALL_CAPABILITIES)  # first, so that its pipes or terminal belong to its user
        if asked["tty"]:
            master, slave = os.openpty()
            handed, own = [master], [slave, slave, slave]
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        else:
            pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
            handed, own = [pipes[0][1], pipes[1][0], pipes[2][0]], [pipes[0][0], pipes[1][1], pipes[2][1]]
        step.set_environment(asked)
        wire.send(channel, {"running": True}, handed)
    except (OSError, step.StartError) as error:
        wire.send(channel, {"error": str(error)})
        os._exit(step.NOT_STARTED)
    try:
        for number, descriptor in enumerate(own):
            os.dup2(descriptor, number)
        close_all_but(())
        step.execute(asked["command"])
    except (OSError, step.StartError) as error:
        os.write(2, f"{error}\n".encode())
        os._exit(getattr(error, "exit_code", step.NOT_STARTED))


def _pass_bytes(connection, descriptors, tty):
    """Until the program's outputs end."""
    stdin = descriptors[0]
    outputs = {stdin: STDOUT} if tty else {descriptors[1]: STDOUT, descriptors[2]: STDERR}
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    for descriptor in outputs:
        poll.register(descriptor, select.POLLIN)
    incoming = bytearray()
    while outputs:
        for ready, _ in poll.poll():
            if ready == connection.fileno():
                chunk = connection.recv(65536)
                if not chunk:
                    raise OSError("the other side ended the connection")
                incoming += chunk
                _obey(incoming, stdin, tty)
                continue
            try:
                content = os.read(ready, 65536)
            except OSError:
                content = b""  # how the end of a terminal shows
            if content:
                _send(connection, outputs[ready], content)
            else:
                poll.unregister(ready)
                del outputs[ready]


def _obey(incoming, stdin, tty):
    while len(incoming) >= 5:
        channel, length = struct.unpack_from("!BI", incoming)
        if length > _MAXIMUM_FRAME:
            raise OSError("a frame that is too long")
        if len(incoming) < 5 + length:
            return
        content = bytes(incoming[5 : 5 + length])
        del incoming[: 5 + length]
        if channel == RESIZE and tty:
            size = json.loads(content)
            fcntl.ioctl(stdin, termios.TIOCSWINSZ, struct.pack("HHHH", size["rows"] & 0xFFFF, size["columns"] & 0xFFFF, 0, 0))
        elif channel == STDIN:
            _write_input(stdin, content, tty)


def _write_input(stdin, content, tty):
    try:
        if content:
            view = memoryview(content)
            while view:
                view = view[os.write(stdin, view) :]
        elif tty:
            os.write(stdin, b"\x04")
        else:
            os.close(stdin)
    except OSError:
        pass  # the program reads no more


def _send(connection, channel, content):
    connection.sendall(struct.pack("!BI", channel, len(content)) + content)
