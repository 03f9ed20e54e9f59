"""Uses the stock Kubernetes client as a user's program does, and the SDK over it. usage: kubernetes_client.py KUBECONFIG FOLDER

Says one JSON line for each thing that worked. Pods may mount the folder.
"""

import json
import os
import sys
import threading

import kfp
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

config.load_kube_config(sys.argv[1])
folder = sys.argv[2]
core = client.CoreV1Api()
ns = "python-client"


def say(name, **words):
    print(json.dumps({"name": name, **words}), flush=True)


version = client.VersionApi().get_code()
say("version", version=version.git_version, client=client.__version__ if hasattr(client, "__version__") else "")

core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=ns)))
assert ns in [item.metadata.name for item in core.list_namespace().items]
say("namespace")

core.create_namespaced_config_map(ns, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="one"), data={"a": "1"}))
core.patch_namespaced_config_map("one", ns, {"data": {"b": "2"}})
found = core.read_namespaced_config_map("one", ns)
assert found.data == {"a": "1", "b": "2"}, found.data
found.data["a"] = "3"
core.replace_namespaced_config_map("one", ns, found)
try:
    core.replace_namespaced_config_map("one", ns, found)
    raise AssertionError("a stale object was taken")
except ApiException as error:
    assert error.status == 409 and json.loads(error.body)["reason"] == "Conflict", error
core.delete_namespaced_config_map("one", ns)
try:
    core.read_namespaced_config_map("one", ns)
    raise AssertionError("it is still there")
except ApiException as error:
    assert error.status == 404, error
say("config map")

phases = []


def follow():
    for event in watch.Watch().stream(core.list_namespaced_pod, ns, timeout_seconds=600):
        phases.append(event["object"].status.phase)
        if phases[-1] == "Running" and "Running" not in phases[:-1]:
            open(os.path.join(folder, "seen"), "w").close()
        if phases[-1] in ("Succeeded", "Failed"):
            return


following = threading.Thread(target=follow)
following.start()
script = "echo from python; until [ -e /shared/seen ]; do sleep 0.05; done"
container = client.V1Container(
    name="main",
    image="busybox",
    command=["sh", "-c", script],
    volume_mounts=[client.V1VolumeMount(name="shared", mount_path="/shared")],
)
shared = client.V1Volume(name="shared", host_path=client.V1HostPathVolumeSource(path=folder))
spec = client.V1PodSpec(containers=[container], restart_policy="Never", volumes=[shared])
core.create_namespaced_pod(ns, client.V1Pod(metadata=client.V1ObjectMeta(name="one"), spec=spec))
following.join()
assert phases[-1] == "Succeeded" and "Running" in phases, phases
assert core.read_namespaced_pod_log("one", ns) == "from python\n"
say("pod")

try:
    core.create_namespaced_pod(ns, {"metadata": {"name": "nothing"}, "spec": {"containers": []}})
    raise AssertionError("an invalid pod was taken")
except ApiException as error:
    causes = json.loads(error.body)["details"]["causes"]
    assert error.status == 422 and causes, error
say("invalid", fields=[cause["field"] for cause in causes])

custom = client.CustomObjectsApi()
assert "items" in custom.list_namespaced_custom_object("headrace.io", "v1alpha1", "kubeflow", "runs")
say("custom objects")

# The SDK, which is told no host, finds the kubeconfig of KUBECONFIG and goes by the proxy of services.
pipelines = kfp.Client()
made = pipelines.create_experiment("without a host")
assert made.experiment_id in [each.experiment_id for each in pipelines.list_experiments(page_size=100).experiments]
pipelines.delete_experiment(made.experiment_id)
say("pipelines without a host")

core.delete_namespace(ns)
for event in watch.Watch().stream(core.list_namespace, field_selector=f"metadata.name={ns}", timeout_seconds=600):
    if event["type"] == "DELETED":
        say("deletion")
        break
