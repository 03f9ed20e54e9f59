"""The pipelines that chaos runs, and the client that submits them and judges how they ended.

usage: workload.py submit HOST LEDGER COUNT   one line for each acknowledged run: id
       workload.py judge HOST LEDGER          runs ids on standard input; waits for their ends; one JSON line for each

Every step writes a line into LEDGER, a folder shared with the host, when its code begins: who ran twice shows there.
"""

import json
import pathlib
import sys
import time
import urllib.request
import warnings

warnings.simplefilter("ignore")
from kfp import Client, dsl  # noqa: E402

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def work(ledger: str, run: str, step: str, value: int) -> int:
    import os
    import socket
    import time

    line = f"{run} {step} {socket.gethostname()}\n".encode()
    file = os.open(os.path.join(ledger, "begun"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, line)
    os.close(file)
    time.sleep(0.05)
    return value + 1


@dsl.component(base_image=IMAGE)
def fail_first(ledger: str, run: str) -> str:
    import os
    import socket

    marker = os.path.join(ledger, f"failed-{run}")
    if not os.path.exists(marker):
        open(marker, "w").close()
        raise RuntimeError("the first try fails")
    return socket.gethostname()


@dsl.component(base_image=IMAGE)
def add_up(values: list) -> int:
    return sum(int(value) for value in values)


@dsl.component(base_image=IMAGE)
def say_goodbye(ledger: str, run: str, status: dsl.PipelineTaskFinalStatus):
    import os

    open(os.path.join(ledger, f"goodbye-{run}-{status.state}"), "w").close()


@dsl.pipeline(name="chaos")
def chaos(ledger: str, run: str) -> int:
    goodbye = say_goodbye(ledger=ledger, run=run)
    with dsl.ExitHandler(goodbye):
        fail_first(ledger=ledger, run=run).set_retry(num_retries=5, backoff_duration="0s").set_caching_options(False)
        first = work(ledger=ledger, run=run, step="first", value=0).set_caching_options(False)
        with dsl.ParallelFor([1, 2, 3, 4, 5]) as item:
            looped = work(ledger=ledger, run=run, step="loop", value=item).set_caching_options(False).after(first)
        total = add_up(values=dsl.Collected(looped.output))
    return total.output


EXPECTED = 20


def submit(host, ledger, count):
    client = Client(host=host)
    for _ in range(count):
        name = f"r{time.time_ns()}"
        run = client.create_run_from_pipeline_func(
            chaos, arguments={"ledger": ledger, "run": name}, run_name=name, enable_caching=False
        )
        print(f"run {run.run_id} {name}", flush=True)


def judge(host, ledger):
    client = Client(host=host)
    begun = [line.split() for line in pathlib.Path(ledger, "begun").read_text().splitlines()]
    for line in sys.stdin:
        run, name = line.split()
        problems = []
        state = client.wait_for_run_completion(run, 300, sleep_duration=0.1).state
        if state != "SUCCEEDED":
            problems.append(f"state {state}")
        with urllib.request.urlopen(f"{host}/apis/v2beta1/runs/{run}/tasks?page_size=200") as answer:
            tasks = json.load(answer)["tasks"]
        outputs = [
            parameter["value"]
            for task in tasks
            if task.get("type") == "ROOT"
            for parameter in task.get("outputs", {}).get("parameters", [])
        ]
        if [int(value) for value in outputs] != [EXPECTED]:
            problems.append(f"outputs {outputs}")
        if not pathlib.Path(ledger, f"goodbye-{name}-COMPLETE").exists():
            problems.append("the exit handler did not run, or with another status")
        pods = [pod for owner, _, pod in begun if owner == name]
        if len(pods) != len(set(pods)):
            problems.append("a pod's code began twice")
        print(json.dumps({"run": run, "problems": problems, "begun": len(pods)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "submit":
        submit(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        judge(sys.argv[2], sys.argv[3])
