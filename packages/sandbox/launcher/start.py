"""From the command line to a launcher that listens."""

import importlib
import json
import os
import resource
import signal
import sys

import wire


def main(arguments):
    settings = json.loads(arguments[0])
    os.umask(0o022)  # cells inherit it, and what they make must be readable for the users of containers
    for directory in (settings["stateDirectory"], settings["runtimeDirectory"]):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        os.chmod(directory, 0o700)
    os.chdir(settings["runtimeDirectory"])
    lock = wire.lock_file("launcher.lock")
    if lock is None:
        _announce({"already": True})
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY:  # which macOS says, and does not take
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        # Where namespaces are not to be had, not even the code that makes them can be loaded.
        loop = importlib.import_module("plain" if settings.get("plain") else "confined").prepare(settings)
    except OSError as error:
        _announce({"error": str(error)})
        return
    _announce({"ready": True})
    loop.run()
    os._exit(0)  # connections end with this process and no earlier: who waits for them finds nothing left of it


def _announce(message):
    """Tells the starter, on standard output, how it went; then lets go of that pipe."""
    sys.stderr.flush()
    os.write(1, json.dumps(message).encode() + b"\n")
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 1)
