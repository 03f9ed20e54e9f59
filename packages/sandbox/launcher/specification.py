"""What Headrace asks for, checked before anything is done about it."""

import ipaddress
import re

import network

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,299}\Z")
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?\Z")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_MAXIMUM_MOUNTS = 100
_MAXIMUM_BYTES = 1 << 50
# A warm interpreter has read these already, or would have read them before its first line.
_READ_AT_START = re.compile(r"(PYTHON|LD_|MALLOC_|GLIBC_|OMP_|OPENBLAS_|MKL_|LC_|LANG\Z)")
_HARMLESS = {"PYTHONUNBUFFERED", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"}
_UTF8 = {"C.UTF-8", "C.utf8", "POSIX", "C", ""}


class Invalid(Exception):
    """Names the field and what it must be."""


def check_cell(value):
    _object(value, "cell")
    _text(value.get("tenant"), "cell.tenant", 500)
    for index, domain in enumerate(_list(value.get("search", []), "cell.search", 6)):
        if not isinstance(domain, str) or not _DOMAIN.match(domain):
            raise Invalid(f"cell.search[{index}] must be a DNS name")
    environment = value.get("environment")
    if environment is not None:
        _object(environment, "cell.environment")
        _text(environment.get("digest"), "cell.environment.digest", 200)
        _path(environment.get("path"), "cell.environment.path")
        _path(environment.get("python"), "cell.environment.python")
        _list(environment.get("preload"), "cell.environment.preload", 100, _text)
        _list(environment.get("trees"), "cell.environment.trees", 50, _path)
    return value


def check_container(value):
    _object(value, "container")
    for field in ("id", "group"):
        if not isinstance(value.get(field), str) or not _IDENTIFIER.match(value[field]):
            raise Invalid(f"{field} must be 1 to 300 characters of letters, digits and ._/:@-")
    check_cell(value.get("cell"))
    if not isinstance(value.get("hostname"), str) or not _HOSTNAME.match(value["hostname"]):
        raise Invalid("hostname must be a DNS name of at most 63 characters")
    for field in ("uid", "gid"):
        _number(value.get(field), field, 65535)
    command = _list(value.get("command"), "command", 100_000, _text)
    if not command and not value.get("warm"):
        raise Invalid("command must name a program")
    _check_environment(value.get("environment"))
    _path(value.get("workingDirectory"), "workingDirectory")
    warm = value.get("warm")
    if warm is not None:
        _object(warm, "warm")
        if warm.get("entry") != "kfp-executor":
            raise Invalid("warm.entry must be kfp-executor")
        _text(warm.get("source"), "warm.source")
        _list(warm.get("arguments"), "warm.arguments", 1000, _text)
    for index, mount in enumerate(_list(value.get("mounts"), "mounts", _MAXIMUM_MOUNTS)):
        _check_mount(mount, f"mounts[{index}]")
    _check_limits(value.get("limits"))
    log = _object(value.get("log"), "log")
    _path(log.get("path"), "log.path")
    _number(log.get("maxBytes"), "log.maxBytes", _MAXIMUM_BYTES, 1024)
    _number(log.get("maxFiles"), "log.maxFiles", 100, 1)
    for index, host in enumerate(_list(value.get("hosts", []), "hosts", 10_000)):
        _object(host, f"hosts[{index}]")
        _text(host.get("address"), f"hosts[{index}].address", 64)
        _list(host.get("names"), f"hosts[{index}].names", 100, _text)
    return value


def check_exec(value):
    command = _list(value.get("command"), "command", 10_000, _text)
    if not command:
        raise Invalid("command must name a program")
    if not isinstance(value.get("tty"), bool):
        raise Invalid("tty must be true or false")
    return {
        "command": command,
        "tty": value["tty"],
        "environment": _check_environment(value.get("environment", {})),
        "workingDirectory": _path(value.get("workingDirectory", "/"), "workingDirectory"),
    }


def check_services(value):
    for index, service in enumerate(_list(value, "services", 10_000)):
        field = f"services[{index}]"
        _object(service, field)
        address = _text(service.get("address"), field + ".address", 15)
        try:
            known = ipaddress.ip_address(address) in network.SERVICES
        except ValueError:
            known = False
        if not known or address == network.RESOLVER:
            raise Invalid(f"{field}.address must be one of {network.SERVICES} but not {network.RESOLVER}")
        _number(service.get("port"), field + ".port", 65535, 1)
        _text(service.get("target"), field + ".target", 200)
        if not isinstance(service.get("introduces"), bool):
            raise Invalid(f"{field}.introduces must be true or false")
        _list(service.get("names"), field + ".names", 20, _text)
    return value


def warm_obstacle(container):
    """Why a warm interpreter would not behave as a fresh one for this environment; None if it would."""
    for name, content in container["environment"].items():
        if name in _HARMLESS or not _READ_AT_START.match(name):
            continue
        if name in ("LANG", "LC_ALL", "LC_CTYPE") and content in _UTF8:
            continue
        return f"the variable {name} is read when an interpreter starts"
    return None


def hosts_file(container, address):
    """/etc/hosts as kubelet writes it."""
    lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", f"{address or '127.0.0.1'}\t{container['hostname']}"]
    lines += [host["address"] + "\t" + "\t".join(host["names"]) for host in container.get("hosts", [])]
    return "\n".join(lines) + "\n"


def _check_environment(value):
    for name, content in _object(value, "environment").items():
        if not name or "=" in name or "\0" in name or not isinstance(content, str) or "\0" in content:
            raise Invalid(f"environment.{name} must be text without NUL, under a name without '='")
    return value


def _check_mount(mount, field):
    _object(mount, field)
    target = _path(mount.get("target"), field + ".target")
    if target == "/" or any(target == own or target.startswith(own + "/") for own in ("/proc", "/sys", "/.headrace", "/run/headrace")):
        raise Invalid(f"{field}.target must not be {target}")
    if mount.get("kind") == "bind":
        source = _path(mount.get("source"), field + ".source")
        if mount.get("within") is not None and not source.startswith(_path(mount["within"], field + ".within") + "/"):
            raise Invalid(f"{field}.source must lie in {mount['within']}")
        if not isinstance(mount.get("readOnly"), bool):
            raise Invalid(f"{field}.readOnly must be true or false")
    elif mount.get("kind") == "tmpfs":
        _number(mount.get("sizeBytes"), field + ".sizeBytes", _MAXIMUM_BYTES, 4096)
    else:
        raise Invalid(f"{field}.kind must be bind or tmpfs")


def _check_limits(limits):
    _object(limits, "limits")
    for field, lowest in (("processes", 1), ("sharedMemoryBytes", 4096), ("ephemeralBytes", 4096)):
        _number(limits.get(field), "limits." + field, _MAXIMUM_BYTES, lowest)
    for field, lowest in (("memoryBytes", 4096), ("cpuMillis", 1), ("cpuRequestMillis", 0)):
        if limits.get(field) is not None:
            _number(limits[field], "limits." + field, _MAXIMUM_BYTES, lowest)


def _object(value, field):
    if not isinstance(value, dict):
        raise Invalid(f"{field} must be an object")
    return value


def _text(value, field, longest=None):
    if not isinstance(value, str) or "\0" in value or (longest is not None and not 0 < len(value) <= longest):
        raise Invalid(f"{field} must be text without NUL" + (f" of at most {longest} characters" if longest else ""))
    return value


def _path(value, field):
    _text(value, field, 4095)
    if not value.startswith("/") or ".." in value.split("/"):
        raise Invalid(f"{field} must be an absolute path without '..'")
    return value


def _list(value, field, longest, check=None):
    if not isinstance(value, list) or len(value) > longest:
        raise Invalid(f"{field} must be a list of at most {longest} entries")
    if check is not None:
        for index, entry in enumerate(value):
            check(entry, f"{field}[{index}]")
    return value


def _number(value, field, highest, lowest=0):
    if type(value) is not int or not lowest <= value <= highest:
        raise Invalid(f"{field} must be a whole number from {lowest} to {highest}")
    return value
