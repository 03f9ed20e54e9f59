"""A chain and a fan-out of steps that do nothing but say when they ran, and two steps of which one hands the other a file."""

import os

from kfp import dsl


def tick_function(before: str) -> str:
    import time

    begin = time.time()
    return before + f"{begin:.6f},{time.time():.6f};"


def component(install):
    return dsl.component(tick_function, base_image=os.environ.get("BENCH_IMAGE", "python:3.11"), install_kfp_package=install)


def chain(length, install=True):
    tick = component(install)

    @dsl.pipeline(name="chain")
    def pipeline() -> str:
        last = tick(before="")
        for _ in range(length - 1):
            last = tick(before=last.output)
        return last.output

    return pipeline


def fan_out(width, install=True):
    tick = component(install)

    @dsl.pipeline(name="fan-out")
    def pipeline():
        with dsl.ParallelFor(list(range(width))):
            tick(before="").set_caching_options(False)

    return pipeline


def write_function(mebibytes: int, data: dsl.Output[dsl.Dataset]) -> str:
    import os
    import time

    begin = time.time()
    with open(data.path, "wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))
    return f"{begin:.6f},{time.time():.6f};"


def read_function(before: str, data: dsl.Input[dsl.Dataset]) -> str:
    import os
    import time

    begin = time.time()
    assert os.path.getsize(data.path) > 0
    return before + f"{begin:.6f},{time.time():.6f};"


def hand_over(mebibytes, install=True):
    image = os.environ.get("BENCH_IMAGE", "python:3.11")
    write = dsl.component(write_function, base_image=image, install_kfp_package=install)
    read = dsl.component(read_function, base_image=image, install_kfp_package=install)

    @dsl.pipeline(name="hand-over")
    def pipeline() -> str:
        written = write(mebibytes=mebibytes)
        return read(before=written.outputs["Output"], data=written.outputs["data"]).output

    return pipeline
