"""Runs every command of the stock `kfp` program against the API at the URL given, and every call of kfp-server-api that it leaves out.

The other side settles runs by their names: "succeeds ..." and "fails ..." end so, others stay PENDING.
"""

import json
import os
import re
import sys
import tempfile

import kfp_server_api
import yaml
from click.testing import CliRunner
from kfp import compiler, dsl
from kfp.cli.cli import cli as program

url = sys.argv[1]
folder = tempfile.mkdtemp(dir=os.environ["HOME"])


@dsl.component
def add(a: float, b: float) -> float:
    return a + b


@dsl.pipeline(name="sum")
def sum_pipeline(a: float = 1.0, b: float = 2.0):
    add(a=a, b=b)


def passed(name):
    print("passed", name, flush=True)


def kfp(*arguments, output="json"):
    """What the program prints, as JSON where it is some."""
    result = CliRunner().invoke(program, ["--endpoint", url, "--output", output, *arguments], obj={}, input="y\n")
    assert result.exit_code == 0, (arguments, result.output, str(result.exception))
    start = re.search(r"^[\[{]\s*$|^\[\]", result.output, re.MULTILINE)
    return json.JSONDecoder().raw_decode(result.output[start.start() :])[0] if output == "json" and start else result.output


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kfp_server_api.ApiException as error:
        assert error.status == status, (error.status, error.body)
        return json.loads(error.body)
    raise AssertionError(f"{call.__name__} was not refused")


package = os.path.join(folder, "sum.yaml")
compiler.Compiler().compile(sum_pipeline, package)

# kfp experiment
experiment = kfp("experiment", "create", "mnist", "-d", "digits")["experiment_id"]
assert kfp("experiment", "get", experiment)["description"] == "digits"
assert "mnist" in [each["display_name"] for each in kfp("experiment", "list", "--sort-by", "created_at desc")]
kfp("experiment", "archive", "--experiment-id", experiment)
assert kfp("experiment", "get", experiment)["storage_state"] == "ARCHIVED"
kfp("experiment", "unarchive", "--experiment-name", "mnist")
assert "mnist" in kfp("experiment", "list", output="table")
passed("kfp experiment")

# kfp pipeline
pipeline = kfp("pipeline", "create", "-p", "sum", "-d", "first", package)["pipeline_id"]
version = kfp("pipeline", "create-version", package, "-v", "v2", "-n", "sum", "-d", "second")["pipeline_version_id"]
assert kfp("pipeline", "get", pipeline)["description"] == "first"
assert kfp("pipeline", "get-version", pipeline, version)["display_name"] == "v2"
assert [each["display_name"] for each in kfp("pipeline", "list", "-m", "5")] == ["sum"]
assert len(kfp("pipeline", "list-versions", pipeline)) == 2
assert "sum" in kfp("pipeline", "list", output="table")
passed("kfp pipeline")

# kfp run
run = kfp("run", "create", "-e", "mnist", "-r", "waits", "-f", package, "a=1")["run_id"]
other = kfp("run", "create", "-e", "mnist", "-r", "succeeds by version", "-p", pipeline, "-v", version, "a=1")["run_id"]
kfp("run", "get", other)
assert "succeeds" in kfp("run", "get", "--watch", other, output="table").lower()
assert kfp("run", "get", run)["state"] == "PENDING"
assert "waits" in kfp("run", "get", "--detail", run, output="table")
assert len(kfp("run", "list", "-e", experiment, "--sort-by", "created_at desc")) == 2
kfp("run", "archive", run)
assert kfp("run", "get", run)["storage_state"] == "ARCHIVED"
kfp("run", "unarchive", run)
kfp("run", "delete", run)
assert len(kfp("run", "list")) == 1
passed("kfp run")

