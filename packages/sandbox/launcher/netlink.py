"""The few requests to the kernel's routing socket that pods' networks need; its `ip` program takes ten times as long."""

import os
import socket
import struct

_NEWLINK, _DELLINK, _NEWADDR, _DELADDR, _NEWROUTE = 16, 17, 20, 21, 24
_REQUEST_ACKNOWLEDGED = 1 | 4
_CREATE, _EXCLUSIVE = 0x400, 0x200
_IFF_UP = 1
_LINK_ADDRESS, _LINK_NAME, _LINK_MASTER, _LINK_INFO, _LINK_NAMESPACE = 1, 3, 10, 18, 28
_INFO_KIND, _INFO_DATA, _PEER = 1, 2, 1
_ADDRESS, _LOCAL = 1, 2
_DESTINATION, _OUT_INTERFACE, _GATEWAY = 1, 4, 5
_MAIN_TABLE, _BOOT_PROTOCOL, _UNIVERSE, _UNICAST = 254, 3, 0, 1


class Netlink:
    """Bound to the network namespace that the process is in when this is made."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self.socket.bind((0, 0))
        self.sequence = 0

    def close(self):
        self.socket.close()

    def ask(self, *requests):
        """Sends all requests at once; raises OSError for the first that the kernel refused."""
        packet = b""
        for kind, flags, body in requests:
            self.sequence += 1
            packet += struct.pack("IHHII", 16 + len(body), kind, flags | _REQUEST_ACKNOWLEDGED, self.sequence, 0) + _padded(body)
        self.socket.send(packet)
        failure = None
        missing = len(requests)
        while missing:
            answer = self.socket.recv(65536)
            offset = 0
            while offset < len(answer):
                length = struct.unpack_from("I", answer, offset)[0]
                code = struct.unpack_from("i", answer, offset + 16)[0]
                if code and failure is None:
                    failure = OSError(-code, f"netlink: {os.strerror(-code)}")
                missing -= 1
                offset += (length + 3) & ~3
        if failure is not None:
            raise failure


def raise_link(index):
    return _NEWLINK, 0, _link(index, _IFF_UP)


def set_hardware_address(index, hardware_address):
    return _NEWLINK, 0, _link(index) + _attribute(_LINK_ADDRESS, hardware_address)


def make_bridge(name, hardware_address):
    """With an address of its own: else it takes the lowest of its ports', another one whenever such a port comes or goes, and who
    has looked up the old one talks to nobody for half a minute."""
    attributes = _attribute(_LINK_NAME, _text(name)) + _attribute(_LINK_ADDRESS, hardware_address)
    return _NEWLINK, _CREATE | _EXCLUSIVE, _link(0, _IFF_UP) + attributes + _kind("bridge")


def make_pair(name, bridge_index, peer_name, peer_namespace, peer_hardware_address):
    """A veth pair: one end on a bridge here, the other in the namespace of a descriptor."""
    peer = _link() + _attribute(_LINK_NAME, _text(peer_name)) + _attribute(_LINK_ADDRESS, peer_hardware_address)
    peer += _attribute(_LINK_NAMESPACE, struct.pack("i", peer_namespace))
    attributes = _attribute(_LINK_NAME, _text(name)) + _attribute(_LINK_MASTER, struct.pack("i", bridge_index))
    return _NEWLINK, _CREATE | _EXCLUSIVE, _link(0, _IFF_UP) + attributes + _kind("veth", _attribute(_PEER, peer))


def remove_link(index):
    return _DELLINK, 0, _link(index)


def add_address(index, address, prefix):
    return _NEWADDR, _CREATE | _EXCLUSIVE, _address(index, address, prefix)


def remove_address(index, address, prefix):
    return _DELADDR, 0, _address(index, address, prefix)


def add_route(index, network, prefix, gateway):
    head = struct.pack("BBBBBBBBI", socket.AF_INET, prefix, 0, 0, _MAIN_TABLE, _BOOT_PROTOCOL, _UNIVERSE, _UNICAST, 0)
    body = _attribute(_DESTINATION, socket.inet_aton(network)) + _attribute(_GATEWAY, socket.inet_aton(gateway))
    return _NEWROUTE, _CREATE | _EXCLUSIVE, head + body + _attribute(_OUT_INTERFACE, struct.pack("i", index))


def _link(index=0, flags=0):
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _address(index, address, prefix):
    packed = socket.inet_aton(address)
    return struct.pack("BBBBi", socket.AF_INET, prefix, 0, 0, index) + _attribute(_LOCAL, packed) + _attribute(_ADDRESS, packed)


def _kind(name, data=None):
    content = _attribute(_INFO_KIND, _text(name)) + (_attribute(_INFO_DATA, data) if data is not None else b"")
    return _attribute(_LINK_INFO, content)


def _attribute(kind, content):
    return _padded(struct.pack("HH", 4 + len(content), kind) + content)


def _padded(content):
    return content + b"\0" * (-len(content) % 4)


def _text(name):
    return name.encode() + b"\0"
