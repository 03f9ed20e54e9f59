"""The pipeline that chaos runs, and the client that submits it and judges how its runs ended.

usage: workload.py HOST LEDGER

Obeys lines on standard input: `submit COUNT` answers with one JSON line for each run that was acknowledged, then `done`;
`judge [losses]` waits for the end of all runs and answers with one JSON line for each, then `done`.

Every step writes a line into LEDGER, a folder shared with the host, when its code begins: who ran twice shows there.
"""

import collections
import json
import pathlib
import sys
import time
import urllib.request
import warnings

warnings.simplefilter("ignore")
from kfp import Client, dsl  # noqa: E402

IMAGE = "python:3.11"
PATIENCE_SECONDS = 300


@dsl.component(base_image=IMAGE)
def work(ledger: str, run: str, step: str, value: int) -> int:
    import os
    import socket
    import time

    line = f"{run} {step}-{value} {socket.gethostname()}\n".encode()
    file = os.open(os.path.join(ledger, "begun"), os.O_WRONLY | os.O_APPEND)
    os.write(file, line)
    os.close(file)
    time.sleep(0.05)
    return value + 1


@dsl.component(base_image=IMAGE)
def fail_first(ledger: str, run: str) -> str:
    import os
    import socket

    file = os.open(os.path.join(ledger, "begun"), os.O_WRONLY | os.O_APPEND)
    os.write(file, f"{run} fail-first {socket.gethostname()}\n".encode())
    os.close(file)
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
def chaos(ledger: str, run: str):
    goodbye = say_goodbye(ledger=ledger, run=run)
    with dsl.ExitHandler(goodbye):
        fail_first(ledger=ledger, run=run).set_retry(num_retries=5, backoff_duration="0s").set_caching_options(False)
        first = work(ledger=ledger, run=run, step="first", value=0).set_caching_options(False)
        with dsl.ParallelFor([1, 2, 3, 4, 5]) as item:
            looped = work(ledger=ledger, run=run, step="loop", value=item).set_caching_options(False).after(first)
        add_up(values=dsl.Collected(looped.output))


TOTAL = 20
OVER = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
BEGUN = {"first-0": 1, "fail-first": 2, **{f"loop-{number}": 1 for number in range(1, 6)}}


def submit(client, ledger, count):
    for _ in range(count):
        name = f"r{time.time_ns()}"
        arguments = {"ledger": ledger, "run": name}
        try:
            run = client.create_run_from_pipeline_func(chaos, arguments=arguments, run_name=name, enable_caching=False)
        except Exception:
            continue  # nobody acknowledged it; it may run all the same
        say(json.dumps({"run": run.run_id, "name": name}))


def judge(host, ledger, may_lose):
    deadline = time.monotonic() + PATIENCE_SECONDS
    begun = collections.defaultdict(list)
    runs = all_runs(host)
    while any(run.get("state") not in OVER for run in runs) and time.monotonic() < deadline:
        time.sleep(0.2)
        runs = all_runs(host)
    for line in pathlib.Path(ledger, "begun").read_text().splitlines():
        name, step, pod = line.split()
        begun[name].append((step, pod))
    for run in runs:
        problems = list(problems_of(host, ledger, run, begun[run["display_name"]], may_lose))
        say(json.dumps({"run": run["run_id"], "problems": problems, "begun": len(begun[run["display_name"]])}))


def problems_of(host, ledger, run, begun, may_lose):
    if run.get("state") != "SUCCEEDED":
        yield f"state {run.get('state')}: {run.get('error')}"
    tasks = ask(f"{host}/kube/apis/headrace.io/v1alpha1/namespaces/kubeflow/tasks?labelSelector=headrace.io%2Frun={run['run_id']}")["items"]
    totals = [task["status"]["outputs"]["parameters"].get("Output") for task in tasks if task["spec"]["name"] == "add-up"]
    if totals != [TOTAL]:
        yield f"the total is {totals}"
    losses = {attempt["pod"]: attempt for task in tasks for attempt in task["status"]["attempts"] if attempt["state"] == "LOST"}
    if losses and not may_lose:
        yield f"steps were lost: {list(losses.values())}"
    if not pathlib.Path(ledger, f"goodbye-{run['display_name']}-COMPLETE").exists():
        yield "the exit handler did not run, or with another status"
    repeated = [pod for pod, times in collections.Counter(pod for _, pod in begun).items() if times > 1]
    if repeated:
        yield f"the code of these pods began twice: {repeated}"
    counts = collections.Counter(step for step, pod in begun if pod not in losses)
    for step, times in BEGUN.items():
        # A first try that was lost had left its mark, so that the second one went well.
        if counts[step] != times and not (may_lose and step == "fail-first" and counts[step] == 1):
            yield f"{step} began {counts[step]} times, not {times}: {[pod for name, pod in begun if name == step]}"


def all_runs(host):
    runs, token = [], ""
    while True:
        page = ask(f"{host}/apis/v2beta1/runs?page_size=200&page_token={token}")
        runs += page.get("runs", [])
        token = page.get("next_page_token", "")
        if not token:
            return runs


def ask(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def say(line):
    print(line, flush=True)


def main(host, ledger):
    client = None
    for line in sys.stdin:
        verb, *rest = line.split()
        if verb == "submit":
            client = client or Client(host=host)
            submit(client, ledger, int(rest[0]))
        else:
            judge(host, ledger, may_lose=rest == ["losses"])
        say("done")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
