"""Calls what kfp.Client and PipelinesClient call, against the API at the URL given, and asserts what users rely on.

The other side settles runs by their names: "succeeds ..." and "fails ..." end so, others stay PENDING.
"""

import json
import os
import sys
import tarfile
import tempfile
import zipfile

import kfp
import kfp_server_api
from click.testing import CliRunner
from kfp import compiler, dsl
from kfp.cli.cli import cli as kfp_cli
from kfp.kubeflow_client import PipelinesClient
from kfp.kubeflow_client.backends.kubernetes import KubernetesBackendConfig

url = sys.argv[1]
folder = tempfile.mkdtemp(dir=os.environ["HOME"])


@dsl.component
def add(a: float, b: float) -> float:
    return a + b


@dsl.pipeline(name="sum", description="Adds.")
def sum_pipeline(a: float, b: float = 2.0, note: str = "1e3"):
    add(a=a, b=b)


@dsl.component
def hello(who: str) -> str:
    return f"Hello {who}"


@dsl.pipeline(name="greet")
def greet_pipeline(who: str):
    hello(who=who)


def passed(name):
    print("passed", name, flush=True)


def refused(status, call, *args, **kwargs):
    """What the exception carries, once the call was refused with the status."""
    try:
        call(*args, **kwargs)
    except kfp_server_api.ApiException as error:
        assert error.status == status, (error.status, error.body)
        return json.loads(error.body)
    raise AssertionError(f"{call.__name__} was not refused")


client = kfp.Client(host=url)
package = os.path.join(folder, "sum.yaml")
compiler.Compiler().compile(sum_pipeline, package)
greet_package = os.path.join(folder, "greet.yaml")
compiler.Compiler().compile(greet_pipeline, greet_package)

health = client.get_kfp_healthz()
assert not health.multi_user and health.pipeline_store == "database", health
assert client.get_user_namespace() == "", client.get_user_namespace()
passed("healthz")

# Experiments
experiment = client.create_experiment("mnist", description="digits")
assert client.create_experiment("mnist").experiment_id == experiment.experiment_id
assert client.get_experiment(experiment_id=experiment.experiment_id).description == "digits"
assert client.get_experiment(experiment_name="mnist").experiment_id == experiment.experiment_id
assert experiment.storage_state == "AVAILABLE" and experiment.created_at.year >= 2024
client.archive_experiment(experiment.experiment_id)
assert client.get_experiment(experiment.experiment_id).storage_state == "ARCHIVED"
client.unarchive_experiment(experiment.experiment_id)
for name in ("a %", "b+c", "d"):
    client.create_experiment(name)
    assert client.get_experiment(experiment_name=name).display_name == name
first = client.list_experiments(page_size=3, sort_by="display_name desc")
rest = client.list_experiments(page_size=3, sort_by="display_name desc", page_token=first.next_page_token)
names = [each.display_name for each in first.experiments + rest.experiments]
assert names == ["mnist", "d", "b+c", "a %"] and first.total_size == 4 and not rest.next_page_token, names
doomed = client.create_experiment("doomed")
client.delete_experiment(doomed.experiment_id)
body = refused(404, client.get_experiment, doomed.experiment_id)
assert body["code"] == 5 and "not found" in body["details"][0]["message"], body
passed("experiments")

# Pipelines and versions
pipeline = client.upload_pipeline(package, pipeline_name="sum", description="first")
assert pipeline.display_name == "sum" and pipeline.description == "first" and pipeline.pipeline_id
assert client.get_pipeline_id("sum") == pipeline.pipeline_id and client.get_pipeline_id("none") is None
assert client.get_pipeline(pipeline.pipeline_id).name == "sum"
zipped, tarred, plain = (os.path.join(folder, f"sum.{kind}") for kind in ("zip", "tar.gz", "json"))
with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.write(package, "pipeline.yaml")
with tarfile.open(tarred, "w:gz") as archive:
    archive.add(package, "pipeline.yaml")
compiler.Compiler().compile(sum_pipeline, plain)
for index, path in enumerate((zipped, tarred, plain)):
    version = client.upload_pipeline_version(path, f"v{index}", pipeline_id=pipeline.pipeline_id, description="more")
    assert version.pipeline_spec["pipelineInfo"]["name"] == "sum", version
