"""Pods' networks: a bridge for each tenant in a network namespace of the launcher's own, and an address for each pod.

Nothing here is part of the host's network: no interface, route or rule of the host changes, and no packet leaves by
itself. Tenants' bridges are not connected. What pods reach beyond their tenant they reach through the relay.
"""

import fcntl
import ipaddress
import os
import socket
import struct

import netlink
from syscalls import CLONE_NEWNET, setns

PODS = ipaddress.ip_network("10.192.0.0/10")  # 1,022 pods for each tenant
SERVICES = ipaddress.ip_network("10.191.0.0/16")
RESOLVER = str(SERVICES[1])  # where the relay answers names, and proxies
PROXY_PORT = 3128
_TENANT_PREFIX = 22
_SIOCSIFFLAGS = 0x8914
_UP_AND_RUNNING = 0x1 | 0x40
_KINDS = ("net", "ipc", "uts")
_POOL = 8  # ready for the next pods of a tenant
_KEPT = 16  # at most, when pods end
# Bridges are not connected, and take nothing from an address that is not of their tenant.
_PARAMETERS = (("ipv4/ip_forward", "0"), ("ipv4/conf/all/rp_filter", "1"), ("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"))
# A pod that gets an address says so, and the bridge sends what is for it to its port, not to the port of who had it before.
_POD_PARAMETERS = (("ipv4/conf/all/arp_notify", "1"),)
_POD_LINK = 2  # of a fresh network namespace: 1 is the loopback


def open_pod_namespaces(directory="/proc/self/ns/"):
    """Descriptors of a process's network, ipc and uts namespaces, in this order."""
    return [os.open(directory + kind, os.O_RDONLY | os.O_CLOEXEC) for kind in _KINDS]


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _UP_AND_RUNNING))


def open_network(loop, adopted):
    """The network of this launcher's namespace; without the kernel's bridges pods have a loopback and nothing else."""
    try:
        return Bridges(loop, adopted)
    except OSError as error:
        return Network(loop, str(error))


