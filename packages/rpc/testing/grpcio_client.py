"""A client that knows nothing of the service but its name: it learns the rest by reflection, and calls."""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

channel = grpc.insecure_channel(sys.argv[1], compression=grpc.Compression.Gzip)


def passed(what):
    print("passed", what, flush=True)


health = health_pb2_grpc.HealthStub(channel)
assert health.Check(health_pb2.HealthCheckRequest(service="test.v1.Greeter")).status == 1
try:
    health.Check(health_pb2.HealthCheckRequest(service="test.v1.Nobody"))
    raise AssertionError("an unknown service is healthy")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.NOT_FOUND, error
passed("health")

reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
asked = [
    reflection_pb2.ServerReflectionRequest(list_services=""),
    reflection_pb2.ServerReflectionRequest(file_containing_symbol="test.v1.Greeter"),
]
listed, files = reflection.ServerReflectionInfo(iter(asked))
assert [each.name for each in listed.list_services_response.service] == ["test.v1.Greeter"], listed
pool = descriptor_pool.DescriptorPool()
parsed = [
    descriptor_pb2.FileDescriptorProto.FromString(each)
    for each in files.file_descriptor_response.file_descriptor_proto
]
for file in reversed(parsed):
    pool.Add(file)
passed("reflection")

Ask = message_factory.GetMessageClass(pool.FindMessageTypeByName("test.v1.Ask"))
Note = message_factory.GetMessageClass(pool.FindMessageTypeByName("test.v1.Note"))


def method(name):
    return channel.unary_unary(
        f"/test.v1.Greeter/{name}", request_serializer=Ask.SerializeToString, response_deserializer=Note.FromString
    )


ask = Ask()
ask.note.id = 7
ask.note.mood = 2
ask.note.words.extend(["long"] * 2000)
ask.note.weights["x"] = 0.5
ask.note.by_id[12] = "twelve"
ask.note.facts["deep"] = {"list": [1, "two", None]}
ask.note.number = 0.0
assert method("Echo")(ask) == ask.note
passed("echo")

answer, call = method("Who").with_call(Ask(), metadata=[("authorization", "Bearer ana"), ("x-note", "hello")])
assert answer.text == "ana hello", answer
passed("metadata")

for how, code in [("missing", "NOT_FOUND"), ("state", "FAILED_PRECONDITION"), ("bug", "INTERNAL")]:
    try:
        method("Fail")(Ask(how=how))
        raise AssertionError(how)
    except grpc.RpcError as error:
        assert error.code().name == code, error
try:
    method("Who")(Ask(), metadata=[("authorization", "Bearer wrong")])
    raise AssertionError("a wrong token was taken")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED and "token" in error.details(), error
try:
    method("Sing")(Ask())
    raise AssertionError("a method that is not there was called")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
passed("failures")

try:
    method("Wait")(Ask(), timeout=0.05)
    raise AssertionError("there was no deadline")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
passed("deadline")

futures = [method("Echo").future(ask) for _ in range(500)]
assert all(future.result() == ask.note for future in futures)
passed("many at once")
