"""Reads a finished run with the stock client of ML Metadata, and puts nodes of its own.

usage: metadata_client.py HOST PORT RUN   (a run of the pipeline `lineage`, as `metadata.real.test.ts` has it)
"""

import os
import sys
import json

from ml_metadata import errors
from ml_metadata.metadata_store import ListOptions, OrderByField, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

host, port, run_id = sys.argv[1:4]
store = metadata_store.MetadataStore(mlmd.MetadataStoreClientConfig(host=host, port=int(port)))


def say(name, **words):
    os.write(1, f"\n{json.dumps({'name': name, **words})}\n".encode())


def refuses(error, call):
    try:
        call()
    except error as refusal:
        return str(refusal)
    raise AssertionError(f"{error.__name__} was expected")


run = store.get_context_by_type_and_name("system.PipelineRun", run_id)
[pipeline] = store.get_parent_contexts_by_context(run.id)
assert pipeline.name == "lineage" and pipeline.type == "system.Pipeline", pipeline
assert run_id in [child.name for child in store.get_children_contexts_by_context(pipeline.id)]
assert run.custom_properties["pipeline_root"].string_value.endswith(f"/lineage/{run_id}"), run

root = store.get_execution_by_type_and_name("system.DAGExecution", f"run/{run_id}")
tasks = {
    task.custom_properties["task_name"].string_value: task
    for task in store.get_executions_by_context(
        run.id, ListOptions(filter_query=f"custom_properties.parent_dag_id.int_value = {root.id}")
    )
}
states = {name: mlmd.Execution.State.Name(task.last_known_state) for name, task in tasks.items()}
assert states == {"make": "COMPLETE", "fit": "COMPLETE", "extra": "CANCELED"}, states
make, fit = tasks["make"], tasks["fit"]
assert make.type == "system.ContainerExecution" and make.custom_properties["image"].string_value == "busybox", make
assert make.custom_properties["outputs"].struct_value["rows"] == 4, make
say("executions", states=states)

artifacts = {artifact.custom_properties["display_name"].string_value: artifact for artifact in store.get_artifacts_by_context(run.id)}
data, model = artifacts["data"], artifacts["model"]
assert (data.type, model.type) == ("system.Dataset", "system.Model"), artifacts
assert store.get_artifacts_by_uri(data.uri) == [data]
assert [context.id for context in store.get_contexts_by_artifact(model.id)] == [pipeline.id, run.id]
events = [
    (mlmd.Event.Type.Name(event.type), event.path.steps[0].key, event.artifact_id)
    for event in store.get_events_by_execution_ids([fit.id])
]
assert events == [("INPUT", "data", data.id), ("OUTPUT", "model", model.id)], events
say("artifacts", events=events)

options = mlmd.LineageSubgraphQueryOptions
graph = store.get_lineage_subgraph(
    options(
        starting_artifacts=options.StartingNodes(filter_query=f"id = {model.id}"),
        direction=options.UPSTREAM,
        max_num_hops=10,
    )
)
assert {artifact.id for artifact in graph.artifacts} == {data.id, model.id}, graph
assert {execution.id for execution in graph.executions} == {make.id, fit.id}, graph
assert {context.id for context in graph.contexts} == {pipeline.id, run.id} and len(graph.events) == 3, graph
say("lineage")

newest = store.get_executions(ListOptions(limit=3, order_by=OrderByField.CREATE_TIME, is_asc=False))
assert [task.create_time_since_epoch for task in newest] == sorted(
    (task.create_time_since_epoch for task in newest), reverse=True
)
every = [task.id for task in store.get_executions()]
assert len(every) == len(set(every)) and {root.id, make.id, fit.id} <= set(every)
refuses(errors.InvalidArgumentError, lambda: store.get_artifacts(ListOptions(filter_query="nonsense = 1")))
refuses(errors.NotFoundError, lambda: store.get_artifact_type("nonsense"))
say("lists")

report = mlmd.ArtifactType(name=f"acme.Report-{run_id}", properties={"pages": mlmd.INT})
report_id = store.put_artifact_type(report)
review_id = store.put_execution_type(mlmd.ExecutionType(name="acme.Check"))
study_id = store.put_context_type(mlmd.ContextType(name="acme.Group"))
written = mlmd.Artifact(type_id=report_id, uri="https://reports.example/1", state=mlmd.Artifact.LIVE)
written.properties["pages"].int_value = 12
review, made, [study] = store.put_execution(
    mlmd.Execution(type_id=review_id, last_known_state=mlmd.Execution.COMPLETE),
    [(model, mlmd.Event(type=mlmd.Event.INPUT)), (written, mlmd.Event(type=mlmd.Event.OUTPUT))],
    [mlmd.Context(type_id=study_id, name=f"study of {run_id}")],
)
assert made[0] == model.id and made[1] > 10**12, made
[kept] = store.get_artifacts_by_type(report.name)
assert kept.properties["pages"].int_value == 12 and kept.id == made[1], kept
kept.properties["pages"].int_value = 13
store.put_artifacts([kept], ["properties.pages"])
assert store.get_artifacts_by_id([kept.id])[0].properties["pages"].int_value == 13
downstream = store.get_lineage_subgraph(
    options(
        starting_executions=options.StartingNodes(filter_query=f"id = {make.id}"),
        direction=options.DOWNSTREAM,
        max_num_hops=10,
    )
)
assert {execution.id for execution in downstream.executions} == {make.id, fit.id, review}, downstream
assert store.get_contexts_by_execution(review)[0].id == study
say("own")

fit.last_known_state = mlmd.Execution.FAILED
refusals = [
    refuses(errors.FailedPreconditionError, lambda: store.put_executions([fit])),
    refuses(errors.AlreadyExistsError, lambda: store.put_contexts([mlmd.Context(type_id=study_id, name=f"study of {run_id}")])),
]
say("refusals", refusals=refusals)