class Network:
    """Namespaces for pods: prepared ahead of need, of one tenant each, and used again by the same tenant."""

    kind = "none"

    def __init__(self, loop, problem=""):
        self.loop = loop
        self.problem = problem
        self.ready = {}  # tenant number -> [(namespaces, address)]
        self.expected = {}  # tenant number -> [(cell, (group or None, callback, network to use again or None))], each cell's in order

    def describe(self):
        """What pods need to know; None without a network."""
        return None

    def resolver(self, search):
        """What pods' /etc/resolv.conf says."""
        return ""

    def provide(self, group):
        """Gives the group namespaces if some are at hand, and has more made."""
        waiting = self.ready.get(group.tenant.number)
        if not waiting:
            return False
        group.namespaces, group.address = waiting.pop(0)
        self.loop.when_idle(lambda: self.fill(group.tenant))
        return True

    def request(self, group, callback):
        """Calls `callback(group)` when the group has its namespaces."""
        self._order(group.tenant, (group, callback, None))
        self.loop.when_idle(lambda: self.fill(group.tenant))

    def fill(self, tenant):
        while tenant.cells and len(self.ready.get(tenant.number, ())) + len(self.expected.get(tenant.number, ())) < _POOL:
            if not self._order(tenant, (None, None, None)):
                return

    def receive(self, cell, descriptors):
        """A cell's first process made namespaces: three, or ipc and uts alone to go with a network that was used before."""
        tenant = cell.tenant
        expected = self.expected.get(tenant.number, ())
        place, order = next(((place, order) for place, (asked, order) in enumerate(expected) if asked is cell), (None, None))
        if order is None or len(descriptors) != (2 if order[2] else 3):
            raise ValueError("it sent namespaces that nobody asked for")
        del expected[place]
        group, callback, again = order
        network = again if again is not None else self.connect(tenant, descriptors.pop(0))
        made = ([network[0], *descriptors], network[1])
        if group is None:
            self.ready.setdefault(tenant.number, []).append(made)
        else:
            group.namespaces, group.address = made
            callback(group)

    def give_back(self, group):
        network, *others = group.namespaces
        for descriptor in others:
            os.close(descriptor)
        kept = len(self.ready.get(group.tenant.number, ())) + len(self.expected.get(group.tenant.number, ()))
        if kept < _KEPT and group.tenant.cells:
            if self._order(group.tenant, (None, None, (network, self.renew(group.tenant, network, group.address)))):
                return
        self.release(group.tenant, network, group.address)

    def lose_cell(self, cell):
        """What it was still to make is asked of another cell of its tenant, if there is one."""
        expected = self.expected.get(cell.tenant.number, [])
        owed = [order for asked, order in expected if asked is cell]
        expected[:] = [entry for entry in expected if entry[0] is not cell]
        for order in owed:
            if not self._order(cell.tenant, order) and order[2] is not None:
                self.release(cell.tenant, *order[2])

    def forget_tenant(self, tenant):
        """Its last cell is gone: so are its namespaces."""
        for namespaces, address in self.ready.pop(tenant.number, ()):
            for descriptor in namespaces[1:]:
                os.close(descriptor)
            self.release(tenant, namespaces[0], address)
        for _, (_, _, again) in self.expected.pop(tenant.number, ()):
            if again is not None:
                self.release(tenant, *again)

    def _order(self, tenant, order):
        for cell in tenant.cells:
            if cell.state in ("starting", "ready", "cold") and cell.send({"do": "namespaces", "network": order[2] is None}):
                self.expected.setdefault(tenant.number, []).append((cell, order))
                return True
        return False

    def adopt_address(self, tenant, address):
        """A pod that an earlier launcher made has this address."""

    def connect(self, tenant, network):
        return network, None

    def renew(self, tenant, network, address):
        return address

    def release(self, tenant, network, address):
        os.close(network)


