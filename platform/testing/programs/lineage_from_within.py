"""Run in a pod: what the stock client of ML Metadata sees of a run there, which has no token to send, as one line of JSON.

usage: lineage_from_within.py RUN
"""

import json
import sys

from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

run_id = sys.argv[1]
store = metadata_store.MetadataStore(mlmd.MetadataStoreClientConfig(host="metadata-grpc-service.kubeflow", port=8080))


def look():
    run = store.get_context_by_type_and_name("system.PipelineRun", run_id)
    if run is None:
        return {"run": None}
    tasks = store.get_executions_by_context(run.id)
    states = {task.custom_properties["task_name"].string_value: mlmd.Execution.State.Name(task.last_known_state) for task in tasks}
    return {"run": run.name, "states": states}


try:
    seen = look()
except errors.UnauthenticatedError as error:
    seen = {"refused": str(error)}
print(json.dumps(seen))
