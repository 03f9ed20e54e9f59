"""Runs upstream's golden pipelines against a Headrace with the stock SDK of this interpreter.

usage: run_goldens.py HOST DIRECTORY   (goldens as JSON on standard input; one JSON line for each on standard output)

Each golden is compiled again from its Python source with the installed SDK; where upstream keeps no source beside it, the golden
itself is taken with its pin of kfp set to the installed version.
"""

import importlib.util
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import traceback
import warnings

import kfp
import yaml
from kfp import compiler
from kfp.dsl.base_component import BaseComponent


def golden_documents(path):
    text = path.read_text()
    return re.sub(r"kfp==\d+\.\d+\.\d+", f"kfp=={kfp.__version__}", text)


def pipeline_name(text):
    for document in yaml.safe_load_all(text):
        if document and "pipelineInfo" in document:
            return document["pipelineInfo"]["name"]
    raise ValueError("the golden has no pipelineInfo")


def recompile(directory, golden, name):
    """The component of that name in the source beside the golden, compiled anew; None if no source of it can be imported."""
    stem = golden.stem.removesuffix("_compiled").removesuffix("_GH-12033").replace("-", "_")
    for source in (golden.with_name(f"{stem}.py"), golden.with_name(f"{stem}_pipeline.py")):
        if not source.exists():
            continue
        sys.path[:0] = [str(source.parent), str(directory)]
        before = set(sys.modules)
        try:
            spec = importlib.util.spec_from_file_location(f"golden_{stem}", source)
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            for component in vars(module).values():
                if isinstance(component, BaseComponent) and component.pipeline_spec.pipeline_info.name == name:
                    with tempfile.TemporaryDirectory() as scratch:
                        package = os.path.join(scratch, "pipeline.yaml")
                        compiler.Compiler().compile(component, package)
                        return pathlib.Path(package).read_text()
        except ImportError:
            continue  # it needs upstream's own tree
        finally:
            del sys.path[:2]
            for name_ in set(sys.modules) - before:
                if getattr(sys.modules[name_], "__file__", None) and str(directory) in sys.modules[name_].__file__:
                    del sys.modules[name_]
    return None


def required_parameters(text):
    values = {
        "STRING": lambda: f"text-{random.randint(0, 999)}",
        "NUMBER_INTEGER": lambda: random.randint(1, 9),
        "NUMBER_DOUBLE": lambda: random.random(),
        "BOOLEAN": lambda: True,
        "LIST": lambda: ["a", "b"],
        "STRUCT": lambda: {"a": 1, "b": 2},
    }
    for document in yaml.safe_load_all(text):
        if document and "root" in document:
            inputs = document["root"].get("inputDefinitions", {}).get("parameters", {})
            return {
                name: values[kind["parameterType"]]()
                for name, kind in inputs.items()
                if "defaultValue" not in kind and not kind.get("isOptional")
            }
    return {}


def submit(client, directory, golden):
    path = directory / f"{golden['name']}.yaml"
    if not path.exists():
        path = directory / f"{golden['name']}_compiled.yaml"
    text = golden_documents(path)
    compiled = recompile(directory, path, pipeline_name(text))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as package:
        package.write(compiled or text)
        package.flush()
        parameters = {**required_parameters(compiled or text), **golden.get("parameters", {})}
        run = client.create_run_from_pipeline_package(
            package.name, arguments=parameters, run_name=golden["name"], enable_caching=golden.get("cache")
        )
    return run.run_id, "recompiled" if compiled else "as upstream compiled it"


def main(host, directory):
    warnings.simplefilter("ignore")
    directory = pathlib.Path(directory) / "test_data" / "sdk_compiled_pipelines" / "valid"
    goldens = json.load(sys.stdin)
    client = kfp.Client(host=host)
    runs = []
    for golden in goldens:
        try:
            run, how = submit(client, directory, golden)
            runs.append((golden, run, how))
        except Exception:  # one golden that cannot be submitted must not hide the others
            line = {"name": golden["name"], "state": "NOT SUBMITTED", "error": traceback.format_exc().strip()[-2000:]}
            print(json.dumps(line), flush=True)
    for golden, run, how in runs:
        try:
            result = client.wait_for_run_completion(run, golden.get("patienceSeconds", 150), sleep_duration=0.1)
            error = result.error.message if result.error else None
            line = {"name": golden["name"], "state": result.state, "error": error, "how": how, "run": run}
        except Exception as problem:
            line = {"name": golden["name"], "state": "NOT FINISHED", "error": str(problem)[-2000:], "how": how, "run": run}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
