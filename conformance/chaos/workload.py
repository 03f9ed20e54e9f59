"""The pipelines that chaos runs, and the client that submits them and judges how their runs ended.

usage: workload.py HOST LEDGER

Obeys lines on standard input, and answers each with lines of JSON, then `done`: `schedule` makes the recurring runs; `submit COUNT`
submits runs and retries earlier ones, with a line for each run that was acknowledged; `judge [losses]` waits until every tick has its
run and every run is over, with a line for each run and each recurring run.

Every step writes a line into LEDGER, a folder shared with the host, when its code begins: who ran twice shows there.
"""

import calendar
import collections
import dataclasses
import json
import logging
import pathlib
import sys
import tempfile
import time
import urllib.request
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
from kfp import Client, compiler, dsl, kubernetes  # noqa: E402

IMAGE = "python:3.11"
PATIENCE_SECONDS = 300
RUN = dsl.PIPELINE_JOB_ID_PLACEHOLDER


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


@dsl.component(base_image=IMAGE)
def keep(file: str, value: int):
    with open(file, "w") as target:
        target.write(str(value))


@dsl.component(base_image=IMAGE)
def add_kept(file: str, value: int) -> int:
    with open(file) as source:
        return int(source.read()) + value


def work_on(ledger, step, value):
    return work(ledger=ledger, run=RUN, step=step, value=value).set_caching_options(False)


@dsl.pipeline(name="chaos")
def chaos(ledger: str):
    goodbye = say_goodbye(ledger=ledger, run=RUN)
    with dsl.ExitHandler(goodbye):
        fail_first(ledger=ledger, run=RUN).set_retry(num_retries=5, backoff_duration="0s").set_caching_options(False)
        first = work_on(ledger, "first", 0)
        with dsl.ParallelFor([1, 2, 3, 4, 5]) as item:
            looped = work_on(ledger, "loop", item).after(first)
        add_up(values=dsl.Collected(looped.output))


@dsl.pipeline(name="mended")
def mended(ledger: str):
    """Fails until the run is retried."""
    first = work_on(ledger, "first", 0)
    failing = fail_first(ledger=ledger, run=RUN).after(first).set_caching_options(False)
    last = work_on(ledger, "last", 1).after(failing)
    add_up(values=[first.output, last.output])


@dsl.pipeline(name="claims")
def claims(ledger: str):
    claim = kubernetes.CreatePVC(pvc_name_suffix="-chaos", access_modes=["ReadWriteOnce"], size="1Mi")
    first = work_on(ledger, "first", 0)
    kept = keep(file="/kept/value", value=first.output).set_caching_options(False)
    added = add_kept(file="/kept/value", value=2).after(kept).set_caching_options(False)
    for task in (kept, added):
        kubernetes.mount_pvc(task, pvc_name=claim.outputs["name"], mount_path="/kept")
    kubernetes.DeletePVC(pvc_name=claim.outputs["name"]).after(added)


@dsl.pipeline(name="tick")
def tick(ledger: str):
    work_on(ledger, "tick", 0)


@dataclasses.dataclass
class Expected:
    """What a run must come to: the task whose output tells it, that output, and how often each step begins."""

    task: str
    output: int
    begun: dict[str, int]


EXPECTED = {
    "chaos": Expected("add-up", 20, {"first-0": 1, "fail-first": 2, **{f"loop-{number}": 1 for number in range(1, 6)}}),
    "mended": Expected("add-up", 3, {"first-0": 1, "fail-first": 2, "last-1": 1}),
    "claims": Expected("add-kept", 3, {"first-0": 1}),
    "tick": Expected("work", 1, {"tick-0": 1}),
}


@dataclasses.dataclass
class Schedule:
    """A recurring run with a tick each `beat` seconds."""

    beat: int
    cron: str | None
    at_once: int
    catches_up: bool
    id: str = ""
    created: int = 0

    def ticks(self, until):
        """Seconds since the epoch, up to and with `until`."""
        first = self.created + self.beat
        return range(first - first % self.beat if self.cron else first, until + 1, self.beat)


