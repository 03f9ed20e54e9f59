"""The warm entry: what `python3 -m kfp.dsl.executor_main` does, in an interpreter that has its modules already.

KFP's own module runs unchanged, as `__main__`; this file only restores what a fresh interpreter would have found.
"""

import atexit
import io
import logging
import os
import random
import shutil
import sys
import tempfile
import threading

import threads

_MAIN = "kfp.dsl.executor_main"
_PRELOAD = ("argparse", "logging", "runpy", "kfp.dsl", "kfp.dsl.executor", "kfp.dsl.kfp_config", "kfp.dsl.utils")
_REHEARSAL = """import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *

def rehearse(x: int) -> int:
    return x + 1
"""
_REHEARSAL_INPUT = (
    '{"inputs":{"parameterValues":{"x":1}},"outputs":{"parameters":{"Output":{"outputFile":"/tmp/.rehearsal/output"}},'
    '"outputFile":"/tmp/.rehearsal/executor.json"}}'
)


_thread_setters = []


def note_libraries():
    """Called once all packages are imported."""
    _thread_setters[:] = threads.find_setters()


def preload():
    os.environ["_KFP_RUNTIME"] = "true"
    for name in _PRELOAD:
        __import__(name)


def rehearse():
    """Runs one step of nothing, so that every page and cache it touches is warm, and leaves no trace of it."""
    main = sys.modules["__main__"].__dict__
    before = (dict(main), sys.argv[:], sys.path[:], set(sys.modules), logging.root.level, os.getcwd(), set(os.listdir("/tmp")))
    silence = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
    outputs = [os.dup(1), os.dup(2)]
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        _run({"source": _REHEARSAL, "arguments": ["--executor_input", _REHEARSAL_INPUT, "--function_to_execute", "rehearse"]})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, saved in enumerate(outputs, 1):
            os.dup2(saved, number)
            os.close(saved)
        os.close(silence)
        globals_before, sys.argv[:], sys.path[:], modules, level, directory, files = before
        main.clear()
        main.update(globals_before)
        for name in set(sys.modules) - modules:
            if name.startswith("ephemeral_component"):
                del sys.modules[name]
        for handler in logging.root.handlers[:]:
            logging.root.removeHandler(handler)
        logging.root.setLevel(level)
        sys.path_importer_cache.clear()
        os.chdir(directory)
        for name in set(os.listdir("/tmp")) - files:
            shutil.rmtree("/tmp/" + name, ignore_errors=True)


def run(request):
    """Never returns; the process ends with the status that the program would have had."""
    _refresh_randomness()
    for set_threads in _thread_setters:
        set_threads(request["threads"])
    if os.environ.get("PYTHONUNBUFFERED"):
        _unbuffer_output()
    os._exit(_finish(_run(request)))


class _LeaveSourceUncached:
    """Nobody imports a step's source a second time, so no bytecode is written beside it. With the first import of anything
    else all is as it was."""

    def __init__(self):
        self.before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        sys.meta_path.insert(0, self)

    def find_spec(self, name, *_):
        if name != _MAIN:
            self.end()

    def end(self):
        if self in sys.meta_path:
            # Another list, since somebody may be going through this one, and would miss who comes after us.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
            sys.dont_write_bytecode = self.before


def _run(request):
    directory = tempfile.mkdtemp(prefix="tmp.")
    module = directory + "/ephemeral_component.py"
    with open(module, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(request["source"])
    os.environ["_KFP_RUNTIME"] = "true"
    os.environ["PWD"] = os.getcwd()  # as the shell of a step's command would have it
    sys.argv[:] = ["-m", "--component_module_path", module, *request["arguments"]]
    sys.path[0] = os.getcwd()
    import runpy

    uncached = _LeaveSourceUncached()
    try:
        runpy._run_module_as_main(_MAIN)
    except SystemExit as ending:
        return _exit_status(ending)
    except BaseException:
        kind, value, trace = sys.exc_info()
        beneath = trace.tb_next
        sys.excepthook(kind, value.with_traceback(beneath), beneath)
        return 1
    finally:
        uncached.end()
    return 0


def _exit_status(ending):
    if ending.code is None:
        return 0
    if isinstance(ending.code, int):
        return ending.code & 0xFF
    print(ending.code, file=sys.stderr)
    return 1


def _finish(status):
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = status or 120
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        status = status or 120
    return status


def _refresh_randomness():
    """Generators that were seeded before the fork would give every step the same numbers."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _unbuffer_output():
    for name, number in (("stdout", 1), ("stderr", 2)):
        old = getattr(sys, name)
        raw = io.FileIO(number, "w", closefd=False)
        stream = io.TextIOWrapper(raw, encoding=old.encoding, errors=old.errors, newline="\n", write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
