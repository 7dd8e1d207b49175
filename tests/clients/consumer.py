"""A consumer of the events in Redis: it knows Redis, CloudEvents 1.0 and our protos, and nothing of our code.

Usage: consumer.py HOST PORT STREAM. Prints each entry of the stream as a line of JSON in the form of the JSON format, whatever
the format of the entry is; exits non-zero with what is wrong when anything is not as it should be.
"""

import functools
import json
import socket
import sys
from pathlib import Path

from google.protobuf import any_pb2, timestamp_pb2  # noqa: F401, what CloudEvents are described with
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format

sys.path.insert(0, str(Path(__file__).parents[1] / "services"))
from protos import messages  # noqa: E402

# io.cloudevents.v1.CloudEvent as https://github.com/cloudevents/spec describes it, but for data that is no message.
CLOUD_EVENTS = """
name: "cloudevents.proto" package: "io.cloudevents.v1" syntax: "proto3"
dependency: "google/protobuf/any.proto" dependency: "google/protobuf/timestamp.proto"
message_type {
  name: "CloudEvent"
  field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "source" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "spec_version" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "type" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL }
  field {
    name: "attributes" number: 5 type: TYPE_MESSAGE label: LABEL_REPEATED
    type_name: ".io.cloudevents.v1.CloudEvent.AttributesEntry"
  }
  field {
    name: "proto_data" number: 8 type: TYPE_MESSAGE label: LABEL_OPTIONAL
    type_name: ".google.protobuf.Any"
  }
  nested_type {
    name: "AttributesEntry"
    options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field {
      name: "value" number: 2 type: TYPE_MESSAGE label: LABEL_OPTIONAL
      type_name: ".io.cloudevents.v1.CloudEvent.CloudEventAttributeValue"
    }
  }
  nested_type {
    name: "CloudEventAttributeValue"
    oneof_decl { name: "attr" }
    field { name: "ce_boolean" number: 1 type: TYPE_BOOL label: LABEL_OPTIONAL oneof_index: 0 }
    field { name: "ce_integer" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL oneof_index: 0 }
    field { name: "ce_string" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
    field { name: "ce_bytes" number: 4 type: TYPE_BYTES label: LABEL_OPTIONAL oneof_index: 0 }
    field { name: "ce_uri" number: 5 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
    field { name: "ce_uri_ref" number: 6 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
    field {
      name: "ce_timestamp" number: 7 type: TYPE_MESSAGE label: LABEL_OPTIONAL oneof_index: 0
      type_name: ".google.protobuf.Timestamp"
    }
  }
}
"""


messages = functools.cache(messages)


def ask(stream, *command):
    """Sends a command to Redis, and answers its reply."""
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in (word.encode() for word in command))
    stream.write(b"*%d\r\n%s" % (len(command), parts))
    stream.flush()
    return reply(stream)


def reply(stream):
    line = stream.readline()
    kind, value = line[:1], line[1:].strip()
    if kind == b"*":
        return [reply(stream) for _ in range(int(value))]
    if kind == b"$":
        return stream.read(int(value) + 2)[:-2]
    raise ValueError(f"Redis answered {line}")


def from_protobuf(cloud_event, body):
    event = cloud_event.FromString(body)
    found = {"specversion": event.spec_version, "id": event.id, "source": event.source, "type": event.type}
    for name, value in event.attributes.items():
        kind = value.WhichOneof("attr")
        attribute = getattr(value, kind)
        found[name] = json_format.MessageToDict(attribute) if kind == "ce_timestamp" else attribute
    type_url, _, name = event.proto_data.type_url.rpartition("/")
    assert type_url == "type.googleapis.com", type_url
    package, _, message = name.rpartition(".")
    data = messages(package)[message].FromString(event.proto_data.value)
    return {**found, "data": json_format.MessageToDict(data)}


def main(host, port, name):
    described = text_format.Parse(CLOUD_EVENTS, descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.Default()
    pool.Add(described)
    cloud_event = message_factory.GetMessageClass(pool.FindMessageTypeByName("io.cloudevents.v1.CloudEvent"))
    formats = {
        "application/cloudevents+json": json.loads,
        "application/cloudevents+protobuf": lambda body: from_protobuf(cloud_event, body),
    }
    with socket.create_connection((host, int(port))) as connection:
        entries = ask(connection.makefile("rwb"), "XRANGE", name, "-", "+")
    for _, fields in entries:
        entry = dict(zip(fields[::2], fields[1::2]))
        content_type = entry[b"content-type"].decode()
        print(json.dumps({"format": content_type, **formats[content_type](entry[b"event"])}))


main(*sys.argv[1:])
