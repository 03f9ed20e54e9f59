"""The socket on which Headrace speaks: one JSON object per line, both ways.

Only the user that started the launcher gets an answer. A reader that does not read is cut off; nothing it should have
heard is lost, since exits stay in the journal until they are acknowledged.
"""

import json
import os
import selectors
import signal
import socket
import sys

import wire

# Of what is said on it; as protocol.ts has it.
PROTOCOL = 2
SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL, "SIGINT": signal.SIGINT}
LINE_BYTES = 64 * 1024 * 1024
_BACKLOG_BYTES = 32 * 1024 * 1024
_MAXIMUM_CONNECTIONS = 16


class RequestError(Exception):
    """Refuses a request; `code` is one of the door's."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def verb_of(speaker, request):
    """The method for what a request asks to do, or None."""
    return getattr(speaker, "do_" + str(request.get("do")).replace("-", "_"), None)


class NodeServer:
    def __init__(self, loop, name, user, handle, lonely, patience):
        """`handle(connection, request)` answers by itself; `lonely()` is called whenever nobody has been here for `patience` seconds."""
        self.loop = loop
        self.user = user
        self.handle = handle
        self.lonely = lonely
        self.patience = patience
        self.connections = []
        self.alone = None
        if os.path.lexists(name):
            os.unlink(name)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.setblocking(False)
        previous = os.umask(0o177)
        self.listener.bind(name)
        os.umask(previous)
        self.listener.listen(16)
        loop.watch(self.listener, self._accept)
        self._note_change()

    def _accept(self, _):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return  # it gave up before it was served
        if wire.peer_user(connection) != self.user or len(self.connections) >= _MAXIMUM_CONNECTIONS:
            connection.close()
            return
        self.connections.append(NodeConnection(self, connection))
        self._note_change()

    def hand_over(self, connection):
        """Lets go of a connection that another process serves from now on."""
        self.connections.remove(connection)
        self.loop.forget(connection.socket)
        self._note_change()
        return connection.socket

    def broadcast(self, message):
        for connection in list(self.connections):
            connection.send(message)

    def drop(self, connection):
        if connection in self.connections:
            self.connections.remove(connection)
            self.loop.forget(connection.socket)
            connection.socket.close()
            self._note_change()

    def _note_change(self):
        self.loop.cancel(self.alone)
        self.alone = None if self.connections else self.loop.after(self.patience, self._tell_lonely)

    def _tell_lonely(self):
        self._note_change()
        self.lonely()


class NodeConnection:
    def __init__(self, server, connection):
        connection.setblocking(False)
        self.server = server
        self.socket = connection
        self.incoming = bytearray()
        self.outgoing = bytearray()
        server.loop.watch(connection, self._ready)

    def _ready(self, events):
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ:
            self._read()

    def _read(self):
        try:
            chunk = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self.server.drop(self)
            return
        searched = len(self.incoming)
        self.incoming += chunk
        while (end := self.incoming.find(b"\n", searched)) >= 0:
            line = bytes(self.incoming[:end])
            del self.incoming[: end + 1]
            searched = 0
            self._obey(line)
        if len(self.incoming) > LINE_BYTES:
            self.server.drop(self)

    def _obey(self, line):
        try:
            request = json.loads(line)
            number = request["n"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self.server.drop(self)
            return
        try:
            self.server.handle(self, request)
        except RequestError as error:
            self.refuse(number, error.code, str(error))
        except Exception as error:  # a fault of ours must not end the containers' only guardian
            import traceback

            traceback.print_exc(file=sys.stderr)
            self.refuse(number, "internal", f"{type(error).__name__}: {error}")

    def answer(self, number, result):
        self.send({"n": number, "ok": result})

    def refuse(self, number, code, message):
        self.send({"n": number, "error": {"code": code, "message": message}})

    def send(self, message):
        self.outgoing += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if len(self.outgoing) > _BACKLOG_BYTES:
            self.server.drop(self)
        else:
            self._flush()

    def _flush(self):
        try:
            while self.outgoing:
                sent = self.socket.send(self.outgoing)
                del self.outgoing[:sent]
            events = selectors.EVENT_READ
        except BlockingIOError:
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
        except OSError:
            self.server.drop(self)
            return
        if self in self.server.connections:
            self.server.loop.change(self.socket, events)