# kfp recurring-run: it sends parameters as text, so that only pipelines of text can be given some
job = kfp(
    "recurring-run", "create", "--experiment-name", "mnist", "--job-name", "nightly", "--cron-expression", "0 0 0 * * *",
    "--pipeline-id", pipeline, "--version-id", version, "--max-concurrency", "2",
)["recurring_run_id"]
hourly = kfp(
    "recurring-run", "create", "--experiment-id", experiment, "--job-name", "hourly", "--interval-second", "3600", "--disabled",
    "--pipeline-package-path", package,
)["recurring_run_id"]
assert kfp("recurring-run", "get", job)["trigger"]["cron_schedule"]["cron"] == "0 0 0 * * *"
assert kfp("recurring-run", "get", hourly)["status"] == "DISABLED"
kfp("recurring-run", "disable", job)
assert kfp("recurring-run", "get", job)["status"] == "DISABLED"
kfp("recurring-run", "enable", job)
assert len(kfp("recurring-run", "list", "-e", experiment)) == 2
kfp("recurring-run", "delete", job)
kfp("recurring-run", "delete", hourly)
passed("kfp recurring-run")

kfp("pipeline", "delete-version", pipeline, version)
for left in kfp("pipeline", "list-versions", pipeline):
    kfp("pipeline", "delete-version", pipeline, left["pipeline_version_id"])
kfp("pipeline", "delete", pipeline)
kfp("experiment", "delete", experiment)
passed("kfp delete")

# What the program does not call of the generated client
api = kfp_server_api
client = api.ApiClient(api.Configuration(host=url))
pipelines = api.PipelineServiceApi(client)
with open(package) as file:
    spec = yaml.safe_load(file)
bare = pipelines.pipeline_service_create_pipeline(
    api.V2beta1Pipeline(name="bare", display_name="Bare", description="none yet", tags={"team": "a"})
)
added = pipelines.pipeline_service_create_pipeline_version(
    bare.pipeline_id, api.V2beta1PipelineVersion(name="v1", display_name="One", pipeline_spec=spec)
)
assert pipelines.pipeline_service_get_pipeline_by_name("bare").pipeline_id == bare.pipeline_id
changed = pipelines.pipeline_service_update_pipeline(
    bare.pipeline_id, api.V2beta1Pipeline(display_name="Barer", tags={"team": "b"})
)
assert (changed.display_name, changed.tags) == ("Barer", {"team": "b"}), changed
changed = pipelines.pipeline_service_update_pipeline_version(
    bare.pipeline_id,
    added.pipeline_version_id,
    api.V2beta1PipelineVersion(display_name="First", tags={"stage": "test"}),
)
assert (changed.display_name, changed.tags) == ("First", {"stage": "test"}), changed
filtering = json.dumps({"predicates": [{"key": "tags.team", "operation": "EQUALS", "string_value": "b"}]})
assert pipelines.pipeline_service_list_pipelines(filter=filtering).total_size == 1
both = pipelines.pipeline_service_create_pipeline_and_version(
    api.V2beta1CreatePipelineAndVersionRequest(
        pipeline=api.V2beta1Pipeline(name="both"), pipeline_version=api.V2beta1PipelineVersion(pipeline_spec=spec)
    )
)
refused(400, pipelines.pipeline_service_delete_pipeline, both.pipeline_id)
pipelines.pipeline_service_delete_pipeline(both.pipeline_id, cascade=True)
runs = api.RunServiceApi(client)
failed = runs.run_service_create_run(
    api.V2beta1Run(display_name="fails", pipeline_spec=spec, runtime_config=api.V2beta1RuntimeConfig(parameters={"a": 1}))
)
runs.run_service_get_run(failed.run_id)
assert runs.run_service_get_run(failed.run_id).state == "FAILED"
runs.run_service_retry_run(failed.run_id)
runs.run_service_terminate_run(failed.run_id)
reports = api.ReportServiceApi(client)
assert refused(403, reports.report_service_report_workflow, "{}")["code"] == 7
refused(403, reports.report_service_report_scheduled_workflow, "{}")
passed("kfp-server-api")
