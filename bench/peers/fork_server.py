"""The floor: a bare fork server without sandbox. Each line on standard input is one step; its answer is its id.

It compiles the component's source and calls the SDK's Executor class in a fork, and nothing else: what no design can go below
without leaving Python.
"""

import json
import os
import sys

os.environ["_KFP_RUNTIME"] = "true"
from kfp.dsl import executor  # noqa: E402 - the variable above decides what is imported


def run(request):
    module = {}
    exec(compile(request["source"], "step.py", "exec"), module)
    executor.Executor(
        executor_input=request["input"], function_to_execute=module[request["function"]]
    ).execute()


def main():
    running = {}
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                run(request)
                code = 0
            finally:
                os._exit(code)
        running[pid] = request["id"]
        while running and (len(running) >= request["at_once"] or request.get("last")):
            done, _ = os.wait()
            print(running.pop(done), flush=True)


main()