class Bridges(Network):
    kind = "bridge"

    def __init__(self, loop, adopted):
        super().__init__(loop)
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.netlink = netlink.Netlink()
        self.bridges = {}  # tenant number -> index of its link
        self.taken = {}  # tenant number -> numbers of addresses in use
        self.last = {}  # tenant number -> number given last, so that an address rests before it is given again
        self.next_link = 1
        if not adopted:
            raise_loopback()
            for name, value in _PARAMETERS:
                _set_parameter(name, value)
            self.netlink.ask(netlink.add_address(1, RESOLVER, 32))
            self.netlink.ask(netlink.make_bridge("probe", _hardware_address(0)))
            self.netlink.ask(netlink.remove_link(socket.if_nametoindex("probe")))

    def describe(self):
        return {"proxy": f"http://{RESOLVER}:{PROXY_PORT}", "services": str(SERVICES), "pods": str(PODS)}

    def resolver(self, search):
        domains = f"search {' '.join(search)}\n" if search else ""
        return f"nameserver {RESOLVER}\n{domains}options ndots:5 timeout:2\n"

    def connect(self, tenant, network):
        """Puts a fresh network namespace on the tenant's bridge."""
        bridge = self._bridge(tenant)
        name = self._free_name()
        address = self._take_address(tenant)
        self.netlink.ask(netlink.make_pair(name, bridge, "eth0", network, _pod_hardware_address(address)))
        gateway = str(_subnet(tenant)[1])
        self._inside(
            network,
            netlink.raise_link(1),
            netlink.add_address(_POD_LINK, address, _TENANT_PREFIX),
            netlink.raise_link(_POD_LINK),
            netlink.add_route(_POD_LINK, str(SERVICES[0]), SERVICES.prefixlen, gateway),
            parameters=_POD_PARAMETERS,
        )
        return network, address

    def renew(self, tenant, network, address):
        """Another pod must not get the letters of the last one."""
        fresh = self._take_address(tenant)
        gateway = str(_subnet(tenant)[1])
        self._inside(
            network,
            netlink.remove_address(_POD_LINK, address, _TENANT_PREFIX),
            netlink.add_address(_POD_LINK, fresh, _TENANT_PREFIX),
            netlink.set_hardware_address(_POD_LINK, _pod_hardware_address(fresh)),
            netlink.add_route(_POD_LINK, str(SERVICES[0]), SERVICES.prefixlen, gateway),
        )
        self._free_address(tenant, address)
        return fresh

    def release(self, tenant, network, address):
        os.close(network)  # the kernel takes the pair down in its own time; asking for it would wait
        self._free_address(tenant, address)

    def adopt_address(self, tenant, address):
        """A pod that an earlier launcher made has this address."""
        self.taken.setdefault(tenant.number, set()).add(int(ipaddress.ip_address(address)) - int(_subnet(tenant)[0]))

    def _inside(self, network, *requests, parameters=()):
        setns(network, CLONE_NEWNET)
        try:
            for name, value in parameters:
                _set_parameter(name, value)
            inner = netlink.Netlink()
        finally:
            setns(self.own, CLONE_NEWNET)
        try:
            inner.ask(*requests)
        finally:
            inner.close()

    def _bridge(self, tenant):
        if tenant.number not in self.bridges:
            name = f"tenant{tenant.number}"
            try:
                self.netlink.ask(netlink.make_bridge(name, _hardware_address(tenant.number)))
                index = socket.if_nametoindex(name)
                self.netlink.ask(netlink.add_address(index, str(_subnet(tenant)[1]), _TENANT_PREFIX))
            except FileExistsError:
                index = socket.if_nametoindex(name)  # an earlier launcher's
            self.bridges[tenant.number] = index
        return self.bridges[tenant.number]

    def _free_name(self):
        taken = {name for _, name in socket.if_nameindex()}
        while f"pod{self.next_link}" in taken:
            self.next_link += 1
        self.next_link += 1
        return f"pod{self.next_link - 1}"

    def _take_address(self, tenant):
        subnet = _subnet(tenant)
        taken = self.taken.setdefault(tenant.number, set())
        usable = subnet.num_addresses - 3  # not the network's, the bridge's, the broadcast address
        last = self.last.get(tenant.number, 1)
        for step in range(1, usable + 1):
            number = 2 + (last - 1 + step - 1) % usable
            if number not in taken:
                taken.add(number)
                self.last[tenant.number] = number
                return str(subnet[number])
        raise OSError(0, f"all {usable} addresses of the tenant are in use")

    def _free_address(self, tenant, address):
        self.taken[tenant.number].discard(int(ipaddress.ip_address(address)) - int(_subnet(tenant)[0]))


class Addresses:
    """Addresses of services, on the launcher's own loopback, where pods' packets for them end."""

    def __init__(self):
        self.netlink = netlink.Netlink()

    def ensure(self, address):
        try:
            self.netlink.ask(netlink.add_address(1, address, 32))
        except FileExistsError:
            pass  # another port of the same service

    def close(self):
        self.netlink.close()


def _subnet(tenant):
    first = int(PODS[0]) + (tenant.number << (32 - _TENANT_PREFIX))
    return ipaddress.ip_network((first, _TENANT_PREFIX))


def _hardware_address(number):
    """Of a bridge: one that is locally administered, so that it can be no device's of a maker."""
    return b"\x02HR" + struct.pack("!I", number)[1:]


def _pod_hardware_address(address):
    """Follows from the pod's address, so that who has looked it up finds its next holder too."""
    return b"\x02H" + ipaddress.ip_address(address).packed


def _set_parameter(name, value):
    try:
        with open("/proc/sys/net/" + name, "w") as file:
            file.write(value)
    except OSError:
        pass  # a kernel without IPv6
