"""Steps that check what they are told, so that the stock SDK's executor is the judge."""

from typing import Dict, List, NamedTuple, Optional

from kfp import dsl
from kfp.dsl import Collected, Dataset, Input, Metrics, Model, Output, PipelineTaskFinalStatus


@dsl.component
def split(count: int, prefix: str = "row") -> List[str]:
    return [f"{prefix}-{index}" for index in range(count)]


@dsl.component
def write(text: str, rows: Output[Dataset]) -> NamedTuple("Out", [("size", int), ("facts", Dict[str, int])]):
    with open(rows.path, "w") as file:
        file.write(text)
    rows.metadata["length"] = len(text)
    out = NamedTuple("Out", [("size", int), ("facts", Dict[str, int])])
    return out(size=len(text), facts={"length": len(text)})


@dsl.component
def join(parts: Input[List[Dataset]], sizes: List[int], model: Output[Model], metrics: Output[Metrics]) -> str:
    texts = []
    for part, size in zip(parts, sizes):
        with open(part.path) as file:
            text = file.read()
        assert len(text) == size == part.metadata["length"], (text, size, part.metadata)
        texts.append(text)
    model.framework = "none"
    with open(model.path, "w") as file:
        file.write(",".join(texts))
    metrics.log_metric("parts", len(parts))
    return ",".join(texts)


@dsl.component
def check(text: str, note: str, model: Input[Model], flag: bool, ratio: float, maybe: Optional[str] = None) -> bool:
    with open(model.path) as file:
        assert file.read() == text
    assert note == f'"{text}" it\'s', note
    assert model.metadata["framework"] == "none"
    assert flag is True and ratio == 0.5 and maybe is None
    return True


@dsl.component
def farewell(status: PipelineTaskFinalStatus, run: str):
    assert status.state == "COMPLETE", status
    assert status.pipeline_task_name.startswith("exit-handler"), status
    assert run and "{{" not in run


@dsl.pipeline(name="real")
def real(count: int = 2, flag: bool = True, ratio: float = 0.5, maybe: Optional[str] = None):
    done = farewell(run=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
    with dsl.ExitHandler(done):
        names = split(count=count)
        with dsl.ParallelFor(names.output) as name:
            part = write(text=name)
        whole = join(parts=Collected(part.outputs["rows"]), sizes=Collected(part.outputs["size"]))
        checked = check(
            text=whole.outputs["Output"],
            note=f'"{whole.outputs["Output"]}" it\'s',
            model=whole.outputs["model"],
            flag=flag,
            ratio=ratio,
            maybe=maybe,
        )
        with dsl.If(checked.output == True):
            split(count=1)
    split(count=3, prefix="end")
