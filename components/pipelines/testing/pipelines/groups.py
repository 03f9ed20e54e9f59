"""Conditions, loops, exit handlers, and all of them in each other."""

from typing import Dict, List

from kfp import dsl
from kfp.dsl import Artifact, Collected, Dataset, Input, OneOf, Output, PipelineTaskFinalStatus


@dsl.component
def flip() -> str:
    return "heads"


@dsl.component
def number() -> int:
    return 3


@dsl.component
def say(text: str) -> str:
    return text


@dsl.component
def double(x: int) -> int:
    return 2 * x


@dsl.component
def total(xs: List[int]) -> int:
    return sum(xs)


@dsl.component
def total_of_lists(lists: List[List[int]]) -> int:
    return sum(sum(xs) for xs in lists)


@dsl.component
def items() -> List[int]:
    return [1, 2, 3]


@dsl.component
def records() -> List[Dict[str, str]]:
    return []


@dsl.component
def make(x: int, out: Output[Dataset]):
    pass


@dsl.component
def count(data: Input[List[Dataset]]) -> int:
    return len(data)


@dsl.component
def show(data: Input[Artifact]) -> str:
    return data.uri


@dsl.component
def fail():
    raise SystemExit(1)


@dsl.component
def clean(status: PipelineTaskFinalStatus, note: str):
    print(status, note)


@dsl.pipeline(name="branches")
def branches(force: str = "no") -> str:
    coin = flip()
    with dsl.If(coin.output == "heads"):
        a = say(text="heads")
    with dsl.Elif(coin.output == "tails"):
        b = say(text="tails")
    with dsl.Else():
        c = say(text="edge")
    chosen = OneOf(a.output, b.output, c.output)
    return say(text=chosen).output


@dsl.pipeline(name="artifact-branches")
def artifact_branches(n: int = 1):
    with dsl.If(n > 1):
        a = make(x=1)
    with dsl.Else():
        b = make(x=2)
    show(data=OneOf(a.outputs["out"], b.outputs["out"]))


@dsl.pipeline(name="conditions")
def conditions(n: int = 2, flag: bool = True, ratio: float = 0.5):
    value = number()
    with dsl.If(value.output >= n):
        inside = say(text="inside")
        with dsl.If(flag == True):
            say(text="deep").after(inside)
    with dsl.If(ratio < 0.1):
        skipped = say(text="never")
        say(text=skipped.output)


@dsl.pipeline(name="static-loop")
def static_loop() -> int:
    with dsl.ParallelFor([1, 2, 3]) as x:
        twice = double(x=x)
    return total(xs=Collected(twice.output)).output


@dsl.pipeline(name="dynamic-loop")
def dynamic_loop():
    source = items()
    with dsl.ParallelFor(source.output, parallelism=2) as x:
        once = double(x=x)
        double(x=once.output)


@dsl.pipeline(name="empty-loop")
def empty_loop(xs: List[int] = []) -> int:
    with dsl.ParallelFor(xs) as x:
        twice = double(x=x)
    return total(xs=Collected(twice.output)).output


@dsl.pipeline(name="record-loop")
def record_loop():
    source = records()
    with dsl.ParallelFor(source.output) as record:
        say(text=record.title)
        with dsl.If(record.kind == "good"):
            say(text=f"{record.title}!")


@dsl.pipeline(name="nested-loops")
def nested_loops(xs: List[int] = [1, 2]) -> int:
    with dsl.ParallelFor(xs) as x:
        with dsl.ParallelFor([10, 20]) as y:
            twice = double(x=y)
        double(x=x)
    return total_of_lists(lists=Collected(twice.output)).output


@dsl.pipeline(name="loop-artifacts")
def loop_artifacts():
    with dsl.ParallelFor([1, 2, 3]) as x:
        made = make(x=x)
    count(data=Collected(made.outputs["out"]))


@dsl.pipeline
def make_all() -> List[Dataset]:
    with dsl.ParallelFor([1, 2]) as x:
        made = make(x=x)
    return Collected(made.outputs["out"])


@dsl.pipeline(name="artifact-loop")
def artifact_loop():
    made = make_all()
    with dsl.ParallelFor(made.output) as one:
        show(data=one)


@dsl.pipeline(name="exits")
def exits():
    done = clean(note="bye")
    with dsl.ExitHandler(done, name="guarded"):
        first = say(text="a")
        fail().after(first)


@dsl.pipeline
def farewell(note: str = "x"):
    first = say(text=note)
    say(text=first.output)


@dsl.pipeline(name="exit-pipeline")
def exit_pipeline():
    with dsl.ExitHandler(farewell(note="done")):
        say(text="work")


@dsl.component
def tidy(text: str = "nothing") -> str:
    return text


@dsl.pipeline(name="ignoring")
def ignoring():
    broken = fail()
    tidy(text="swept").after(broken).ignore_upstream_failure()
    say(text="other")


@dsl.pipeline(name="failing")
def failing(xs: List[int] = [1, 2, 3]):
    first = say(text="start")
    broken = fail().after(first)
    later = say(text="later").after(broken)
    say(text=later.output)


@dsl.pipeline(name="loop-retries")
def loop_retries():
    with dsl.ParallelFor([1, 2]) as x:
        double(x=x).set_retry(1)


@dsl.pipeline(name="wide")
def wide():
    with dsl.ParallelFor(list(range(600))) as x:
        double(x=x)