latest = client.upload_pipeline_version_from_pipeline_func(sum_pipeline, "latest", pipeline_name="sum")
versions = client.list_pipeline_versions(pipeline.pipeline_id, sort_by="created_at desc")
assert versions.total_size == 5 and versions.pipeline_versions[0].display_name == "latest", versions.total_size
spec = client.get_pipeline_version(pipeline.pipeline_id, latest.pipeline_version_id).pipeline_spec
assert spec["root"]["inputDefinitions"]["parameters"]["note"]["defaultValue"] == "1e3", spec["root"]
other = client.upload_pipeline_from_pipeline_func(sum_pipeline, pipeline_name="other")
assert {each.display_name for each in client.list_pipelines().pipelines} == {"sum", "other"}
body = refused(409, client.upload_pipeline, package, pipeline_name="sum")
assert body["error_message"], body
client.delete_pipeline_version(pipeline.pipeline_id, latest.pipeline_version_id)
refused(404, client.get_pipeline_version, pipeline.pipeline_id, latest.pipeline_version_id)
refused(400, client.delete_pipeline, pipeline.pipeline_id)
for version in client.list_pipeline_versions(other.pipeline_id).pipeline_versions:
    client.delete_pipeline_version(other.pipeline_id, version.pipeline_version_id)
client.delete_pipeline(other.pipeline_id)
refused(404, client.get_pipeline, other.pipeline_id)
passed("pipelines")

# Runs
version = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions[0]
run = client.run_pipeline(
    experiment.experiment_id,
    "succeeds from a version",
    pipeline_id=pipeline.pipeline_id,
    version_id=version.pipeline_version_id,
    params={"a": 1, "note": "x"},
    service_account="robot",
)
assert run.state == "PENDING" and run.service_account == "robot" and run.pipeline_spec is None
done = client.wait_for_run_completion(run.run_id, timeout=600, sleep_duration=0.05)
assert done.state == "SUCCEEDED" and done.finished_at >= done.created_at, done
assert done.pipeline_version_reference.pipeline_version_id == version.pipeline_version_id
assert done.runtime_config.parameters == {"a": 1, "note": "x"}, done.runtime_config
assert [each.state for each in done.state_history] == ["PENDING", "SUCCEEDED"], done.state_history

result = client.create_run_from_pipeline_func(
    sum_pipeline, arguments={"a": 2}, run_name="fails from a function", experiment_name="mnist", enable_caching=False
)
failed = client.wait_for_run_completion(result.run_id, timeout=600, sleep_duration=0.05)
assert failed.state == "FAILED" and 'Step "add" failed' in failed.error.message, failed.error
assert "ZeroDivisionError" in failed.error.message
detail = failed.run_details.task_details[0]
assert detail.display_name == "add" and detail.state == "FAILED" and int(detail.execution_id) > 0, detail
task = failed.pipeline_spec["root"]["dag"]["tasks"]["add"]
assert "enableCache" not in task.get("cachingOptions", {}), task

packaged = client.create_run_from_pipeline_package(package, arguments={"a": 3}, run_name="waits")
assert client.get_run(packaged.run_id).experiment_id == client.get_experiment(experiment_name="Default").experiment_id
client.terminate_run(packaged.run_id)
ended = packaged.wait_for_run_completion(timeout=600)
assert ended.state == "FAILED" and "terminated" in ended.error.message, ended
refused(400, client.terminate_run, packaged.run_id)

body = refused(400, client.create_run_from_pipeline_package, package, arguments={"a": "text"}, run_name="mistyped")
assert body["code"] == 3 and "parameters.a" in body["details"][0]["message"], body
refused(400, client.create_run_from_pipeline_package, package, arguments={}, run_name="missing")
refused(400, client.create_run_from_pipeline_package, package, arguments={"a": 1}, run_name="far", pipeline_root="gs://b/r")

assert {each.display_name for each in client.list_runs(experiment_id=experiment.experiment_id).runs} == {
    "succeeds from a version",
    "fails from a function",
}
only = json.dumps({"predicates": [{"operation": 1, "key": "state", "stringValue": "SUCCEEDED"}]})
assert [each.run_id for each in client.list_runs(filter=only).runs] == [run.run_id]
assert client.list_runs(page_size=1, sort_by="created_at desc").runs[0].run_id == packaged.run_id
assert client.list_runs(namespace="kubeflow").total_size == 3
client.archive_run(run.run_id)
assert client.get_run(run.run_id).storage_state == "ARCHIVED"
client.unarchive_run(run.run_id)
client._run_api.run_service_retry_run(failed.run_id)
assert client.get_run(failed.run_id).state == "PENDING"
client.delete_run(run.run_id)
refused(404, client.get_run, run.run_id)
passed("runs")

