"""Stock S3 clients against one endpoint: says one JSON line for each thing that it found.

argv: endpoint, access key, secret key, artifact's key in mlpipeline, another namespace's access and secret key
"""

import io
import json
import sys
import urllib.request

import boto3
import minio
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject

endpoint, access, secret, artifact, other_access, other_secret = sys.argv[1:]


def say(name, **fields):
    print(json.dumps({"name": name, **fields}))


def client_of(access, secret, **config):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}, **config),
    )


def refusal(act):
    try:
        act()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


s3 = client_of(access, secret)
say("artifact", bytes=s3.get_object(Bucket="mlpipeline", Key=artifact)["Body"].read().decode())
say(
    "protected",
    overwrite=refusal(lambda: s3.put_object(Bucket="mlpipeline", Key=artifact, Body=b"x")),
    beneath=refusal(lambda: s3.put_object(Bucket="mlpipeline", Key=artifact + "/x", Body=b"x")),
    delete=refusal(lambda: s3.delete_object(Bucket="mlpipeline", Key=artifact)),
)

s3.create_bucket(Bucket="stock-boto3")
big = bytes(range(256)) * (1 << 16)
transfer = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
s3.upload_fileobj(io.BytesIO(big), "stock-boto3", "deep/in/big.bin", Config=transfer, ExtraArgs={"Metadata": {"kind": "big"}})
found = io.BytesIO()
s3.download_fileobj("stock-boto3", "deep/in/big.bin", found, Config=transfer)
head = s3.head_object(Bucket="stock-boto3", Key="deep/in/big.bin")
say("transfer", same=found.getvalue() == big, kind=head["Metadata"]["kind"], parts=head["ETag"].endswith('-2"'))

checksums = {}
for algorithm in ["CRC32", "SHA1", "SHA256"]:
    answer = s3.put_object(Bucket="stock-boto3", Key=f"sums/{algorithm}", Body=b"123456789", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket="stock-boto3", Key=f"sums/{algorithm}", ChecksumMode="ENABLED")
    got["Body"].read()
    checksums[algorithm] = answer[f"Checksum{algorithm}"] == got[f"Checksum{algorithm}"]
say("checksums", **checksums)

s3.put_object(Bucket="stock-boto3", Key="odd names/ä+b=c&d?e#f%20.txt", Body=b"odd", ContentType="text/plain")
s3.copy_object(Bucket="stock-boto3", Key="copied", CopySource={"Bucket": "stock-boto3", "Key": "odd names/ä+b=c&d?e#f%20.txt"})
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="stock-boto3", PaginationConfig={"PageSize": 2})
say(
    "listing",
    keys=[entry["Key"] for page in pages for entry in page["Contents"]],
    folders=[each["Prefix"] for each in s3.list_objects_v2(Bucket="stock-boto3", Delimiter="/")["CommonPrefixes"]],
    type=s3.head_object(Bucket="stock-boto3", Key="copied")["ContentType"],
)

url = s3.generate_presigned_url("get_object", Params={"Bucket": "stock-boto3", "Key": "copied"}, ExpiresIn=60)
put = client_of(access, secret, signature_version="s3v4").generate_presigned_url("put_object", Params={"Bucket": "stock-boto3", "Key": "presigned"}, ExpiresIn=60)
urllib.request.urlopen(urllib.request.Request(put, data=b"by url", method="PUT"))
say(
    "presigned",
    get=urllib.request.urlopen(url).read().decode(),
    put=s3.get_object(Bucket="stock-boto3", Key="presigned")["Body"].read().decode(),
)

ranged = s3.get_object(Bucket="stock-boto3", Key="presigned", Range="bytes=3-4")
say(
    "conditions",
    range=ranged["Body"].read().decode(),
    content=ranged["ContentRange"],
    once=refusal(lambda: s3.put_object(Bucket="stock-boto3", Key="presigned", Body=b"", IfNoneMatch="*")),
    stale=refusal(lambda: s3.get_object(Bucket="stock-boto3", Key="presigned", IfMatch="other")),
    beyond=refusal(lambda: s3.get_object(Bucket="stock-boto3", Key="presigned", Range="bytes=99-")),
    versioning=s3.get_bucket_versioning(Bucket="stock-boto3").get("Status"),
    policy=refusal(lambda: s3.get_bucket_policy(Bucket="stock-boto3")),
    tagging=refusal(lambda: s3.put_object_tagging(Bucket="stock-boto3", Key="copied", Tagging={"TagSet": []})),
)

other = client_of(other_access, other_secret)
say(
    "other namespace",
    get=refusal(lambda: other.get_object(Bucket="mlpipeline", Key=artifact)),
    list=refusal(lambda: other.list_objects_v2(Bucket="mlpipeline")),
    bucket=refusal(lambda: other.head_bucket(Bucket="stock-boto3")),
    buckets=[bucket["Name"] for bucket in other.list_buckets()["Buckets"]],
    wrong=refusal(lambda: client_of(access, "wrong").list_buckets()),
    unknown=refusal(lambda: client_of("unknown", secret).list_buckets()),
)

batch = s3.delete_objects(Bucket="stock-boto3", Delete={"Objects": [{"Key": "copied"}, {"Key": "presigned"}, {"Key": "never"}]})
say("deleted", keys=sorted(entry["Key"] for entry in batch["Deleted"]), left=refusal(lambda: s3.delete_bucket(Bucket="stock-boto3")))

mc = minio.Minio(endpoint.removeprefix("http://"), access_key=access, secret_key=secret, secure=False)
mc.make_bucket("stock-minio")
mc.put_object("stock-minio", "a/small", io.BytesIO(b"small"), 5, metadata={"color": "blue"})
mc.put_object("stock-minio", "a/streamed", io.BytesIO(big), -1, part_size=8 << 20)
mc.copy_object("stock-minio", "b", CopySource("stock-minio", "a/small"))
stat = mc.stat_object("stock-minio", "a/small")
streamed = mc.get_object("stock-minio", "a/streamed")
same = streamed.read() == big
streamed.close()
keys = [entry.object_name for entry in mc.list_objects("stock-minio", recursive=True)]
top = [entry.object_name for entry in mc.list_objects("stock-minio")]
for error in mc.remove_objects("stock-minio", [DeleteObject(key) for key in keys]):
    say("minio error", error=str(error))
mc.remove_bucket("stock-minio")
say(
    "minio",
    same=same,
    color=stat.metadata["x-amz-meta-color"],
    keys=keys,
    top=top,
    exists=mc.bucket_exists("stock-minio"),
)
