"""Calls methods through gRPC's C core, by descriptors that the server itself tells: smoke.py ADDRESS

A line of JSON for each call: {"service", "method", "key", "request"}. A line for its code.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

channel = grpc.insecure_channel(sys.argv[1])
pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

for line in sys.stdin:
    asked = json.loads(line)
    method = pool.FindServiceByName(asked["service"]).FindMethodByName(asked["method"])
    given, answered = (message_factory.GetMessageClass(it) for it in (method.input_type, method.output_type))
    kind = channel.unary_stream if method.server_streaming else channel.unary_unary
    call = kind(f"/{asked['service']}/{asked['method']}", given.SerializeToString, answered.FromString)
    request = json_format.ParseDict(asked["request"], given(), descriptor_pool=pool)
    metadata = [("authorization", "Bearer " + asked["key"])]
    try:
        if method.server_streaming:
            messages = call(request, metadata=metadata, timeout=10)
            next(messages)
            messages.cancel()
        else:
            json_format.MessageToJson(call(request, metadata=metadata, timeout=10), descriptor_pool=pool)
        print("OK", flush=True)
    except grpc.RpcError as error:
        print(error.code().name, flush=True)
