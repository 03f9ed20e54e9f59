"""Compiles the pipeline of a Python file to IR (YAML) on standard output, with the stock SDK of this interpreter.

usage: compile_pipeline.py FILE [FUNCTION]

Exit status 3: the file has no pipeline, or several and no FUNCTION; the message on standard error says which.
"""

import importlib.util
import os
import sys
import tempfile
import warnings


def refuse(what):
    print(f"It has {what}", file=sys.stderr)
    sys.exit(3)


def find_pipeline(module, wanted):
    """The one pipeline that the module defines: imported ones do not count unless asked for by name."""
    from kfp.dsl.graph_component import GraphComponent

    found = {name: value for name, value in vars(module).items() if isinstance(value, GraphComponent)}
    if wanted:
        if wanted not in found:
            refuse(f"no pipeline {wanted!r}; what it has: {', '.join(sorted(found)) or 'none'}")
        return found[wanted]
    own = {name: value for name, value in found.items() if value.pipeline_func.__module__ == module.__name__}
    if not own:
        imported = f"; name one that it imports with --pipeline: {', '.join(sorted(found))}" if found else ""
        refuse(f"no pipeline: decorate a function with @dsl.pipeline{imported}")
    if len(own) > 1:
        refuse(f"{len(own)} pipelines; name one with --pipeline: {', '.join(sorted(own))}")
    return next(iter(own.values()))


def main(path, wanted=None):
    warnings.filterwarnings("ignore", category=FutureWarning)
    from kfp import compiler

    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("headrace_pipeline_file", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with tempfile.TemporaryDirectory() as directory:
        package = os.path.join(directory, "pipeline.yaml")
        compiler.Compiler().compile(find_pipeline(module, wanted), package)
        with open(package, encoding="utf-8") as file:
            sys.stdout.write(file.read())


if __name__ == "__main__":
    main(*sys.argv[1:3])
