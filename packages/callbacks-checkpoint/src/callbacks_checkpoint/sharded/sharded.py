# SPDX-License-Identifier: MIT
"""Checkpoints of models that are spread over several processes."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

from callbacks_core import PathLike, as_path, make_folder, rank, sync_folder, world_size

from ..errors import DamagedCheckpointError, UnsafeCheckpointError
from ._group import on_rank_zero, together
from ._manifest import NAME, Manifest, Shard, describe, read_manifest

_SHARDS: Final = "shards-"
_INDEX: Final = ".metadata"


def is_sharded(state: object) -> bool:
    """Whether any tensor in *state* is a DTensor, of which each process has a part.

    Args:
        state: Tensors and plain types, in dicts, lists and tuples.
    """
    from torch.distributed import is_available

    if not is_available():
        return False
    from torch.distributed.tensor import DTensor

    return any(isinstance(value, DTensor) for value in _leaves(state))


def _leaves(state: object) -> Iterable[object]:
    if isinstance(state, Mapping):
        for value in state.values():
            yield from _leaves(value)
    elif isinstance(state, list | tuple):
        for value in state:
            yield from _leaves(value)
    else:
        yield state


def save_sharded(state: dict[str, Any], path: PathLike) -> None:
    """Save *state* from all processes at once, each writing what it has of the tensors.

    Every process of the group must call it, with the same path in a file system that all of them
    share. What comes to be is a folder with the shards, written by ``torch.distributed.checkpoint``
    and brought to disk, and a manifest with the SHA-256 of each of them. The manifest takes the
    place of an older one at a stroke, once all shards are on disk: until then the older checkpoint
    is what the folder holds, and what a killed process has left is removed by the next save.

    Args:
        state: Tensors, sharded or not, and plain types, in dicts.
        path: The folder. Missing parents are made.

    Raises:
        ImportError: NumPy is missing, which torch needs to let processes talk.
        OtherRankError: Another process has failed.
        OSError: The shards cannot be written.
    """
    _require_numpy()
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.filesystem import FileSystemWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    folder = as_path("path", path)
    shards = Path(on_rank_zero(lambda: _begin(folder)))
    try:
        with _alone_or_not():
            save(state, storage_writer=FileSystemWriter(shards, sync_files=True))
    except CheckpointException as error:  # which no `except Exception` catches
        raise _reason(error, folder) from error
    described = together(lambda: {name: describe(shards / name) for name in _own(shards)})
    files = {name: shard for part in described for name, shard in part.items()}
    on_rank_zero(lambda: _commit(folder, shards, files))


def _begin(folder: Path) -> str:
    """Remove what belongs to no checkpoint, and return where the shards go."""
    make_folder(folder)
    current = None
    if (folder / NAME).exists():
        current = read_manifest(folder / NAME).folder
    _remove_all_but(current, folder)
    number = int(current.removeprefix(_SHARDS)) if current is not None else 0
    shards = folder / f"{_SHARDS}{number + 1}"
    make_folder(shards)
    return os.fspath(shards)


def _own(shards: Path) -> list[str]:
    """Return the names of the files that this process has written."""
    mark = f"__{rank()}_"
    names = [name for name in os.listdir(shards) if name.startswith(mark)]
    return [*names, _INDEX] if rank() == 0 else names


def _commit(folder: Path, shards: Path, files: dict[str, Shard]) -> bool:
    sync_folder(shards)
    Manifest(shards.name, files).write(folder / NAME)
    _remove_all_but(shards.name, folder)
    return True


def _remove_all_but(kept: str | None, folder: Path) -> None:
    for other in folder.glob(f"{_SHARDS}*"):
        if other.name != kept:
            shutil.rmtree(other)


def load_sharded(state: dict[str, Any], path: PathLike) -> None:
    """Load a checkpoint into the tensors of *state*, once all of it was found to be whole.

    Every process of the group must call it. There may be more or fewer of them than have saved,
    and tensors may be sharded in another way: each gets its part. Nothing in the files can run
    code.

    Args:
        state: As it was saved: the same names, and tensors of the same shapes, whose values are
            replaced. Values that are no tensors are replaced in the dicts.
        path: The folder.

    Raises:
        DamagedCheckpointError: Some file is not what was saved.
        UnsafeCheckpointError: The files hold more than tensors and plain types.
        OtherRankError: Another process has failed, or found damage.
        OSError: A file cannot be read.
        Exception: *state* does not fit what was saved; torch tells how.
    """
    _require_numpy()
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_loader import load

    from ._reading import SafePlanner, SafeReader

    folder = as_path("path", path)

    def check() -> Path:
        manifest = _verify(folder, share=(rank(), world_size()))
        shards = folder / manifest.folder
        SafeReader(shards).read_metadata()  # torch itself would not tell what is wrong with it
        return shards

    shards = together(check)[rank()]
    try:
        with _alone_or_not():
            load(state, storage_reader=SafeReader(shards), planner=SafePlanner())
    except CheckpointException as error:
        raise _reason(error, folder) from error


def _reason(error: Any, folder: Path) -> Exception:
    """Return what is behind an error that torch raises in every process."""
    for cause, _ in error.failures.values():
        if isinstance(cause, UnpicklingError):
            why = "it holds more than tensors and plain types"
            return UnsafeCheckpointError(os.fspath(folder), why)
        if isinstance(cause, Exception):
            return cause
    return RuntimeError(str(error))


def verify_sharded(path: PathLike) -> None:
    """Read a sharded checkpoint through, in one process, to find out whether it is whole.

    Args:
        path: The folder.

    Raises:
        DamagedCheckpointError: It is not what was saved.
        OSError: It cannot be read.
    """
    _verify(as_path("path", path), share=(0, 1))


def _verify(folder: Path, share: tuple[int, int]) -> Manifest:
    """Check every so manieth shard: *share* is the first one, and how many share the work."""
    manifest = read_manifest(folder / NAME)
    first, step = share
    for name, expected in list(manifest.shards.items())[first::step]:
        shard = folder / manifest.folder / name
        if not shard.exists():
            raise DamagedCheckpointError(os.fspath(folder), f"{shard.name} is missing")
        if describe(shard) != expected:
            raise DamagedCheckpointError(
                os.fspath(folder), f"some bytes of {shard.name} have changed"
            )
    return manifest


@contextmanager
def _alone_or_not() -> Iterator[None]:
    """Keep torch from warning that there is one process alone, which is fine."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled, unavailable or uninit")
        yield


def _require_numpy() -> None:
    from importlib.util import find_spec

    if world_size() > 1 and find_spec("numpy") is None:
        raise ImportError(
            "sharded checkpoints need NumPy, with which torch sends objects between processes: "
            "pip install numpy"
        )
