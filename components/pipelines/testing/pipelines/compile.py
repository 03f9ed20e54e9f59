"""Compiles every pipeline of a module: compile.py MODULE.py DIRECTORY."""

import importlib.util
import pathlib
import sys

from kfp import compiler
from kfp.dsl import graph_component

source, target = sys.argv[1], pathlib.Path(sys.argv[2])
spec = importlib.util.spec_from_file_location("pipelines", source)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

for name, value in list(vars(module).items()):
    if isinstance(value, graph_component.GraphComponent):
        compiler.Compiler().compile(value, str(target / f"{name}.yaml"))
        print("compiled", name)
