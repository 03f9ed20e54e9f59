"""Private roots: the one that a cell's zygote sees, and the one that each step gets from it.

Both are a tmpfs with the host's programs and the environment mounted read-only, so that what a zygote finds when it
imports packages is what its steps will find.
"""

import contextlib
import errno
import os
import shutil
import stat

from syscalls import (
    CLONE_NEWNS,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    attach_tree,
    mount,
    open_tree,
    pivot_root,
    restrict_tree,
    unmount,
    unshare,
)

CODE = "/.headrace"
NEW_ROOT = "/.step"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt")
_EMPTY = ("etc", "dev", "proc", "sys", "run", "tmp", "var", "var/tmp", "var/log", "root", "home", "mnt", "srv", ".old")
_DEVICE_LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
)
_HIDDEN_PROC = ("kcore", "keys", "timer_list", "sched_debug", "latency_stats")
# Of the host's /etc only what programs need to run; nothing of its users, secrets or network.
# Each mount costs every step a little, so what is small is copied.
_ETC_MOUNTS = ("ssl", "pki")
_ETC_COPIES = ("ca-certificates", "alternatives", "ld.so.conf.d", "fonts", "crypto-policies", "java-17-openjdk", "java-21-openjdk")
_ETC_FILES = (
    "ld.so.cache", "ld.so.conf", "mime.types", "services", "protocols", "os-release", "debian_version", "localtime",
    "timezone", "gai.conf", "host.conf", "locale.alias", "bash.bashrc", "profile", "inputrc", "pip.conf", "ca-certificates.conf",
)  # fmt: skip
# Each costs a mount when a directory is opened for one that is not there yet.
_MAXIMUM_ENTRIES = 1000
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUP = "root:x:0:\ntty:x:5:\nusers:x:100:\nuser:x:1000:\nnogroup:x:65534:\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"


class Trees:
    """What a cell shows of the host, opened by the launcher: detached read-only trees by their place in the cell."""

    def __init__(self, code_directory, extra_paths):
        self.opened = []
        self.links = []
        self.shared = []
        try:
            for path in SYSTEM:
                self._add_system(path)
            for path in outermost(extra_paths):
                if not covered(path, self.shared):
                    self._open(path, path)
                    self.shared.append(path)
            self._open(code_directory, CODE)
            for name in DEVICES:
                self._open("/dev/" + name, "/dev/" + name, device=True)
            for name in _ETC_MOUNTS:
                if os.path.isdir("/etc/" + name):
                    self._open("/etc/" + name, "/etc/" + name)
        except OSError:
            self.close()
            raise

    def _add_system(self, path):
        if os.path.islink(path):
            self.links.append((os.readlink(path), path))
        elif os.path.isdir(path):
            self._open(path, path)
            self.shared.append(path)

    def _open(self, source, target, device=False):
        descriptor = open_tree(source)
        self.opened.append((descriptor, target))
        restrict_tree(descriptor, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | (0 if device else MOUNT_ATTR_NODEV))

    def close(self):
        for descriptor, _ in self.opened:
            os.close(descriptor)
        self.opened = []


def outermost(paths):
    """`paths` without those that lie within another one."""
    kept = []
    for path in sorted({os.path.normpath(path) for path in paths}):
        if not covered(path, kept):
            kept.append(path)
    return kept


def covered(path, roots):
    return any(path == root or path.startswith(root + "/") for root in roots)


