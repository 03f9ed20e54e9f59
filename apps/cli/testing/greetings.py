"""Greets, and says that it cannot when there is nobody."""

import sys

from kfp import dsl


@dsl.component(base_image="python:%d.%d" % sys.version_info[:2])
def greet(name: str, times: int) -> str:
    print("greeting", name)
    if name == "nobody":
        raise ValueError("there is nobody to greet")
    return ", ".join([f"hello {name}"] * times)


@dsl.pipeline(name="greetings")
def greetings(name: str, times: int = 1) -> str:
    return greet(name=name, times=times).output