SCHEDULES = {
    "one at a time": Schedule(beat=5, cron=None, at_once=1, catches_up=True),
    "by cron": Schedule(beat=6, cron="*/6 * * * * *", at_once=3, catches_up=True),
    "only the latest": Schedule(beat=4, cron=None, at_once=2, catches_up=False),
}


@dataclasses.dataclass
class Retried:
    """What was asked of a run that is to be retried; `asked` counts also what nobody acknowledged, and may have happened."""

    mended: bool = False
    asked: int = 0
    acknowledged: int = 0


OVER = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")


class Workload:
    def __init__(self, host, ledger):
        self.host = host
        self.ledger = ledger
        self.client = Client(host=host)
        self.schedules = {}
        self.retried = {}
        self.claims = f"{host}/kube/api/v1/namespaces/kubeflow/persistentvolumeclaims"

    def schedule(self):
        experiment = self.client.create_experiment("schedules").experiment_id
        with tempfile.NamedTemporaryFile(suffix=".yaml") as package:
            compiler.Compiler().compile(tick, package.name)
            for name, schedule in SCHEDULES.items():
                made = self.client.create_recurring_run(
                    experiment_id=experiment,
                    job_name=name,
                    pipeline_package_path=package.name,
                    params={"ledger": self.ledger},
                    interval_second=None if schedule.cron else schedule.beat,
                    cron_expression=schedule.cron,
                    max_concurrency=schedule.at_once,
                    no_catchup=not schedule.catches_up,
                    enable_caching=False,
                )
                schedule.id = made.recurring_run_id
                schedule.created = int(made.created_at.timestamp())
                self.schedules[name] = schedule

    def submit(self, count):
        for pipeline in [*[chaos] * count, mended, claims]:
            name = f"{pipeline.name}-{time.time_ns()}"
            try:
                run = self.client.create_run_from_pipeline_func(
                    pipeline, arguments={"ledger": self.ledger}, run_name=name, enable_caching=False
                )
            except Exception:
                continue  # nobody acknowledged it; it may run all the same
            say(run=run.run_id, name=name)
            if pipeline is mended:
                self.retried[run.run_id] = Retried()
        for run, retried in self.retried.items():
            if not retried.acknowledged:
                try:
                    self.retry(run, retried)
                except Exception:
                    continue  # tried again next time, if it did not happen

    def retry(self, run, retried):
        """The whole run once it has failed; once it has succeeded, from one of its tasks on."""
        state = ask(f"{self.host}/apis/v2beta1/runs/{run}")["state"]
        if state == "FAILED" and not retried.mended:
            ask(f"{self.host}/apis/v2beta1/runs/{run}:retry", {})
            retried.mended = True
        elif state == "SUCCEEDED":
            retried.asked += 1
            ask(f"{self.host}/apis/headrace.io/v1/namespaces/kubeflow/runs/{run}/retry", {"from": ["root/fail-first"]})
            retried.acknowledged += 1

    def judge(self, may_lose):
        deadline = time.monotonic() + PATIENCE_SECONDS
        now = int(time.time())
        while any(self.missing(schedule, now) for schedule in self.schedules.values()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for schedule in self.schedules.values():
            self.client.disable_recurring_run(schedule.id)
        while any(run["state"] not in OVER or self.is_unmended(run) for run in self.runs()) and time.monotonic() < deadline:
            for run in filter(self.is_unmended, self.runs()):
                ask(f"{self.host}/apis/v2beta1/runs/{run['run_id']}:retry", {})
            time.sleep(0.2)
        begun = collections.defaultdict(list)
        for line in pathlib.Path(self.ledger, "begun").read_text().splitlines():
            run, step, pod = line.split()
            begun[run].append((step, pod))
        for run in self.runs():
            name = run["display_name"]
            problems = list(self.problems_of(run, begun[run["run_id"]], may_lose))
            say(run=run["run_id"], name=name, problems=problems, begun=len(begun[run["run_id"]]))
        for name, schedule in self.schedules.items():
            say(run=schedule.id, name=name, problems=list(self.faults_of(schedule, now)), ticks=len(self.runs_of(schedule)))
        left = [claim["metadata"]["name"] for claim in ask(self.claims)["items"]]
        say(run="", name="claims", problems=[f"left over: {left}"] if left else [])

    def is_unmended(self, run):
        """Failed as it should, and nobody was told that it is retried."""
        return run["state"] == "FAILED" and kind_of(run) == "mended" and not self.retried.get(run["run_id"], Retried()).mended

    def problems_of(self, run, begun, may_lose):
        expected = EXPECTED[kind_of(run)]
        if run["state"] != "SUCCEEDED":
            yield f"state {run['state']}: {run.get('error')}"
        tasks = ask(f"{self.host}/kube/apis/headrace.io/v1alpha1/namespaces/kubeflow/tasks?labelSelector=headrace.io%2Frun={run['run_id']}")["items"]
        outputs = [task["status"]["outputs"]["parameters"].get("Output") for task in tasks if task["spec"]["name"] == expected.task]
        if outputs != [expected.output]:
            yield f"{expected.task} came to {outputs}"
        losses = {attempt["pod"]: attempt for task in tasks for attempt in task["status"]["attempts"] if attempt["state"] == "LOST"}
        if losses and not may_lose:
            yield f"steps were lost: {list(losses.values())}"
        if kind_of(run) == "chaos" and not pathlib.Path(self.ledger, f"goodbye-{run['run_id']}-COMPLETE").exists():
            yield "the exit handler did not run, or with another status"
        repeated = [pod for pod, times in collections.Counter(pod for _, pod in begun).items() if times > 1]
        if repeated:
            yield f"the code of these pods began twice: {repeated}"
        counts = collections.Counter(step for step, pod in begun if pod not in losses)
        retried = self.retried.get(run["run_id"], Retried())
        for step, times in expected.begun.items():
            is_again = kind_of(run) == "mended" and step != "first-0"
            fewest, most = (times + retried.acknowledged, times + retried.asked) if is_again else (times, times)
            # A first try that was lost had left its mark, so that the second one went well.
            if may_lose and step == "fail-first":
                fewest -= 1
            if not fewest <= counts[step] <= most:
                pods = [pod for name, pod in begun if name == step]
                yield f"{step} began {counts[step]} times, not {fewest} to {most}: {pods}"

    def faults_of(self, schedule, until):
        runs = self.runs_of(schedule)
        ticks = [seconds(run["scheduled_at"]) for run in runs]
        doubled = [at for at, times in collections.Counter(ticks).items() if times > 1]
        if doubled:
            yield f"ran twice for {doubled}"
        if missing := self.missing(schedule, until):
            yield f"did not run for {missing}"
        if strange := set(ticks) - set(schedule.ticks(max(ticks, default=0))):
            yield f"ran at times that are none of its own: {sorted(strange)}"
        for run in runs:
            began = run["created_at"][:19]
            others = [other for other in runs if other["created_at"][:19] < began < other.get("finished_at", "never")[:19]]
            if len(others) >= schedule.at_once:
                yield f"{len(others) + 1} runs at once when {run['run_id']} began, and {schedule.at_once} may be"

    def missing(self, schedule, until):
        """Ticks that have no run, and should."""
        ticks = {seconds(run["scheduled_at"]) for run in self.runs_of(schedule)}
        if schedule.catches_up:
            return sorted(set(schedule.ticks(until)) - ticks)
        return [] if ticks and max(ticks) > until - schedule.beat else list(schedule.ticks(until))[-1:]

    def runs_of(self, schedule):
        return [run for run in self.runs() if run.get("recurring_run_id") == schedule.id]

    def runs(self):
        runs, token = [], ""
        while True:
            page = ask(f"{self.host}/apis/v2beta1/runs?page_size=200&page_token={token}")
            runs += page.get("runs", [])
            token = page.get("next_page_token", "")
            if not token:
                return runs


def kind_of(run):
    return "tick" if run.get("recurring_run_id") else run["display_name"].split("-")[0]


def seconds(time_text):
    return calendar.timegm(time.strptime(time_text[:19], "%Y-%m-%dT%H:%M:%S"))


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def say(**words):
    print(json.dumps(words), flush=True)


def main(host, ledger):
    workload = Workload(host, ledger)
    for line in sys.stdin:
        verb, *rest = line.split()
        if verb == "schedule":
            workload.schedule()
        elif verb == "submit":
            workload.submit(int(rest[0]))
        else:
            workload.judge(may_lose=rest == ["losses"])
        print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
