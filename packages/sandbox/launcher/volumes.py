"""Directories of the host for containers, as detached mounts that the container's first process attaches."""

import collections
import errno
import os
import socket

from syscalls import CLONE_NEWUSER, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, open_tree, open_tree_within, restrict_tree, unshare

_REMEMBERED_MAPS = 256


class VolumeError(Exception):
    """A volume cannot be handed in; the message is for the user."""


class Volumes:
    """`privileged`: files on disk that belong to Headrace's user appear as the container's user and the other way round."""

    def __init__(self, privileged):
        self.privileged = privileged
        self.maps = collections.OrderedDict()

    def open(self, mount, tenant, uid, gid):
        """A descriptor of the mount's tree. Raises VolumeError."""
        attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (MOUNT_ATTR_RDONLY if mount["readOnly"] else 0)
        try:
            descriptor = _open(mount)
        except OSError as error:
            raise VolumeError(f"Cannot mount {mount['source']}: {os.strerror(error.errno)}") from error
        try:
            if self.privileged:
                self._restrict_mapped(descriptor, attributes, mount, self._map(tenant, uid, gid))
            else:
                restrict_tree(descriptor, attributes)
        except OSError as error:
            os.close(descriptor)
            raise VolumeError(f"Cannot mount {mount['source']}: {os.strerror(error.errno)}") from error
        except VolumeError:
            os.close(descriptor)
            raise
        return descriptor

    def _restrict_mapped(self, descriptor, attributes, mount, user_namespace):
        try:
            restrict_tree(descriptor, attributes, user_namespace)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            if not mount["readOnly"]:
                raise VolumeError(
                    f"Cannot mount {mount['source']} writable: its file system has no id-mapped mounts. Keep Headrace's data on "
                    "ext4, xfs, btrfs or (from Linux 6.3) tmpfs, or run Headrace as an ordinary user"
                ) from error
            restrict_tree(descriptor, attributes)

    def _map(self, tenant, uid, gid):
        key = (tenant.number, uid, gid)
        if key not in self.maps:
            if len(self.maps) >= _REMEMBERED_MAPS:
                os.close(self.maps.popitem(last=False)[1])
            self.maps[key] = _user_namespace(tenant.first_user + uid, tenant.first_user + gid)
        self.maps.move_to_end(key)
        return self.maps[key]


def _open(mount):
    """What containers write to may change under us, links included: there the way is walked without following any."""
    directory = mount.get("within")
    if directory is None:
        return open_tree(mount["source"])
    return open_tree_within(directory, mount["source"][len(directory) + 1 :])


def _user_namespace(user, group):
    """A user namespace that says: what belongs to root on disk is `user`'s and `group`'s."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            unshare(CLONE_NEWUSER)
            theirs.sendall(b"1")
            theirs.recv(1)
        finally:
            os._exit(0)
    try:
        theirs.close()
        ours.recv(1)
        for name, identity in (("uid_map", user), ("gid_map", group)):
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write(f"0 {identity} 1")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        ours.close()
        os.waitpid(pid, 0)
