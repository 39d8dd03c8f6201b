# SPDX-License-Identifier: MIT
"""What a state is made of: its tensors' storages, and a pickle of everything else."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any, Final

import torch
from torch import Tensor, UntypedStorage
from torch.nn import Parameter
from torch.serialization import location_tag
from torch.storage import TypedStorage

_LEAVES: Final = frozenset(
    {
        type(None),
        bool,
        bytes,
        complex,
        float,
        int,
        str,
        torch.Size,
        torch.device,
        torch.dtype,
    }
)


class ChangedTensorError(RuntimeError):
    """A tensor was changed while it was being copied beside training; nothing was saved."""


class Structure:
    """A state taken apart, at the cost of a microsecond or two for each value in it.

    Containers are copied, so that later changes do not reach what is saved. The pickle, which
    takes ten times as long, is left for `pickled` to make. Only a state with more than tensors and
    plain types in it is pickled at once, as nobody else knows how to copy it.

    Args:
        state: What is to be saved.

    Attributes:
        storages: The storages of its tensors by their addresses as objects: each is there once,
            however many tensors look at it.
        on_cuda: Whether any of them is on a CUDA device.
    """

    def __init__(self, state: object) -> None:
        self._pickled: bytes | None = None
        self.storages: dict[int, UntypedStorage] = {}
        self.on_cuda = False
        try:
            self._copy = self._copied(state, {})
        except _NotPlainError:
            self._copy = state
            self.storages.clear()
            self._pickled = self._pickle(complete=False)
            self._copy = None
            self.on_cuda = any(storage.is_cuda for storage in self.storages.values())

    def _copied(self, value: Any, seen: dict[int, Any]) -> Any:
        kind = type(value)
        if kind in _LEAVES:
            return value
        if kind is Tensor or kind is Parameter:
            self._note(value)
            return value
        if id(value) in seen:
            return seen[id(value)]
        if kind is dict:
            mapping = seen[id(value)] = {}
            self._copy_items(value, mapping, seen)
            return mapping
        if kind is list:
            items = seen[id(value)] = []
            items.extend([self._copied(item, seen) for item in value])
            return items
        if kind is OrderedDict:
            ordered = seen[id(value)] = OrderedDict()
            self._copy_items(value, ordered, seen)
            vars(ordered).update(self._copied(vars(value), seen))
            return ordered
        if kind is tuple:
            return tuple([self._copied(item, seen) for item in value])
        raise _NotPlainError

    def _copy_items(self, value: Any, copy: Any, seen: dict[int, Any]) -> None:
        for key, item in value.items():
            if type(key) not in _LEAVES:
                key = self._copied(key, seen)
            if type(item) is Tensor:  # most items are, and a call for each takes its time
                self._note(item)
                copy[key] = item
            else:
                copy[key] = self._copied(item, seen)

    def _note(self, tensor: Tensor) -> None:
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            raise _NotPlainError
        storage = tensor.untyped_storage()
        self.storages.setdefault(storage._cdata, storage)
        if tensor.is_cuda:
            self.on_cuda = True

    def pickled(self) -> bytes:
        """Return the pickle in which `torch.load` finds all but the content of the storages.

        The storages are named by their position in `storages`.

        Raises:
            ChangedTensorError: A tensor has got another storage since.
            ValueError: Two tensors look at the same bytes as different types, which the file
                format cannot express.
        """
        if self._pickled is None:
            self._pickled = self._pickle(complete=True)
            self._copy = None
        return self._pickled

    def _pickle(self, *, complete: bool) -> bytes:
        file = io.BytesIO()
        pickler = _Pickler(file, self.storages)
        before = len(self.storages)
        pickler.dump(self._copy)
        if complete and len(self.storages) != before:
            raise ChangedTensorError(
                "a tensor was given other memory while it was being saved beside training"
            )
        return file.getvalue()


class _NotPlainError(Exception):
    """A state holds something that cannot be copied by looking at it."""


class _Pickler(pickle.Pickler):
    """Pickles like `torch.save`, which asks storages for the same few attributes.

    Args:
        file: Where to.
        storages: The storages by their address as objects; those that are missing are added.
    """

    def __init__(self, file: io.BytesIO, storages: dict[int, UntypedStorage]) -> None:
        super().__init__(file, protocol=2)  # the one that torch.load(weights_only=True) reads
        self._storages = storages
        self._keys = {address: str(index) for index, address in enumerate(storages)}
        self._types: dict[int, torch.dtype] = {}

    def persistent_id(self, obj: Any) -> tuple[object, ...] | None:
        if isinstance(obj, TypedStorage):
            storage = obj._untyped_storage
            kind = getattr(torch, obj._pickle_storage_type())  # type: ignore[no-untyped-call]  # torch has no types for it
            return self._named(storage, kind, obj.dtype, obj._size())  # type: ignore[no-untyped-call]  # likewise
        if isinstance(obj, UntypedStorage):
            return self._named(obj, UntypedStorage, torch.uint8, obj.nbytes())
        return None

    def _named(
        self, storage: UntypedStorage, kind: object, dtype: torch.dtype, size: int
    ) -> tuple[object, ...]:
        if storage.nbytes() and self._types.setdefault(storage.data_ptr(), dtype) != dtype:
            raise ValueError(
                f"two tensors of the state look at the same bytes, as {dtype} and as "
                f"{self._types[storage.data_ptr()]}; save a clone of one of them"
            )
        self._storages.setdefault(storage._cdata, storage)
        key = self._keys.setdefault(storage._cdata, str(len(self._keys)))
        return ("storage", kind, key, location_tag(storage), size)
