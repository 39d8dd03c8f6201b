# SPDX-License-Identifier: MIT
"""Reading of shards in which nothing can run code.

A reader of ``torch.distributed.checkpoint`` unpickles an index, and every value that is no tensor,
whatever is in them. Those here take the types that an index is made of, and `torch.load`'s safe
ones, and nothing else.
"""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, Any, Final

import torch
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.planner import ReadItem

from ..errors import UnsafeCheckpointError

_ALLOWED: Final = {
    "collections": {"OrderedDict"},
    "torch": {"Size", "device"},
    "torch.distributed.checkpoint.filesystem": {"_StorageInfo", "_StoragePrefix"},
    "torch.distributed.checkpoint.metadata": {
        "BytesStorageMetadata",
        "ChunkStorageMetadata",
        "Metadata",
        "MetadataIndex",
        "StorageMeta",
        "TensorProperties",
        "TensorStorageMetadata",
        "_MEM_FORMAT_ENCODING",
    },
    "torch.serialization": {"_get_layout"},
}
_PATHS: Final = {"PosixPath": PurePosixPath, "WindowsPath": PureWindowsPath}


class SafeReader(FileSystemReader):
    """Reads an index that consists of what an index consists of.

    Args:
        path: The folder with the shards.
    """

    def read_metadata(self, *args: Any, **options: Any) -> Metadata:
        with open(self._get_metadata_path(options.get("rank")), "rb") as file:
            metadata: Metadata = _Unpickler(file, str(self.path)).load()
        if metadata.storage_meta is None:
            metadata.storage_meta = StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata


class SafePlanner(DefaultLoadPlanner):
    """Loads values that are no tensors as `torch.load` does with ``weights_only=True``."""

    def load_bytes(self, read_item: ReadItem, value: BytesIO) -> None:
        loaded = torch.load(value, map_location="cpu", weights_only=True)
        safe = BytesIO()
        torch.save(loaded, safe)
        safe.seek(0)
        super().load_bytes(read_item, safe)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], path: str) -> None:
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "pathlib" and name in _PATHS:
            return _PATHS[name]
        if name in _ALLOWED.get(module, ()):
            return super().find_class(module, name)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise UnsafeCheckpointError(self._path, f"its index asks for {module}.{name}")
