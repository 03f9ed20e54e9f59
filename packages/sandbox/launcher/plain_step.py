"""A step without a sandbox: KFP's executor, with the paths that it is given led to where the files really lie.

In a sandbox a step's folders are mounted where KFP expects them (/minio/…, /tmp/kfp/outputs). Here nothing can be mounted, so
the names of its outputs are changed before it begins, and those of its artifacts when it asks for them.
"""

import json
import os
import select
import signal
import sys

import executor


def main(request_file, lifeline):
    """Never returns. This process only watches over the step, which is its child, and ends as that does."""
    request = json.loads(os.pread(request_file, os.fstat(request_file).st_size, 0))
    os.close(request_file)
    bell, ring = os.pipe()
    os.set_blocking(ring, False)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)  # it is the step's to heed: the whole group gets it
    signal.signal(signal.SIGINT, lambda *_: None)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor in (bell, ring, lifeline):
            os.close(descriptor)
        _run(request)
    while True:
        ready, _, _ = select.select([bell, lifeline], [], [])
        if lifeline in ready:
            os.killpg(0, signal.SIGKILL)  # the launcher is gone, and nobody would ever hear how this ends
        os.read(bell, 4096)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            _end_as(os.waitstatus_to_exitcode(status))


def _end_as(status):
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -status)
    os._exit(status if status >= 0 else 128 - status)


def _run(request):
    _forget_own_names()
    places = [(mount["target"], mount["source"]) for mount in request["mounts"] if mount["kind"] == "bind"]
    places.sort(key=lambda place: -len(place[0]))
    scratch = dict(places).get("/tmp")
    if scratch is not None:
        os.environ["TMPDIR"] = scratch
    if os.path.isdir(request["workingDirectory"]):
        os.chdir(request["workingDirectory"])
    executor.preload()
    _lead_artifacts(places)
    warm = request["warm"]
    executor.run({"source": warm["source"], "arguments": _lead_outputs(warm["arguments"], places), "threads": 0})


def _forget_own_names():
    """A step must not find our modules: its own may have the same names."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != here]
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(here + "/"):
            del sys.modules[name]


def _led(path, places):
    for target, source in places:
        if path == target or path.startswith(target + "/"):
            return source + path[len(target) :]
    return path


def _lead_outputs(arguments, places):
    """`--executor_input` with the files of its outputs named by where they lie."""
    at = arguments.index("--executor_input") + 1
    asked = json.loads(arguments[at])
    outputs = asked.get("outputs", {})
    for holder in [*outputs.get("parameters", {}).values(), outputs]:
        if "outputFile" in holder:
            holder["outputFile"] = _led(holder["outputFile"], places)
    return [*arguments[:at], json.dumps(asked), *arguments[at + 1 :]]


def _lead_artifacts(places):
    """An artifact's path follows from its URI, by a method of KFP's that is asked each time."""
    from kfp.dsl.types import artifact_types

    path_of = artifact_types.Artifact._get_path
    uri_of = artifact_types.convert_local_path_to_remote_path

    def led_path(self):
        path = path_of(self)
        return None if path is None else _led(path, places)

    artifact_types.Artifact._get_path = led_path
    back = [(source, target) for target, source in places]
    artifact_types.convert_local_path_to_remote_path = lambda path: uri_of(_led(path, back))
