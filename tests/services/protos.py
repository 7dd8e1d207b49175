"""The messages of our protos, of which a service of the tests knows nothing else."""

import os
import subprocess
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "cartwright.provider.v1"


def messages(package=PACKAGE):
    """The classes of a package's messages, by name."""
    protos = Path(__file__).parents[2] / "proto"
    buf = os.environ["CARTWRIGHT_TEST_BUF"]
    command = [buf, "build", protos, "--path", protos / package.replace(".", "/"), "-o", "-"]
    built = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    files = descriptor_pb2.FileDescriptorSet.FromString(built)
    found = message_factory.GetMessages(files.file, pool=descriptor_pool.DescriptorPool())
    return {name.removeprefix(package + "."): found[name] for name in found}
