"""Runs a pipeline of peers/ticks.py on Headrace with the stock SDK. usage: submit.py HOST chain|fan_out|hand_over SIZE cache|fresh [RUNS]

Prints one JSON line: the run's state, when the call that creates it began, the seconds from there to its end, the milliseconds of CPU
that the whole machine spent meanwhile, and its tasks.
Of several RUNS at once the seconds are from the first call to the last end, the state is SUCCEEDED if all did, and the tasks are
those of the last.
The pipeline is compiled before, and the SDK loaded: neither is Headrace's work.
"""

import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.request
import warnings

warnings.simplefilter("ignore")
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "peers"))
import kfp  # noqa: E402
import ticks  # noqa: E402
from kfp import compiler  # noqa: E402

PAGE = 200


def read(path):
    with urllib.request.urlopen(host + path) as answer:
        return json.load(answer)


def wait(run, seconds):
    """The run's state once it is over. Asks for no more than that, and seldom: each question takes from the steps what it costs, and
    the SDK's own wait asks every five seconds."""
    while True:
        state = read(f"/kube/apis/headrace.io/v1alpha1/namespaces/kubeflow/runs/{run}")["status"]["state"]
        if state in ("SUCCEEDED", "FAILED", "CANCELED"):
            return state
        time.sleep(seconds)


def machine_cpu():
    """Milliseconds since the machine started: kernel workers do part of the job."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) * 1000 // os.sysconf("SC_CLK_TCK")


host, shape, size, cache, count = [*sys.argv[1:], "1"][:5]
with tempfile.TemporaryDirectory() as directory:
    package = str(pathlib.Path(directory) / "pipeline.yaml")
    compiler.Compiler().compile(getattr(ticks, shape)(int(size)), package)
    client = kfp.Client(host=host)
    begin, cpu = time.time(), machine_cpu()
    runs = [
        client.create_run_from_pipeline_package(package, arguments={}, enable_caching=cache == "cache")
        for _ in range(int(count))
    ]
    states = {wait(run.run_id, 0.02 if cache == "cache" else 0.5) for run in runs}
    state = states.pop() if len(states) == 1 else " and ".join(sorted(states))
    seconds, cpu = time.time() - begin, machine_cpu() - cpu
    run = runs[-1]
tasks = read(f"/apis/v2beta1/runs/{run.run_id}/tasks?page_size={PAGE}")
print(json.dumps({"run": run.run_id, "state": state, "begin": begin, "seconds": seconds, "cpu": cpu, "tasks": tasks}))
