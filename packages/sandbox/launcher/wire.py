"""Messages between the launcher and its cells: one JSON object and some descriptors per packet, bounded in both.

A packet comes whole or not at all (SOCK_SEQPACKET). Whatever arrives from a cell may be a lie: `receive` raises
ProtocolError on anything but a small JSON object, and closes descriptors that nobody asked for.
"""

import array
import fcntl
import json
import os
import socket
import struct

PACKET_BYTES = 32 * 1024
PACKET_DESCRIPTORS = 200
_SEND_BUFFER = 1 << 20
_DESCRIPTORS_SPACE = socket.CMSG_SPACE(PACKET_DESCRIPTORS * 4)


class ProtocolError(Exception):
    """The other side sent what it must not send."""


def pair():
    """Two connected packet sockets."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    return ends


def send(channel, message, descriptors=()):
    """Raises BlockingIOError if the channel is non-blocking and full, and OSError if the other side is gone."""
    packet = json.dumps(message, separators=(",", ":")).encode()
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([packet], ancillary, socket.MSG_NOSIGNAL)


def receive(channel, descriptors_allowed=0):
    """(message, descriptors), or None at the end of the stream. Raises BlockingIOError if nothing has come yet."""
    packet, ancillary, flags, _ = channel.recvmsg(PACKET_BYTES, _DESCRIPTORS_SPACE, socket.MSG_CMSG_CLOEXEC)
    descriptors = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received = array.array("i")
            received.frombytes(content[: len(content) - len(content) % 4])
            descriptors.extend(received)
    try:
        if not packet:
            if descriptors:
                raise ProtocolError("descriptors without a message")
            return None
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ProtocolError(f"a message of more than {PACKET_BYTES} bytes")
        if len(descriptors) > descriptors_allowed:
            raise ProtocolError(f"{len(descriptors)} descriptors where {descriptors_allowed} are allowed")
        try:
            message = json.loads(packet)
        except (ValueError, RecursionError):
            raise ProtocolError("a message that is no JSON") from None
        if not isinstance(message, dict):
            raise ProtocolError("a message that is no object")
    except ProtocolError:
        close_all(descriptors)
        raise
    return message, descriptors


def whole_number(message, field, highest=(1 << 63) - 1):
    """The value of a field that must be a whole number from 0 to `highest`."""
    value = message.get(field)
    if type(value) is not int or not 0 <= value <= highest:
        raise ProtocolError(f"field {field!r} is no whole number up to {highest}")
    return value


def take(descriptors, count):
    """The first `count` of `descriptors`, which belong to the caller from here on."""
    taken = descriptors[:count]
    del descriptors[:count]
    return taken


def close_all(descriptors):
    for descriptor in descriptors:
        os.close(descriptor)


def seal_request(request):
    """A memory file with `request`: only the step that it is for ever reads it, so its secrets stay out of the zygote."""
    descriptor = os.memfd_create("request", os.MFD_CLOEXEC)
    content = memoryview(json.dumps(request).encode())
    while content:
        content = content[os.write(descriptor, content) :]
    return descriptor


def open_request(descriptor):
    size = os.fstat(descriptor).st_size
    return json.loads(os.pread(descriptor, size, 0))


def peer_user(connection):
    """The user id of the process at the other end of a unix socket; ours where the system does not tell, and the socket's folder
    keeps others out."""
    return _peer(connection)[1] if hasattr(socket, "SO_PEERCRED") else os.geteuid()


def peer_process(connection):
    """The id of the process that listened on the socket that `connection` was made to."""
    return _peer(connection)[0]


def _peer(connection):
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))


def lock_file(path):
    """The locked file, which names this process, or None if another holds the lock. Held until it is closed everywhere."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
