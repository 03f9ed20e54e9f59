"""Runs pipelines that use what the engine can do, with the stock SDK of this interpreter.

usage: kfp_features.py HOST FOLDER   (FOLDER is a directory of the host that steps see at the same path)

Says one JSON line for each run that ended: its name, id, state and error. Steps assert what they are given.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from typing import Dict, List, NamedTuple, Optional

import kfp
from kfp import compiler, dsl
from kfp.dsl import (
    HTML,
    Artifact,
    ClassificationMetrics,
    Collected,
    Dataset,
    Input,
    Markdown,
    Metrics,
    Model,
    Output,
    OutputPath,
    PipelineTaskFinalStatus,
)

logging.getLogger("urllib3").setLevel(logging.ERROR)  # it would warn of each request beyond ten at once
host, folder = sys.argv[1:3]
client = kfp.Client(host=host)
component = dsl.component(base_image="python:%d.%d" % sys.version_info[:2])


def say(name, **words):
    # In one piece and on a line of its own, whatever the SDK prints meanwhile from other threads.
    os.write(1, f"\n{json.dumps({'name': name, **words})}\n".encode())


def start(pipeline, arguments=None, caching=False):
    run = client.create_run_from_pipeline_func(pipeline, arguments=arguments or {}, enable_caching=caching)
    return run.run_id


def wait(run):
    ended = client.wait_for_run_completion(run, 600, sleep_duration=0.05)
    return {"run": run, "state": ended.state, "error": ended.error.message if ended.error else None}


# --- steps -----------------------------------------------------------------------------------------------------------


@component
def double(value: int) -> int:
    return 2 * value


@component
def count_to(count: int) -> List[int]:
    return list(range(count))


@component
def add_up(values: List[int]) -> int:
    return sum(values)


@component
def flatten(values: List[List[int]]) -> List[int]:
    return [value for row in values for value in row]


@component
def times(left: int, right: int) -> int:
    return left * right


@component
def say_text(text: str) -> str:
    return text


@component
def join_texts(left: str, right: str) -> str:
    return f"{left} {right}"


@component
def fail(message: str):
    print("about to fail")
    raise ValueError(message)


# --- loops -----------------------------------------------------------------------------------------------------------


@dsl.pipeline(name="static-loop")
def static_loop() -> int:
    with dsl.ParallelFor([1, 2, 3], parallelism=2) as item:
        doubled = double(value=item)
    return add_up(values=Collected(doubled.output)).output


@dsl.pipeline(name="dynamic-loop")
def dynamic_loop(count: int = 4) -> int:
    items = count_to(count=count)
    with dsl.ParallelFor(items.output) as item:
        doubled = double(value=item)
    return add_up(values=Collected(doubled.output)).output


@dsl.pipeline(name="nested-loop")
def nested_loop() -> List[int]:
    with dsl.ParallelFor([1, 2]) as left:
        with dsl.ParallelFor([10, 20]) as right:
            product = times(left=left, right=right)
    return flatten(values=Collected(product.output)).output


@dsl.pipeline(name="empty-loop")
def empty_loop() -> int:
    items = count_to(count=0)
    with dsl.ParallelFor(items.output) as item:
        doubled = double(value=item)
    return add_up(values=Collected(doubled.output)).output


@dsl.pipeline(name="loop-of-structs")
def loop_of_structs() -> str:
    with dsl.ParallelFor([{"a": 3, "b": 2}, {"a": 4, "b": 2}]) as item:
        product = times(left=item.a, right=item.b)
    with dsl.If(add_up(values=Collected(product.output)).output == 14):
        said = say_text(text="fourteen")
    with dsl.Else():
        other = say_text(text="something else")
    return dsl.OneOf(said.output, other.output)


@component
def write_number(number: int, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write(str(number))


@component
def add_up_files(data: Input[List[Dataset]], total: Output[Dataset]) -> int:
    found = sum(int(open(each.path).read()) for each in data)
    with open(total.path, "w") as file:
        file.write(str(found))
    return found


@dsl.pipeline(name="wide-loop")
def wide_loop() -> int:
    with dsl.ParallelFor(list(range(110))) as item:
        written = write_number(number=item)
    return add_up_files(data=Collected(written.outputs["data"])).outputs["Output"]


# --- conditions ------------------------------------------------------------------------------------------------------


@dsl.pipeline(name="conditions")
def conditions(size: int = 5) -> str:
    with dsl.If(size > 10):
        large = say_text(text="large")
    with dsl.Elif(size > 3):
        medium = say_text(text="medium")
    with dsl.Else():
        small = say_text(text="small")
    return dsl.OneOf(large.output, medium.output, small.output)


# --- exit handlers and failures --------------------------------------------------------------------------------------


@component
def farewell(status: PipelineTaskFinalStatus, state: str, message: str) -> str:
    assert status.state == state, status
    assert message in (status.error_message or ""), status
    assert status.pipeline_job_resource_name, status
    return status.pipeline_task_name


@dsl.pipeline(name="exit-handler")
def exit_handler():
    with dsl.ExitHandler(farewell(state="COMPLETE", message="")):
        double(value=1)


@dsl.pipeline(name="exit-handler-after-failure")
def exit_handler_after_failure():
    with dsl.ExitHandler(farewell(state="FAILED", message="")):
        failed = fail(message="no rows")
        double(value=1).after(failed)


@dsl.pipeline(name="failure")
def failure():
    fail(message="the file has no rows").set_display_name("load the rows")


@component
def use_sibling() -> str:
    import my_features

    return my_features.name


@dsl.pipeline(name="sibling-import")
def sibling_import():
    use_sibling()


@component
def fail_once(folder: str, name: str) -> str:
    import os

    marker = os.path.join(folder, name)
    if not os.path.exists(marker):
        open(marker, "w").close()
        raise RuntimeError("the first try fails")
    return "second"


@dsl.pipeline(name="retry")
def retry(folder: str) -> str:
    return fail_once(folder=folder, name="retry").set_retry(num_retries=2).output


@dsl.pipeline(name="no-more-retries")
def no_more_retries():
    fail(message="always").set_retry(num_retries=1)


@component
def wait_for_ever(folder: str):
    import os
    import time

    open(os.path.join(folder, "waiting"), "w").close()
    time.sleep(3600)


@dsl.pipeline(name="terminated")
def terminated(folder: str):
    double(value=2).after(wait_for_ever(folder=folder))


@dsl.pipeline(name="retried-run")
def retried_run(folder: str) -> str:
    before = double(value=1)
    return fail_once(folder=folder, name="run").after(before).output


@dsl.pipeline(name="ignored-failure")
def ignored_failure():
    failed = fail(message="never mind")
    double(value=1).after(failed).ignore_upstream_failure()


# --- caching ---------------------------------------------------------------------------------------------------------


@component
def now() -> float:
    import time

    return time.time()


@component
def store(value: float, rows: Output[Dataset]) -> float:
    with open(rows.path, "w") as file:
        file.write(str(value))
    return value


@component
def load(rows: Input[Dataset]) -> float:
    with open(rows.path) as file:
        return float(file.read())


@dsl.pipeline(name="cached")
def cached() -> float:
    stored = store(value=now().output)
    return load(rows=stored.outputs["rows"]).output


# --- artifacts -------------------------------------------------------------------------------------------------------


@component
def make_artifacts(
    rows: Output[Dataset],
    model: Output[Model],
    scores: Output[Metrics],
    curve: Output[ClassificationMetrics],
    matrix: Output[ClassificationMetrics],
    page: Output[HTML],
    note: Output[Markdown],
    tree: Output[Artifact],
):
    import os

    with open(rows.path, "w") as file:
        file.write("1,2\n")
    rows.metadata["rows"] = 1
    rows.metadata["columns"] = ["a", "b"]
    model.framework = "none"
    with open(model.path, "w") as file:
        file.write("weights")
    scores.log_metric("accuracy", 0.75)
    curve.log_roc_curve([0.0, 0.5, 1.0], [0.0, 0.9, 1.0], [1.0, 0.5, 0.1])
    matrix.log_confusion_matrix(["cat", "dog"], [[3, 1], [0, 4]])
    with open(page.path, "w") as file:
        file.write("<b>page</b>")
    with open(note.path, "w") as file:
        file.write("# note")
    os.makedirs(os.path.join(tree.path, "deep"))
    with open(os.path.join(tree.path, "deep", "leaf"), "w") as file:
        file.write("leaf")


@component
def read_artifacts(rows: Input[Dataset], model: Input[Model], scores: Input[Metrics], tree: Input[Artifact]) -> str:
    import os

    assert rows.metadata["rows"] == 1 and rows.metadata["columns"] == ["a", "b"], rows.metadata
    assert model.metadata["framework"] == "none", model.metadata
    assert scores.metadata["accuracy"] == 0.75, scores.metadata
    with open(os.path.join(tree.path, "deep", "leaf")) as leaf, open(rows.path) as file:
        return leaf.read() + file.read().strip()


@dsl.pipeline(name="artifacts")
def artifacts() -> str:
    made = make_artifacts().outputs
    return read_artifacts(
        rows=made["rows"], model=made["model"], scores=made["scores"], tree=made["tree"]
    ).output


@component
def where_is(rows: Input[Dataset]) -> str:
    return rows.uri


@component
def check_import(rows: Input[Dataset]) -> float:
    assert rows.metadata["source"] == "elsewhere", rows.metadata
    with open(rows.path) as file:
        return float(file.read())


@dsl.pipeline(name="importer")
def importer() -> float:
    uri = where_is(rows=store(value=1.5).outputs["rows"])
    imported = dsl.importer(
        artifact_uri=uri.output, artifact_class=Dataset, reimport=True, metadata={"source": "elsewhere"}
    )
    return check_import(rows=imported.output).output


# --- containers ------------------------------------------------------------------------------------------------------


@dsl.container_component
def greet(name: str, greeting: OutputPath(str), rows: Output[Dataset], mark: Optional[str] = None):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$2")" "$(dirname "$3")"; printf "%s" "$1$4" > "$2"; echo row > "$3"', "sh"],
        args=[
            dsl.ConcatPlaceholder(["hello, ", name]),
            greeting,
            rows.path,
            dsl.IfPresentPlaceholder(input_name="mark", then=[mark], else_=["."]),
        ],
    )


@component
def both(plain: str, marked: str, rows: Input[Dataset]) -> str:
    with open(rows.path) as file:
        return "|".join([plain, marked, file.read().strip()])


@dsl.pipeline(name="containers")
def containers() -> str:
    plain = greet(name="it's \"me\"")
    marked = greet(name="$HOME", mark="!")
    return both(
        plain=plain.outputs["greeting"], marked=marked.outputs["greeting"], rows=plain.outputs["rows"]
    ).output


# --- inputs, environment and packages --------------------------------------------------------------------------------


@component
def take_inputs(
    text: str, number: int, ratio: float, flag: bool, items: List[str], facts: Dict[str, int], maybe: Optional[str] = None
) -> NamedTuple("Out", [("text", str), ("number", int), ("ratio", float), ("flag", bool), ("items", list), ("facts", dict)]):
    assert maybe is None
    out = NamedTuple("Out", [("text", str), ("number", int), ("ratio", float), ("flag", bool), ("items", list), ("facts", dict)])
    return out(text, number, ratio, flag, items, facts)


@component
def check_inputs(text: str, number: int, ratio: float, flag: bool, items: List[str], facts: Dict[str, int]) -> str:
    assert number == -7 and ratio == 0.25 and flag is False, (number, ratio, flag)
    assert items == ["a", "b'\""] and facts == {"k": 1}, (items, facts)
    return text


@dsl.pipeline(name="inputs")
def inputs(
    text: str,
    number: int = -7,
    ratio: float = 0.25,
    flag: bool = False,
    items: List[str] = ["a", "b'\""],
    facts: Dict[str, int] = {"k": 1},
    maybe: Optional[str] = None,
) -> str:
    taken = take_inputs(
        text=text, number=number, ratio=ratio, flag=flag, items=items, facts=facts, maybe=maybe
    ).outputs
    return check_inputs(**{name: taken[name] for name in ["text", "number", "ratio", "flag", "items", "facts"]}).output


@component
def look_around(run: str, name: str) -> str:
    import os

    assert "{{" not in run + name, (run, name)
    return os.environ["COLOUR"]


@dsl.pipeline(name="environment")
def environment() -> str:
    looked = look_around(run=dsl.PIPELINE_JOB_ID_PLACEHOLDER, name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
    return looked.set_env_variable("COLOUR", "blue").output


@dsl.component(base_image="python:%d.%d" % sys.version_info[:2], packages_to_install=["iniconfig==2.0.0"])
def use_package() -> str:
    import importlib.metadata

    import iniconfig

    assert iniconfig.IniConfig
    return importlib.metadata.version("iniconfig")


@dsl.pipeline(name="packages")
def packages() -> str:
    return use_package().output


@dsl.pipeline(name="inner")
def inner(value: int) -> int:
    return double(value=double(value=value).output).output


@dsl.pipeline(name="pipeline-in-pipeline")
def pipeline_in_pipeline() -> int:
    return double(value=inner(value=3).output).output


@dsl.pipeline(name="by-the-clock")
def by_the_clock(text: str) -> str:
    when = say_text(text=dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER)
    return join_texts(left=text, right=when.output).output


# --- what the client does with them ----------------------------------------------------------------------------------


def run_twice():
    say("cached first", **wait(start(cached, caching=True)))
    say("cached second", **wait(start(cached, caching=True)))


def run_and_terminate():

    run = start(terminated, {"folder": folder})
    while not os.path.exists(os.path.join(folder, "waiting")):
        time.sleep(0.05)
    client.terminate_run(run)
    say("terminated", **wait(run))


def run_and_retry():
    run = start(retried_run, {"folder": folder})
    say("retried-run first", **wait(run))
    client._run_api.run_service_retry_run(run)
    say("retried-run", **wait(run))


def run_by_the_clock():
    package = os.path.join(folder, "by_the_clock.yaml")
    compiler.Compiler().compile(by_the_clock, package)
    recurring = client.create_recurring_run(
        client.create_experiment("by the clock").experiment_id,
        "by the clock",
        interval_second=1,
        no_catchup=True,
        params={"text": "[[Index]] {{$.scheduledTime.strftime('%Y')}} [[ScheduledTime.2006-01-02T15:04:05Z]]"},
        pipeline_package_path=package,
    )
    only = json.dumps(
        {"predicates": [{"operation": 1, "key": "recurring_run_id", "stringValue": recurring.recurring_run_id}]}
    )
    while not (runs := client.list_runs(filter=only, sort_by="scheduled_at").runs):
        time.sleep(0.05)
    client.disable_recurring_run(recurring.recurring_run_id)
    words = wait(runs[0].run_id)
    client.delete_recurring_run(recurring.recurring_run_id)
    scheduled = client.get_run(runs[0].run_id).scheduled_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    say("by the clock", **words, scheduled=scheduled, title=runs[0].display_name)


def run_and_say(pipeline, arguments=None):
    say(pipeline.name, **wait(start(pipeline, arguments)))


def said_or_blamed(name, action, *arguments):
    try:
        action(*arguments)
    except Exception:  # one run that cannot be followed must not hide the others
        say(name, run="", state="NOT FINISHED", error=traceback.format_exc()[-2000:])


simple = [
    static_loop,
    dynamic_loop,
    nested_loop,
    empty_loop,
    loop_of_structs,
    wide_loop,
    conditions,
    exit_handler,
    exit_handler_after_failure,
    failure,
    sibling_import,
    no_more_retries,
    ignored_failure,
    artifacts,
    importer,
    containers,
    environment,
    packages,
    pipeline_in_pipeline,
]
jobs = [(pipeline.name, run_and_say, pipeline) for pipeline in simple] + [
    ("inputs", run_and_say, inputs, {"text": 'ü "quoted" \\ {{x}} \n$HOME'}),
    ("retry", run_and_say, retry, {"folder": folder}),
    ("cached second", run_twice),
    ("terminated", run_and_terminate),
    ("retried-run", run_and_retry),
    ("by the clock", run_by_the_clock),
]
threads = [threading.Thread(target=said_or_blamed, args=job) for job in jobs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
