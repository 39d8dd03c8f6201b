# SPDX-License-Identifier: MIT
"""What tells which files a sharded checkpoint is made of, and what is in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from callbacks_core import durable_open

from ..errors import DamagedCheckpointError

NAME: Final = "manifest.json"
_BLOCK: Final = 1 << 20


class Shard(NamedTuple):
    """A file of a checkpoint."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """The files of a checkpoint.

    Attributes:
        folder: The name of the folder that they are in, beside the manifest.
        shards: The files, by their names.
    """

    folder: str
    shards: Mapping[str, Shard]

    def write(self, path: Path) -> None:
        """Write it durably, in the place of an older one.

        The line after it is its own SHA-256.
        """
        shards = {name: list(shard) for name, shard in sorted(self.shards.items())}
        text = json.dumps({"folder": self.folder, "shards": shards})
        with durable_open(path, "w") as file:
            file.write(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n")


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in the file *path*.

    Raises:
        DamagedCheckpointError: It is not what was written.
        OSError: It cannot be read.
    """
    lines = path.read_bytes().split(b"\n")
    if len(lines) != 3 or hashlib.sha256(lines[0]).hexdigest().encode() != lines[1] or lines[2]:
        raise DamagedCheckpointError(str(path.parent), f"some bytes of its {NAME} have changed")
    content = json.loads(lines[0])
    shards = {name: Shard(*shard) for name, shard in content["shards"].items()}
    return Manifest(content["folder"], shards)


def describe(path: Path) -> Shard:
    """Return the size and the hash of a file."""
    digest = hashlib.sha256()
    size = 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return Shard(size, digest.hexdigest())
