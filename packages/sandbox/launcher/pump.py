"""The log pump: reads what containers print and writes it as the Kubernetes container runtimes do.

One process for the node, apart from the launcher, so that a busy log delays no start and a launcher that dies takes no
output with it. Each line becomes `TIME stdout|stderr F|P TEXT`: P for a part of a line longer than 16 KiB. Files are
rotated to NAME.1, NAME.2 … by size.
"""

import os
import time

import wire
from loop import Loop

LINE_BYTES = 16 * 1024
_READ_BYTES = 256 * 1024
_LONELY_SECONDS = 600


class LogFile:
    def __init__(self, path, maximum_bytes, maximum_files):
        self.path = path
        self.maximum_bytes = maximum_bytes
        self.maximum_files = maximum_files
        self._open()

    def _open(self):
        self.descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self.size = os.fstat(self.descriptor).st_size

    def write(self, content):
        """Whole lines; a file ends between two of them."""
        try:
            while content:
                room = max(0, self.maximum_bytes - self.size)
                end = len(content) if len(content) <= room else content.rfind(b"\n", 0, room) + 1
                if end == 0 and self.size == 0:
                    end = content.find(b"\n") + 1  # one line that is longer than a file may be
                self._append(content[:end])
                content = content[end:]
                if content:
                    self._rotate()
        except OSError:
            pass  # a full disk costs the log, never the container

    def _append(self, content):
        view = memoryview(content)
        while view:
            written = os.write(self.descriptor, view)
            self.size += written
            view = view[written:]

    def _rotate(self):
        os.close(self.descriptor)
        for number in range(self.maximum_files - 1, 0, -1):
            older = f"{self.path}.{number}"
            newer = f"{self.path}.{number - 1}" if number > 1 else self.path
            if os.path.exists(newer):
                os.replace(newer, older)
        if self.maximum_files < 2:
            os.unlink(self.path)
        self._open()

    def close(self):
        os.close(self.descriptor)


class Stream:
    """One pipe of a container: whole lines go out, the rest waits for its end."""

    def __init__(self, descriptor, name, file):
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.name = name
        self.file = file
        self.rest = b""

    def read(self):
        """The number of bytes that came: 0 at the end of the stream, None if it is empty for now."""
        try:
            chunk = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return None
        if chunk:
            self._write(chunk)
        return len(chunk)

    def finish(self):
        """Writes a last line without a line feed."""
        if self.rest:
            self.file.write(self._prefix(b"F") + self.rest + b"\n")
            self.rest = b""

    def _write(self, chunk):
        data = self.rest + chunk
        end = data.rfind(b"\n")
        body, self.rest = (data[:end], data[end + 1 :]) if end >= 0 else (None, data)
        written = b""
        if body is not None:
            written = self._lines(body)
        while len(self.rest) > LINE_BYTES:
            written += self._prefix(b"P") + self.rest[:LINE_BYTES] + b"\n"
            self.rest = self.rest[LINE_BYTES:]
        if written:
            self.file.write(written)

    def _lines(self, body):
        full = self._prefix(b"F")
        lines = body.split(b"\n") if len(body) > LINE_BYTES else ()
        if not any(len(line) > LINE_BYTES for line in lines):
            return full + body.replace(b"\n", b"\n" + full) + b"\n"
        part = self._prefix(b"P")
        pieces = []
        for line in lines:
            while len(line) > LINE_BYTES:
                pieces.append(part + line[:LINE_BYTES])
                line = line[LINE_BYTES:]
            pieces.append(full + line)
        return b"\n".join(pieces) + b"\n"

    def _prefix(self, tag):
        now = time.time_ns()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1_000_000_000))
        return f"{moment}.{now % 1_000_000_000:09d}Z {self.name} ".encode() + tag + b" "


class Pump:
    def __init__(self, loop, listener):
        self.loop = loop
        self.listener = listener
        self.launcher = None
        self.logs = {}  # container -> (file, streams that are still open)
        self.lonely = None
        loop.watch(listener, self.adopt)

    def adopt(self, _):
        connection, _ = self.listener.accept()
        if self.launcher is not None:
            self.loop.forget(self.launcher)
            self.launcher.close()
        self.launcher = connection
        self.loop.cancel(self.lonely)
        self.loop.watch(connection, self.obey)

    def obey(self, _):
        try:
            packet = wire.receive(self.launcher, 2)
        except (OSError, wire.ProtocolError):
            packet = None
        if packet is None:
            self.loop.forget(self.launcher)
            self.launcher.close()
            self.launcher = None
            self.lonely = self.loop.after(_LONELY_SECONDS, self.leave)
            return
        message, descriptors = packet
        if "open" in message:
            self.open(message, descriptors)
        elif "drain" in message:
            self.drain(message["drain"])
        elif "leave" in message:
            self.loop.stop()

    def leave(self):
        if self.logs:
            self.lonely = self.loop.after(_LONELY_SECONDS, self.leave)
        else:
            self.loop.stop()

    def open(self, message, descriptors):
        if message["open"] in self.logs:
            wire.close_all(descriptors)  # a launcher that takes over does not know whose logs are written already
            return
        try:
            file = LogFile(message["path"], message["maxBytes"], message["maxFiles"])
        except OSError as error:
            wire.close_all(descriptors)
            self.tell({"failed": message["open"], "why": str(error)})
            return
        streams = [Stream(descriptor, name, file) for descriptor, name in zip(descriptors, ("stdout", "stderr"))]
        self.logs[message["open"]] = (file, streams)
        for stream in streams:
            self.loop.watch(stream.descriptor, lambda _, stream=stream: self.read(message["open"], stream))

    def read(self, container, stream):
        if stream.read() == 0:
            self.close(container, stream)

    def close(self, container, stream):
        file, streams = self.logs[container]
        stream.finish()
        self.loop.forget(stream.descriptor)
        os.close(stream.descriptor)
        streams.remove(stream)
        if not streams:
            file.close()
            del self.logs[container]

    def drain(self, container):
        """The container is dead: what its pipes hold now is all that may still come."""
        if container in self.logs:
            for stream in list(self.logs[container][1]):
                while stream.read():
                    pass
                self.close(container, stream)
        self.tell({"complete": container})

    def tell(self, message):
        try:
            wire.send(self.launcher, message)
        except OSError:
            pass  # the next launcher asks again


def main(listener):
    loop = Loop()
    Pump(loop, listener)
    loop.run()
