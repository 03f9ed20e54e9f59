"""The one road between pods and the world, and between pods and Headrace.

A process in the host's network with sockets of the pods' network: the launcher makes those there and hands them over, so
this process needs no rights. Pods reach services (addresses of ours, each with a target here), names (a small resolver),
and the world by an HTTP proxy; they never reach the host's own addresses, link-local or metadata ones. Headrace reaches
pods by a unix socket. Services that want to know who calls are told so before anything that the pod sends, by the PROXY
protocol: pods cannot choose their addresses, and only the launcher knows whose they are. It ends with the launcher.
"""

import asyncio
import ipaddress
import itertools
import json
import os
import socket
import struct

import wire

_HEAD_BYTES = 16 * 1024
_HEAD_SECONDS = 10
_CONNECT_SECONDS = 30
_MAXIMUM_CONNECTIONS = 1024
_CHUNK = 64 * 1024
_METADATA = {ipaddress.ip_address(text) for text in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")}
_TYPE_A, _CLASS_IN = 1, 1
# Version 2 of the PROXY protocol: its signature, then version and command, then TCP over IPv4; of the types that are free, ours.
_INTRODUCTION = b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
_GROUP = 0xE0
_TTL_SECONDS = 5
_NO_SUCH_NAME = 3
# Clusters' own: nobody else knows of it, and every name of the world is first looked for there.
_OWN_DOMAIN = ".cluster.local"


class Refused(Exception):
    """The destination is none that a pod may reach; the message goes to the pod."""


class Relay:
    def __init__(self, channel, pods, upstream):
        self.channel = channel
        self.upstream = upstream  # {"host", "port", "authorization", "direct": suffixes} of the proxy that this host must use
        self.pods = ipaddress.ip_network(pods)
        self.names = {}  # name -> address
        self.servers = {}  # (address, port) -> server
        self.waiting = []
        self.asked = {}  # number -> who waits to hear whose an address is
        self.numbers = itertools.count()
        self.open = 0
        self.closed = asyncio.Event()

    async def serve(self):
        loop = asyncio.get_running_loop()
        self.channel.setblocking(False)
        loop.add_reader(self.channel, self._obey)
        await self.closed.wait()

    def _obey(self):
        try:
            packet = wire.receive(self.channel, wire.PACKET_DESCRIPTORS)
        except BlockingIOError:
            return
        except (OSError, wire.ProtocolError):
            packet = None
        if packet is None:
            self.closed.set()
            return
        message, descriptors = packet
        if "names" in message:
            self.names = wire.open_request(descriptors[0])
            wire.close_all(descriptors)
            return
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for own in sockets:
            own.setblocking(False)
        if "proxy" in message:
            self._start(asyncio.start_server(self._limited(self.proxy), sock=sockets[0]))
        elif "resolver" in message:
            self._start(asyncio.get_running_loop().create_datagram_endpoint(lambda: Resolver(self), sock=sockets[0]))
        elif "dial" in message:
            self._start(asyncio.start_unix_server(self._limited(self.dial), sock=sockets[0]))
        elif "socket" in message:
            if self.waiting:
                self.waiting.pop(0).set_result(sockets[0])
        elif "group" in message:
            answer = self.asked.pop(message["n"], None)
            if answer is not None and not answer.done():
                answer.set_result(message["group"])
        elif "service" in message:
            self._start(self._serve_service(message, sockets[0]))
        elif "close" in message:
            server = self.servers.pop((message["close"], message["port"]), None)
            if server is not None:
                server.close()

    def _start(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        task.add_done_callback(lambda done: done.exception())

    async def _serve_service(self, message, listener):
        target = message["target"]

        async def forward(reader, writer):
            introduction = await self._introduce(writer) if message["introduces"] else b""
            far = await self._open_target(target)
            far[1].write(introduction)
            await self._join(reader, writer, far)

        self.servers[(message["service"], message["port"])] = await asyncio.start_server(self._limited(forward), sock=listener)

    def _limited(self, serve):
        async def limited(reader, writer):
            self.open += 1
            try:
                if self.open <= _MAXIMUM_CONNECTIONS:
                    await serve(reader, writer)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                pass  # one side went away, or never said what it wanted
            finally:
                self.open -= 1
                writer.close()

        return limited

    # Pods to the world.

    async def proxy(self, reader, writer):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
        line, _, fields = head.partition(b"\r\n")
        method, target, version = line.decode("latin-1").split(" ")
        try:
            if method == "CONNECT":
                far = await self._open_world(*_split_port(target, None))
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                host, port, path = _split_address(target)
                far = await self._open_world(host, port)
                far[1].write(f"{method} {path} {version}\r\n".encode("latin-1") + _without_proxy_fields(fields))
        except (Refused, OSError, asyncio.TimeoutError) as error:
            status = "403 Forbidden" if isinstance(error, Refused) else "502 Bad Gateway"
            content = f"{error or type(error).__name__}\n".encode()
            writer.write(f"HTTP/1.1 {status}\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
            await writer.drain()
            return
        await self._join(reader, writer, far)

    async def _open_world(self, host, port):
        known = self.names.get(host.lower().rstrip("."))
        if known is not None:
            host = known
        for (address, served), _ in list(self.servers.items()):
            if address == host and served == port:
                raise Refused(f"{host}:{port} is a service of this cluster; reach it without the proxy (add it to NO_PROXY)")
        if self._needs_upstream(host):
            return await self._open_upstream(host, port)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        failure = OSError(f"{host} has no address")
        for _, _, _, _, place in found:
            refuse_local(place[0], host)
            try:
                return await asyncio.wait_for(asyncio.open_connection(place[0], port, limit=_CHUNK), _CONNECT_SECONDS)
            except OSError as error:
                failure = error
        raise failure

    def _needs_upstream(self, host):
        name = host.lower().rstrip(".")
        if self.upstream is None or "*" in self.upstream["direct"]:
            return False
        return not any(name == suffix or name.endswith("." + suffix) for suffix in self.upstream["direct"])

    async def _open_upstream(self, host, port):
        """Through the host's own proxy, which may know names that this host does not; ours stay refused."""
        try:
            for _, _, _, _, place in await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM):
                refuse_local(place[0], host)
        except socket.gaierror:
            pass
        proxy = self.upstream
        reader, writer = await asyncio.wait_for(asyncio.open_connection(proxy["host"], proxy["port"], limit=_CHUNK), _CONNECT_SECONDS)
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        credentials = f"Proxy-Authorization: {proxy['authorization']}\r\n" if proxy["authorization"] else ""
        writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{credentials}\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _CONNECT_SECONDS)
        status = head.split(b"\r\n", 1)[0].decode("latin-1")
        if " 200" not in status:
            writer.close()
            raise OSError(f"the host's proxy answered: {status}")
        return reader, writer

    # Headrace to pods, pods to services.

    async def dial(self, reader, writer):
        line = await asyncio.wait_for(reader.readline(), _HEAD_SECONDS)
        asked = json.loads(line)
        address, port = ipaddress.ip_address(asked["address"]), int(asked["port"])
        if address not in self.pods:
            raise ValueError("no pod's address")
        near = await self._pod_socket()
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(near, (str(address), port)), _CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError) as error:
            near.close()
            writer.write(json.dumps({"error": os.strerror(error.errno) if getattr(error, "errno", None) else "no answer in time"}).encode() + b"\n")
            await writer.drain()
            return
        writer.write(b'{"connected":true}\n')
        await self._join(reader, writer, await asyncio.open_connection(sock=near, limit=_CHUNK))

    async def _pod_socket(self):
        """A socket of the pods' network, which only the launcher can make."""
        answer = asyncio.get_running_loop().create_future()
        self.waiting.append(answer)
        wire.send(self.channel, {"socket": True})
        return await asyncio.wait_for(answer, _HEAD_SECONDS)

    async def _introduce(self, writer):
        """Which group's the connection is, as a header of the PROXY protocol."""
        here, there = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        group = await self._group_at(there[0])
        content = socket.inet_aton(there[0]) + socket.inet_aton(here[0]) + struct.pack("!HH", there[1], here[1])
        if group is not None:
            content += struct.pack("!BH", _GROUP, len(group)) + group.encode("ascii")
        return _INTRODUCTION + struct.pack("!H", len(content)) + content

    async def _group_at(self, address):
        """Whose the address is now; None if it is nobody's any more."""
        number = next(self.numbers)
        answer = self.asked[number] = asyncio.get_running_loop().create_future()
        try:
            wire.send(self.channel, {"whose": address, "n": number})
            return await asyncio.wait_for(answer, _HEAD_SECONDS)
        finally:
            self.asked.pop(number, None)

    async def _open_target(self, target):
        if target.startswith("/"):
            return await asyncio.open_unix_connection(target, limit=_CHUNK)
        host, port = _split_port(target, None)
        return await asyncio.open_connection(host, port, limit=_CHUNK)

    async def _join(self, reader, writer, far):
        far_reader, far_writer = far
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            far_writer.close()


