# SPDX-License-Identifier: MIT
"""Weights for other programs: files in the format of safetensors, of tensors alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import torch

from callbacks_core import Durability, PathLike, durable_open

from ._safetensors import BLANK, WRITER, check_safetensors, entry
from .errors import DamagedCheckpointError


def export_safetensors(
    weights: Mapping[str, Any] | torch.nn.Module,
    path: PathLike,
    *,
    about: Mapping[str, str] | None = None,
    durability: Durability = "fsync",
) -> None:
    """Write weights as safetensors, durably and with a hash in the file's metadata.

    Each name gets a tensor of its own: tied weights are written as often as they are named. The
    whole file is made in memory first.

    Args:
        weights: A network, or tensors by name.
        path: The file. Missing parents are made.
        about: What else is to stand in the metadata.
        durability: ``"fsync"`` survives a power cut once this has returned; ``"rename"`` a kill.

    Raises:
        ImportError: safetensors is not installed.
        TypeError: *weights* holds something that is no tensor, or *about* something else than
            text.
        OSError: The file cannot be written; the old one is as it was.
    """
    library = _library()
    state = weights.state_dict() if isinstance(weights, torch.nn.Module) else weights
    metadata = {**(about or {}), "format": "pt", "writer": WRITER, "sha256": BLANK}
    for text in (*metadata, *metadata.values()):
        _check_text(text)
    content = library.save({name: _plain(name, value) for name, value in state.items()}, metadata)
    digest = hashlib.sha256(content).hexdigest()
    place = content.index(entry(BLANK)) + len(entry("")) - 1
    with durable_open(path, durability=durability) as file:
        file.write(content[:place])
        file.write(digest.encode())
        file.write(memoryview(content)[place + len(digest) :])


def load_safetensors(path: PathLike, *, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file, once it was found to be whole.

    Args:
        path: The file.
        device: Where the tensors go.

    Raises:
        ImportError: safetensors is not installed.
        DamagedCheckpointError: The file is not what was written.
        OSError: It cannot be read.
    """
    library = _library()
    with open(path, "rb") as file:
        try:
            check_safetensors(file)
            file.seek(0)
            loaded: dict[str, torch.Tensor] = library.load(file.read())
        except Exception as error:
            raise DamagedCheckpointError(os.fspath(path), str(error)) from error
    return {name: tensor.to(device) for name, tensor in loaded.items()}


def _plain(name: str, value: object) -> torch.Tensor:
    """Return a tensor on the host that shares its memory with no other."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"safetensors hold tensors only, and {name!r} is a {type(value).__name__}")
    return value.detach().to("cpu", copy=True).contiguous()


def _check_text(value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"`about` must hold text only, not {value!r}")


def _library() -> Any:
    try:
        from safetensors import torch as library
    except ImportError as error:
        raise ImportError(
            'safetensors is not installed: pip install "callbacks-checkpoint[safetensors]"'
        ) from error
    return library