def build_cell_root(trees, resolver):
    """Run once by a cell's first process, as root of its own namespaces. Afterwards the host's files are out of reach."""
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    root = "/mnt"
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=755")
    _make_directories(root)
    os.mkdir(root + NEW_ROOT)
    for target, link in trees.links:
        os.symlink(target, root + link)
    _build_devices(root)
    _build_etc(root + "/etc", resolver)
    for descriptor, target in trees.opened:
        place = root + target
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.makedirs(place, exist_ok=True)
        else:
            _touch(place)
        attach_tree(descriptor, place)
    for name in ("dev", "etc"):
        if name == "etc":
            mount(root + "/etc", root + "/etc", None, MS_BIND | MS_REC)
        mount("none", f"{root}/{name}", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID)
    mount("tmpfs", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=1777")
    mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _enter(root)


def build_step_root(shared, links):
    """Run by a step before it drops its rights: a root of its own out of the cell's."""
    unshare(CLONE_NEWNS)
    root = NEW_ROOT
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    _make_directories(root)
    for target, link in links:
        os.symlink(target, root + link)
    for path in (*shared, "/etc", "/dev"):
        place = root + path
        if path not in ("/etc", "/dev"):
            os.makedirs(place, exist_ok=True)
        mount(path, place, None, MS_BIND | MS_REC)
    if any(covered(path, ("/root",)) for path in shared):
        os.chmod(root + "/root", 0o711)  # the environment lies within it, and is every user's
    mount("tmpfs", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("devpts", root + "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in _HIDDEN_PROC:
        if os.path.exists("/proc/" + name):
            mount("/dev/null", f"{root}/proc/{name}", None, MS_BIND)
    _enter(root)


def limit_storage(root_bytes, shared_memory_bytes):
    mount("none", "/", None, MS_REMOUNT | MS_NOSUID | MS_NODEV, f"size={root_bytes}")
    mount("none", "/dev/shm", None, MS_REMOUNT | MS_NOSUID | MS_NODEV, f"size={shared_memory_bytes}")


def make_room(target):
    """Makes it possible to mount at a place that is not there yet within what is read-only of the host: only then does it cost.

    The directory that the place has to be made in becomes this container's own, with everything in it that was there.
    """
    if os.path.lexists(target):
        return
    directory = os.path.dirname(target)
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    directory = os.path.realpath(directory)
    if not covered(directory, (*SYSTEM, "/etc")) or not os.statvfs(directory).f_flag & os.ST_RDONLY:
        return
    entries = list(os.scandir(directory))
    if len(entries) > _MAXIMUM_ENTRIES:
        raise OSError(errno.EROFS, f"{directory} is read-only, and too full to be opened for one mount. Choose another path")
    mount("tmpfs", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,mode=755")
    for entry in entries:
        _show_again(entry, "/mnt/" + entry.name)
    mount("/mnt", directory, None, MS_BIND | MS_REC)
    unmount("/mnt")


def _show_again(entry, place):
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), place)
        return
    if entry.is_dir():
        os.mkdir(place)
    else:
        _touch(place)
    mount(entry.path, place, None, MS_BIND | MS_REC)


@contextlib.contextmanager
def kept_in_sight(shared, target):
    """What the interpreter needs stays where it is, also if it lies beneath a place that is about to be mounted over (/tmp)."""
    hidden = [(path, open_tree(path)) for path in shared if path != target and covered(path, (target,))]
    yield
    for path, descriptor in hidden:
        attach_volume(descriptor, path)
        os.close(descriptor)


def attach_volume(descriptor, target):
    """Mounts a volume that the launcher handed in, creating the place for it."""
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _touch(target)
    attach_tree(descriptor, target)


def attach_memory(target, size_bytes):
    os.makedirs(target, exist_ok=True)
    mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size_bytes},mode=1777")


def _make_directories(root):
    for name in _EMPTY:
        os.mkdir(f"{root}/{name}")
    os.chmod(root + "/root", 0o700)
    for name in ("tmp", "var/tmp"):
        os.chmod(f"{root}/{name}", 0o1777)


def _build_devices(root):
    mount("tmpfs", root + "/dev", "tmpfs", MS_NOSUID, "size=64k,mode=755")
    for target, link in _DEVICE_LINKS:
        os.symlink(target, f"{root}/dev/{link}")
    for name in ("shm", "pts", "mqueue"):
        os.mkdir(f"{root}/dev/{name}")
    # A place to mount at: it is read-only by then, and every pod's containers write their last words there.
    _touch(root + "/dev/termination-log")


def _build_etc(directory, resolver):
    for name in _ETC_FILES:
        source = "/etc/" + name
        if os.path.islink(source):
            os.symlink(os.readlink(source), f"{directory}/{name}")
        elif os.path.isfile(source) and os.stat(source).st_mode & stat.S_IROTH:
            shutil.copyfile(source, f"{directory}/{name}")
    for name in _ETC_COPIES:
        _copy_tree("/etc/" + name, f"{directory}/{name}")
    for target, link in (("/run/headrace/hosts", "hosts"), ("/run/headrace/hostname", "hostname"), ("/proc/mounts", "mtab")):
        os.symlink(target, f"{directory}/{link}")
    generated = {"passwd": _PASSWD, "group": _GROUP, "nsswitch.conf": _NSSWITCH, "resolv.conf": resolver, "shells": "/bin/sh\n/bin/bash\n"}
    for name, content in generated.items():
        with open(f"{directory}/{name}", "w") as file:
            file.write(content)


def _copy_tree(source, target):
    """What everybody may read of it."""
    if not os.path.isdir(source) or not os.access(source, os.R_OK | os.X_OK):
        return
    os.mkdir(target)
    for entry in os.scandir(source):
        copy = f"{target}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), copy)
        elif entry.is_dir():
            _copy_tree(entry.path, copy)
        elif entry.is_file() and entry.stat().st_mode & stat.S_IROTH:
            shutil.copyfile(entry.path, copy)


def _enter(root):
    pivot_root(root, root + "/.old")
    os.chdir("/")
    unmount("/.old")
    os.rmdir("/.old")


def _touch(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