# Recurring runs
assert client.list_recurring_runs().recurring_runs is None
nightly = client.create_recurring_run(
    experiment.experiment_id,
    "nightly",
    description="each night",
    cron_expression="0 0 3 ? * mon-fri",
    start_time="2099-01-01T00:00:00Z",
    end_time="2100-01-01T00:00:00Z",
    max_concurrency=2,
    no_catchup=True,
    pipeline_package_path=package,
    params={"a": 1, "note": "[[ScheduledTime]]"},
    service_account="me",
)
assert nightly.status == "ENABLED" and nightly.max_concurrency == "2" and nightly.no_catchup, nightly
assert nightly.trigger.cron_schedule.cron == "0 0 3 ? * mon-fri", nightly
assert nightly.trigger.cron_schedule.end_time.year == 2100, nightly
assert nightly.pipeline_spec["pipelineInfo"]["name"] == "sum", nightly
assert nightly.runtime_config.parameters == {"a": 1, "note": "[[ScheduledTime]]"}, nightly
hourly = client.create_recurring_run(
    experiment.experiment_id,
    "hourly",
    interval_second=3600,
    pipeline_id=pipeline.pipeline_id,
    version_id="",
    params={"a": 1},
    enabled=False,
)
assert hourly.status == "DISABLED" and hourly.trigger.periodic_schedule.interval_second == "3600", hourly
assert hourly.pipeline_version_reference.pipeline_id == pipeline.pipeline_id, hourly
assert hourly.pipeline_version_reference.pipeline_version_id is None, hourly
ids = [each.recurring_run_id for each in client.list_recurring_runs(sort_by="created_at desc").recurring_runs]
assert ids == [hourly.recurring_run_id, nightly.recurring_run_id], ids
only = json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": "nightly"}]})
found = client.list_recurring_runs(experiment_id=experiment.experiment_id, filter=only)
assert found.total_size == 1 and found.recurring_runs[0].display_name == "nightly", found
client.disable_recurring_run(nightly.recurring_run_id)
assert client.get_recurring_run(nightly.recurring_run_id).status == "DISABLED"
client.enable_recurring_run(nightly.recurring_run_id)
assert client.get_recurring_run(nightly.recurring_run_id).mode == "ENABLE"
client.delete_recurring_run(nightly.recurring_run_id)
refused(404, client.get_recurring_run, nightly.recurring_run_id)
body = refused(
    400,
    client.create_recurring_run,
    experiment.experiment_id,
    "often",
    cron_expression="* * * *",
    pipeline_package_path=package,
    params={"a": 1},
)
assert "trigger.cron_schedule.cron" in body["details"][0]["message"], body


def cli(*args, answer=None):
    """What `kfp recurring-run` prints."""
    command = ["--endpoint", url, "--output", "json", "recurring-run", *args]
    result = CliRunner().invoke(kfp_cli, command, obj={}, input=answer)
    assert result.exit_code == 0, (args, result.output, result.exception)
    return result.stdout


def cli_json(*args):
    printed = cli(*args)
    return json.loads(printed[min(printed.find(mark) for mark in "[{" if mark in printed) :])


named = ["--experiment-name", "mnist", "--job-name", "typed", "--pipeline-package-path", greet_package]
typed = cli_json("create", *named, "--cron-expression", "@daily", "--no-catchup", "--enabled", "who=you")
assert typed["status"] == "ENABLED" and typed["runtime_config"]["parameters"] == {"who": "you"}, typed
assert {each["display_name"] for each in cli_json("list")} == {"hourly", "typed"}
assert cli_json("disable", typed["recurring_run_id"])["status"] == "DISABLED"
assert cli_json("enable", typed["recurring_run_id"])["status"] == "ENABLED"
assert cli_json("get", typed["recurring_run_id"])["trigger"]["cron_schedule"]["cron"] == "@daily"
assert typed["recurring_run_id"] in cli("delete", typed["recurring_run_id"], answer="y\n")
refused(404, client.get_recurring_run, typed["recurring_run_id"])
passed("recurring runs")

# The client of the Kubeflow SDK
simple = PipelinesClient(KubernetesBackendConfig(base_url=url, namespace="kubeflow"))
uploaded = simple.upload_pipeline(sum_pipeline, name="simple", version="one")
assert uploaded.display_name == "one"
simple.upload_pipeline(package, name="simple", version="two")
assert simple.get_pipeline_version("simple", "one").pipeline_version_id == uploaded.pipeline_version_id
assert {each.display_name for each in simple.list_pipeline_versions("simple").pipeline_versions} == {"one", "two"}
quick = simple.run("simple", params={"a": 1}, name="succeeds simply", experiment="mnist")
assert simple.wait_for_run_status(quick, timeout=600, polling_interval=0.05).state == "SUCCEEDED"
inline = simple.run(sum_pipeline, params={"a": 1}, name="succeeds inline")
assert simple.wait_for_run_status(inline.run_id, timeout=600, polling_interval=0.05).state == "SUCCEEDED"
assert [each.run_id for each in simple.list_runs(pipeline="simple", status="succeeded").runs] == [quick.run_id]
assert simple.create_experiment("mnist").experiment_id == simple.get_experiment("mnist").experiment_id
try:
    simple.delete_pipeline("simple")
    raise AssertionError("a pipeline with two versions was deleted")
except ValueError:
    simple.delete_pipeline("simple", force=True)
assert simple.kfp_client.get_pipeline_id("simple") is None
passed("PipelinesClient")

client.set_user_namespace("kubeflow")
assert client.get_user_namespace() == "kubeflow"
assert client.list_experiments().total_size == 5
passed("namespace")
