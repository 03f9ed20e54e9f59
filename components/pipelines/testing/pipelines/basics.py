"""One step, chains, defaults, inputs and outputs of every type, nested pipelines, placeholders."""

from typing import Dict, List, NamedTuple, Optional

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output


@dsl.component
def add(a: int, b: int = 2) -> int:
    return a + b


@dsl.component
def echo(text: str, suffix: Optional[str] = None) -> str:
    return text + (suffix or "")


@dsl.component
def types(
    text: str, whole: int, fraction: float, flag: bool, items: List[int], table: Dict[str, str]
) -> NamedTuple("Out", [("text", str), ("whole", int), ("flag", bool), ("items", List[int]), ("table", Dict[str, str])]):
    return (text, whole, flag, items, table)


@dsl.component
def train(rows: Input[Dataset], model: Output[Model]) -> float:
    return 0.5


@dsl.component
def make(size: int, rows: Output[Dataset]):
    pass


@dsl.component
def use(model: Input[Model], rows: Input[Dataset]):
    pass


@dsl.pipeline(name="one-step")
def one_step(a: int = 1) -> int:
    return add(a=a, b=3).output


@dsl.pipeline(name="chain")
def chain(a: int, text: str = "x", maybe: Optional[str] = None) -> int:
    first = add(a=a)
    second = add(a=first.output, b=10)
    echo(text=f"{text}: '{second.output}' and \"{first.output}\"", suffix=maybe)
    echo(text=f"{second.output}")
    echo(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER).after(second)
    return second.output


@dsl.pipeline(name="typed")
def typed(
    text: str = "a",
    whole: int = 1,
    fraction: float = 1.5,
    flag: bool = True,
    items: List[int] = [1, 2],
    table: Dict[str, str] = {"k": "v"},
):
    first = types(text=text, whole=whole, fraction=fraction, flag=flag, items=items, table=table)
    types(
        text=first.outputs["text"],
        whole=first.outputs["whole"],
        fraction=fraction,
        flag=first.outputs["flag"],
        items=first.outputs["items"],
        table=first.outputs["table"],
    )


@dsl.pipeline(name="artifacts")
def artifacts(size: int = 3):
    rows = make(size=size).outputs["rows"]
    model = train(rows=rows).outputs["model"]
    use(model=model, rows=rows)


@dsl.pipeline
def inner(x: int, y: int = 5, z: Optional[int] = None) -> int:
    first = add(a=x, b=y)
    return add(a=first.output).output


@dsl.pipeline
def middle(x: int) -> int:
    return inner(x=x).output


@dsl.pipeline(name="nested")
def nested(x: int = 1) -> int:
    deep = middle(x=x)
    return add(a=deep.output).output


@dsl.container_component
def shell(name: str, out: dsl.OutputPath(str), note: Optional[str] = None):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c", dsl.ConcatPlaceholder(["echo ", name, " > $0"]), out],
        args=[dsl.IfPresentPlaceholder("note", then=["--note", note], else_=["--quiet"])],
    )


@dsl.pipeline(name="containers")
def containers(name: str = "World"):
    first = shell(name=name)
    shell(name=first.outputs["out"], note="hi").set_cpu_limit("2").set_memory_request("1G").set_env_variable("A", "b")


@dsl.pipeline(name="imports")
def imports(version: str = "v1"):
    first = dsl.importer(
        artifact_uri="gs://bucket/data", artifact_class=Dataset, metadata={"version": version}, reimport=False
    )
    make_model = train(rows=first.output)
    use(model=make_model.outputs["model"], rows=first.output)


@dsl.pipeline(name="retries")
def retries():
    shaky = echo(text="shaky").set_retry(2, backoff_duration="10s", backoff_factor=2, backoff_max_duration="15s")
    echo(text=shaky.output)
