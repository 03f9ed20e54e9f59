"""Runs a pipeline of peers/ticks.py on Headrace with the stock SDK. usage: submit.py HOST chain|fan_out SIZE cache|fresh

Prints one JSON line: run id, seconds from the call to the end, and the chain's trace.
"""

import json
import pathlib
import sys
import time
import urllib.request
import warnings

warnings.simplefilter("ignore")
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "peers"))
import kfp  # noqa: E402
import ticks  # noqa: E402

host, shape, size, cache = sys.argv[1:5]
pipeline = getattr(ticks, shape)(int(size))
client = kfp.Client(host=host)
begin = time.time()
run = client.create_run_from_pipeline_func(pipeline, arguments={}, enable_caching=cache == "cache")
submitted = time.time()
result = client.wait_for_run_completion(run.run_id, 600, sleep_duration=0.02)
seconds = time.time() - begin
with urllib.request.urlopen(f"{host}/apis/v2beta1/runs/{run.run_id}/tasks?page_size=200") as answer:
    tasks = json.load(answer)
print(json.dumps({"run": run.run_id, "state": result.state, "begin": begin, "submitted": submitted, "seconds": seconds, "tasks": tasks}))
