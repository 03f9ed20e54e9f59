"""A chain and a fan-out of steps that do nothing but say when they ran."""

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
