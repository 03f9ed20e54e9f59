"""The launcher's two companions, as it sees them: the pump, which outlives it, and the relay, which does not."""

import os
import select
import selectors
import socket

import network
import pump
import relay
import wire
from syscalls import PR_SET_NO_NEW_PRIVS, close_all_but, name_process, open_pidfd, prctl, set_capabilities

_PUMP = "pump.sock"
_DIAL = "dial.sock"
_FAREWELL_MILLISECONDS = 5000


class PumpLink:
    """The process that writes logs. It stays when the launcher is killed, and keeps the launcher's namespaces alive."""

    def __init__(self, channel):
        self.channel = channel
        self.process = wire.peer_process(channel)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    @classmethod
    def find(cls):
        """The pump of an earlier launcher, if it runs."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            channel.connect(_PUMP)
            return cls(channel)
        except OSError:
            channel.close()
            return None

    @classmethod
    def start(cls):
        if os.path.lexists(_PUMP):
            os.unlink(_PUMP)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(_PUMP)
        os.chmod(_PUMP, 0o600)
        ready, listening = os.pipe2(os.O_CLOEXEC)
        if os.fork() == 0:
            _become_companion("headrace-pump", (listener.fileno(), listening))
            try:
                listener.listen(2)  # by the pump itself, so that its id is known from the socket
                os.close(listening)
                pump.main(listener)
            finally:
                os._exit(0)
        listener.close()
        os.close(listening)
        os.read(ready, 1)
        os.close(ready)
        return cls.find()

    def listen(self, loop, note_complete, note_end):
        """`note_complete(container)` is called when all of a drained log is written, `note_end()` when the pump has died."""

        def hear(_):
            packet = wire.receive(self.channel)
            if packet is None:
                loop.forget(self.channel)
                self.channel.close()
                note_end()
            elif "complete" in packet[0]:
                note_complete(packet[0]["complete"])

        loop.watch(self.channel, hear)

    def send(self, message, descriptors=()):
        try:
            wire.send(self.channel, message, descriptors)
        except OSError:
            pass  # it has died; what it should have had, the next one gets

    def end(self):
        try:
            process = open_pidfd(self.process)
        except ProcessLookupError:
            return
        self.send({"leave": True})
        see_off(self.process, process)


def see_off(pid, pidfd):
    """Waits a moment for a process that is about to end, so that nothing of it is left."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(_FAREWELL_MILLISECONDS)
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # an earlier launcher's child


class RelayLink:
    """The process that stays in the host's network: start it before the launcher leaves that."""

    def __init__(self, upstream):
        self.channel, theirs = wire.pair()
        self.listeners = {}
        self.process = os.fork()
        if self.process == 0:
            self.channel.close()
            _become_companion("headrace-relay", (theirs.fileno(),))
            try:
                set_capabilities(0)
                prctl(PR_SET_NO_NEW_PRIVS, 1)
                relay.main(theirs, str(network.PODS), upstream)
            finally:
                os._exit(0)
        theirs.close()

    def listen(self, loop, group_at):
        """Hands the relay its sockets, made in the network that this process is in now. `group_at(address)` names the group that
        has an address, or is None."""
        self.group_at = group_at
        self._hand({"proxy": True}, _tcp_listener(network.RESOLVER, network.PROXY_PORT))
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.bind((network.RESOLVER, 53))
        self._hand({"resolver": True}, resolver)
        if os.path.lexists(_DIAL):
            os.unlink(_DIAL)
        dial = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        dial.bind(_DIAL)
        os.chmod(_DIAL, 0o600)
        dial.listen(128)
        self._hand({"dial": True}, dial)
        loop.watch(self.channel, self._hear, selectors.EVENT_READ)

    def set_services(self, services):
        wanted = {(service["address"], service["port"]): (service["target"], service["introduces"]) for service in services}
        for address, port in [place for place in self.listeners if self.listeners[place] != wanted.get(place)]:
            wire.send(self.channel, {"close": address, "port": port})
            del self.listeners[(address, port)]
        link = network.Addresses()
        try:
            for (address, port), (target, introduces) in wanted.items():
                if (address, port) not in self.listeners:
                    link.ensure(address)
                    message = {"service": address, "port": port, "target": target, "introduces": introduces}
                    self._hand(message, _tcp_listener(address, port))
                    self.listeners[(address, port)] = (target, introduces)
        finally:
            link.close()
        names = {name: service["address"] for service in services for name in service["names"]}
        request = wire.seal_request(names)
        wire.send(self.channel, {"names": True}, [request])
        os.close(request)

    def end(self):
        process = open_pidfd(self.process)
        self.channel.close()
        see_off(self.process, process)

    def _hear(self, _):
        packet = wire.receive(self.channel)
        if packet is None:
            # Only a launcher that is just being started can make a relay, for it has not left the host's network yet.
            # Headrace starts one when this one is gone, and that one takes over all that runs.
            os._exit(1)
        message = packet[0]
        if "whose" in message:
            wire.send(self.channel, {"group": self.group_at(message["whose"]), "n": message["n"]})
        else:
            self._hand({"socket": True}, socket.socket(socket.AF_INET, socket.SOCK_STREAM))

    def _hand(self, message, own):
        try:
            wire.send(self.channel, message, [own.fileno()])
        finally:
            own.close()


def _tcp_listener(address, port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # an earlier launcher's relay may be about to end
    listener.bind((address, port))
    listener.listen(512)
    return listener


def _become_companion(name, kept):
    name_process(name)
    close_all_but(kept)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 1)
