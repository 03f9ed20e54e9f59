"""The kernel's own doors, through ctypes: what Python's standard library does not offer from 3.9 on.

Every function raises OSError with the name of the call. Numbers stand here only for calls that libc does not wrap
everywhere; those from 424 on are the same on every architecture.
"""

import ctypes
import errno
import os
import platform
import struct

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MNT_DETACH = 2

OPEN_TREE_CLONE = 1
AT_RECURSIVE = 0x8000
AT_EMPTY_PATH = 0x1000
AT_FDCWD = -100
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
MOUNT_ATTR_IDMAP = 0x10_0000

RESOLVE_NO_MAGICLINKS = 2
RESOLVE_NO_SYMLINKS = 4
RESOLVE_BENEATH = 8

FALLOC_FL_KEEP_SIZE = 1

IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800

PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2
LAST_CAPABILITY = 63
ALL_CAPABILITIES = (1 << LAST_CAPABILITY + 1) - 1

MACHINE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}.get(platform.machine(), "")

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(MACHINE)
_PIDFD_SEND_SIGNAL = 424
_OPEN_TREE = 428
_MOVE_MOUNT = 429
_PIDFD_OPEN = 434
_CLOSE_RANGE = 436
_OPENAT2 = 437
_MOUNT_SETATTR = 442

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


class _OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def _bytes(text):
    return os.fsencode(text) if text is not None else None


def _check(result, call, detail=""):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}" + (f" ({detail})" if detail else ""))
    return result


def reserve(descriptor, offset, length):
    """Room on the disk for what will be written there; the file's size stays. Not every file system can."""
    if hasattr(_libc, "fallocate"):
        result = _libc.fallocate(descriptor, FALLOC_FL_KEEP_SIZE, ctypes.c_long(offset), ctypes.c_long(length))
        _check(result, "fallocate", descriptor)


def mount(source, target, filesystem=None, flags=0, options=None):
    result = _libc.mount(_bytes(source), _bytes(target), _bytes(filesystem), ctypes.c_ulong(flags), _bytes(options))
    _check(result, "mount", f"{filesystem or source} on {target}")


def unmount(target):
    _check(_libc.umount2(_bytes(target), MNT_DETACH), "umount2", target)


def unshare(flags):
    _check(_libc.unshare(flags), "unshare", hex(flags))


def setns(descriptor, kinds=0):
    _check(_libc.setns(descriptor, kinds), "setns", hex(kinds))


def pivot_root(new_root, put_old):
    _check(_libc.syscall(_PIVOT_ROOT, _bytes(new_root), _bytes(put_old)), "pivot_root", new_root)


def open_tree(path, recursive=True):
    """A detached copy of the mount at `path`, as a descriptor that another process may attach."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    return _check(_libc.syscall(_OPEN_TREE, AT_FDCWD, _bytes(path), flags), "open_tree", path)


def open_tree_within(directory, path):
    """The same of what lies at the relative `path` in a directory; a link anywhere on the way is an error."""
    how = _OpenHow(os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
    root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        result = _libc.syscall(_OPENAT2, root, _bytes(path), ctypes.byref(how), ctypes.sizeof(how))
        place = _check(result, "openat2", path)
    finally:
        os.close(root)
    try:
        flags = OPEN_TREE_CLONE | os.O_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH
        return _check(_libc.syscall(_OPEN_TREE, place, b"", flags), "open_tree", path)
    finally:
        os.close(place)


def attach_tree(descriptor, target):
    result = _libc.syscall(_MOVE_MOUNT, descriptor, b"", AT_FDCWD, _bytes(target), MOVE_MOUNT_F_EMPTY_PATH)
    _check(result, "move_mount", target)


def restrict_tree(descriptor, attributes, user_namespace=None):
    """Adds mount attributes to a detached tree; with `user_namespace` (a descriptor) it is id-mapped by that namespace."""
    if user_namespace is not None:
        attributes |= MOUNT_ATTR_IDMAP
    request = _MountAttributes(attributes, 0, 0, user_namespace or 0)
    result = _libc.syscall(
        _MOUNT_SETATTR, descriptor, b"", AT_EMPTY_PATH | AT_RECURSIVE, ctypes.byref(request), ctypes.sizeof(request)
    )
    _check(result, "mount_setattr")


def open_pidfd(pid):
    """A descriptor of a process, ready to read when it ends. Python's own function is missing from builds for old libcs."""
    return _check(_libc.syscall(_PIDFD_OPEN, pid, 0), "pidfd_open", str(pid))


def send_signal(pidfd, number):
    """Signals the process; False if it has ended."""
    if _libc.syscall(_PIDFD_SEND_SIGNAL, pidfd, int(number), None, 0) < 0:
        if ctypes.get_errno() == errno.ESRCH:
            return False
        _check(-1, "pidfd_send_signal")
    return True


def prctl(option, *arguments):
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return _check(_libc.prctl(option, *padded), "prctl", str(option))


def close_from(first, last=0xFFFF_FFFF):
    if first <= last:
        _check(_libc.syscall(_CLOSE_RANGE, first, ctypes.c_uint(last), 0), "close_range")


def close_all_but(kept):
    """Closes every descriptor above standard error that is not in `kept`."""
    first = 3
    for descriptor in sorted(set(kept)):
        if descriptor >= first:
            close_from(first, descriptor - 1)
            first = descriptor + 1
    close_from(first)


def watch_removals(directory):
    """A descriptor that is ready to read when something in `directory`, or the directory, is removed."""
    descriptor = _check(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1")
    _check(_libc.inotify_add_watch(descriptor, _bytes(directory), IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF), "inotify_add_watch")
    return descriptor


def name_process(name):
    """What `ps` shows: at most 15 bytes."""
    text = ctypes.create_string_buffer(name.encode())
    prctl(PR_SET_NAME, ctypes.addressof(text))


def set_capabilities(mask):
    """Sets the effective and permitted sets to `mask` and empties the inheritable one."""
    header = struct.pack("II", 0x2008_0522, 0)
    low, high = mask & 0xFFFF_FFFF, mask >> 32
    _check(_libc.capset(header, struct.pack("6I", low, low, 0, high, high, 0)), "capset")


def drop_bounding_capabilities(mask):
    """No program that this process executes gets one of these again."""
    for capability in range(LAST_CAPABILITY + 1):
        if mask >> capability & 1 and _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            return  # past the newest capability that this kernel knows


def set_hostname(name):
    encoded = _bytes(name)
    _check(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), "sethostname")


class Filter:
    """A seccomp program, given as packed `struct sock_filter`s, ready to be installed."""

    class _Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    def __init__(self, code):
        self._code = ctypes.create_string_buffer(code, len(code))
        self._program = Filter._Program(len(code) // 8, ctypes.addressof(self._code))

    def install(self):
        """For this process and all that it starts, for ever."""
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._program))