class Resolver(asyncio.DatagramProtocol):
    """Answers for addresses of services, and asks the host for all else."""

    def __init__(self, relay):
        self.relay = relay
        self.busy = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, query, asker):
        if self.busy < 256:
            self.busy += 1
            task = asyncio.ensure_future(self._answer(query, asker))
            task.add_done_callback(self._done)

    def _done(self, task):
        self.busy -= 1
        task.exception()

    async def _answer(self, query, asker):
        name, kind, end = _read_question(query)
        addresses, code = [], 0
        known = self.relay.names.get(name)
        if known is not None:
            addresses = [known] if kind == _TYPE_A else []
        elif name.endswith(_OWN_DOMAIN):
            code = _NO_SUCH_NAME
        else:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
                addresses = [place[0] for _, _, _, _, place in found[:8]] if kind == _TYPE_A else []
            except OSError:
                code = _NO_SUCH_NAME
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
        records = b"".join(struct.pack("!HHHIH", 0xC00C, _TYPE_A, _CLASS_IN, _TTL_SECONDS, 4) + socket.inet_aton(address) for address in addresses)
        self.transport.sendto(head + query[12:end] + records, asker)


def refuse_local(text, host):
    """Raises Refused for addresses that are this host's own or that only this host should reach."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    address = mapped or address
    special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    if special or address in _METADATA or _is_own(address):
        raise Refused(f"Pods may not reach {host} ({address}): it is the host's own, or link-local, or a metadata address")


def _is_own(address):
    """Whether the kernel would use the destination itself as the source: then it is an address of this host."""
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
        except OSError:
            return False  # no way there at all
        return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address


def _read_question(query):
    if len(query) < 17 or struct.unpack_from("!H", query, 4)[0] != 1:
        raise ValueError("no single question")
    labels, offset = [], 12
    while query[offset]:
        length = query[offset]
        if length > 63 or offset + length + 1 >= len(query):
            raise ValueError("no name")
        labels.append(query[offset + 1 : offset + 1 + length].decode("ascii").lower())
        offset += length + 1
    return ".".join(labels), struct.unpack_from("!H", query, offset + 1)[0], offset + 5


def _split_port(text, default):
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, default
    number = int(port)
    if not 0 < number < 65536:
        raise ValueError("no port")
    return host.strip("[]"), number


def _split_address(target):
    if not target.startswith("http://"):
        raise ValueError("no address that a proxy serves")
    place, slash, path = target[7:].partition("/")
    host, port = _split_port(place, 80) if ":" in place.rpartition("]")[2] else (place.strip("[]"), 80)
    return host, port, slash + path or "/"


def _without_proxy_fields(fields):
    """One request for one connection: what follows would need reading, and proxies' own fields are not for the far side."""
    kept = [line for line in fields.split(b"\r\n") if line and not line.lower().startswith((b"proxy-", b"connection:"))]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


async def _copy(reader, writer):
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


def main(channel, pods, upstream):
    async def serve():
        await Relay(channel, pods, upstream).serve()

    asyncio.run(serve())
