# SPDX-License-Identifier: MIT
"""Checkpoints as files: written durably with a seal, and read only when they are whole.

A file is what `torch.save` makes, and `torch.load` reads it as ever. It also carries the CRC-32
of all its bytes (`callbacks_checkpoint.sealing` tells where), since `torch.load` notices no
flipped bit in the weights.
"""

from __future__ import annotations

import os
import pickle
import re
from typing import IO, Any

import torch

from callbacks_core import Durability, PathLike, durable_open

from .errors import DamagedCheckpointError, UnsafeCheckpointError
from .sealing import About, SealingWriter
from .unsealing import CheckedFile, check


def write_checkpoint(
    state: object, file: IO[bytes], *, about: About | None = None, sync: bool = True
) -> None:
    """Write *state* to an open file, with a seal.

    Args:
        state: Tensors and plain types, in dicts, lists and tuples.
        file: A file in a binary mode, empty so far.
        about: What the seal is to tell of the file, such as ``{"epoch": 3}``.
        sync: Whether to have a large file brought to disk while the last of it is summed up. The
            rest of a durable write is up to whoever opened the file.

    Raises:
        OSError: The file cannot be written.
    """
    writer = SealingWriter(file, about=about, sync=sync)
    try:
        torch.save(state, writer)  # type: ignore[arg-type]  # write and flush are all it needs
        writer.finish()
    except BaseException as error:
        writer.abandon()
        if writer.error is not None and isinstance(error, Exception):
            raise writer.error from None  # torch tells of another one, in closing its archive
        raise


def save_checkpoint(
    state: object,
    path: PathLike,
    *,
    about: About | None = None,
    temporary: PathLike | None = None,
    durability: Durability = "fsync",
) -> None:
    """Save *state* as a sealed file that a crash leaves whole: the old one or the new one.

    Args:
        state: Tensors and plain types, in dicts, lists and tuples, such as a ``state_dict()``.
        path: The file. Missing parents are made.
        about: What the seal is to tell of the file, such as ``{"epoch": 3}``.
        temporary: The file to write to at first, on the same file system; by default *path* with
            ``.tmp`` added.
        durability: ``"fsync"`` survives a power cut once this has returned; ``"rename"`` a kill.

    Raises:
        OSError: The file cannot be written; the old one is as it was.
    """
    with durable_open(path, "wb", temporary=temporary, durability=durability) as file:
        write_checkpoint(state, file, about=about, sync=durability == "fsync")


def load_checkpoint(path: PathLike, *, map_location: Any = "cpu") -> Any:
    """Return what a checkpoint holds, once every byte of it was found to be what was saved.

    Nothing in a file can run code: it is read with ``weights_only=True``, and there is no way to
    turn that off. A file without a seal, from plain `torch.save`, is read too, checked as far as
    the zip archive allows.

    Args:
        path: The file.
        map_location: Where its tensors go, as for `torch.load`.

    Raises:
        DamagedCheckpointError: The file is not what was saved, or no checkpoint at all.
        UnsafeCheckpointError: It holds more than tensors and plain types.
        OSError: It cannot be opened or read.
    """
    with open(path, "rb") as file:
        return read_checkpoint(file, map_location=map_location)


def read_checkpoint(file: IO[bytes], *, map_location: Any = "cpu") -> Any:
    """Return what an open checkpoint holds; otherwise this is `load_checkpoint`."""
    path = _name(file)
    _check(file, path)
    is_archive = file.read(2) == b"PK"
    file.seek(0)
    try:
        return torch.load(file, map_location=map_location, weights_only=True)
    except Exception as error:
        if not is_archive:
            why = "it is no checkpoint that can be read safely"
            raise DamagedCheckpointError(path, why) from error
        if isinstance(error, pickle.UnpicklingError):
            raise UnsafeCheckpointError(path, _culprit(error)) from error
        raise DamagedCheckpointError(path, f"torch.load cannot read it: {error}") from error


def _culprit(error: pickle.UnpicklingError) -> str:
    """Return what a file asks for that is not allowed; torch's own message is a page long."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return f"it asks for {found[1]}" if found else "it holds more than tensors and plain types"


def verify_checkpoint(path: PathLike) -> CheckedFile:
    """Read a checkpoint through, without loading it, to find out whether it is whole.

    Args:
        path: The file.

    Returns:
        The verdict, ``"whole"`` or, when it has no seal and nothing speaks against it,
        ``"unverified"``; and what the seal tells of the file.

    Raises:
        DamagedCheckpointError: It is not what was saved.
        OSError: It cannot be opened or read.
    """
    with open(path, "rb") as file:
        return _check(file, os.fspath(path))


def _check(file: IO[bytes], path: str) -> CheckedFile:
    try:
        return check(file)
    except ValueError as error:
        raise DamagedCheckpointError(path, str(error)) from error


def _name(file: IO[bytes]) -> str:
    name = getattr(file, "name", None)
    return os.fspath(name) if isinstance(name, str | os.PathLike) else "<file>"
