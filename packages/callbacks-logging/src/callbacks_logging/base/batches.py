# SPDX-License-Identifier: MIT
"""Values of many batches, read from the device together."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard, cast

from callbacks_core import is_tensor, read_scalars

from .._learning_rates import rate_names

if TYPE_CHECKING:
    from torch import Tensor

    from callbacks_core import Logs, Scalar

Column: TypeAlias = "Sequence[float]"
Values: TypeAlias = "dict[str, Scalar]"
"""Logs whose values may still be on the device; `dict`'s own methods read none of them."""

_NUMBERS: Final = frozenset({int, float, bool})


class Batches:
    """Values of successive batches of one epoch: a column for each name.

    Attributes:
        epoch: The epoch's number.
        first_step: The number of the first of these batches, counted from 1 since the training
            began.
        columns: By its name in the logs (``batch``, ``size``, ``time``, ``loss`` and the metrics)
            the numbers of a value, one for each batch.
        rates: The learning rates of the batches, under ``lr``, or with several parameter groups
            ``lr_group_0`` and so on; batches of a validation have none.
        recorded_at: When they were handed over, in seconds since 1970.
    """

    __slots__ = ("columns", "epoch", "first_step", "rates", "recorded_at")

    def __init__(
        self,
        epoch: int,
        first_step: int,
        columns: dict[str, Column],
        rates: dict[str, Column],
        recorded_at: float,
    ) -> None:
        self.epoch = epoch
        self.first_step = first_step
        self.columns = columns
        self.rates = rates
        self.recorded_at = recorded_at

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(next(iter(self.columns.values()), ()))

    @property
    def steps(self) -> range:
        """The numbers of these batches, counted from 1 since the training began."""
        return range(self.first_step, self.first_step + len(self))

    def rows(self) -> Iterator[dict[str, float]]:
        """Yield the values of each batch, with the learning rates, by their names."""
        table = {**self.columns, **self.rates}
        for values in zip(*table.values(), strict=True):
            yield dict(zip(table, values, strict=True))


class Kept:
    """Batches that are kept until they are handed over.

    Attributes:
        logs: The logs of each.
        rates: The learning rates of each.
        step: How many were handed over since training began.
    """

    __slots__ = ("logs", "rates", "step")

    def __init__(self, step: int = 0) -> None:
        self.logs: list[Logs] = []
        self.rates: list[list[Scalar]] = []
        self.step = step

    def __reduce__(self) -> tuple[type[Kept], tuple[int]]:
        """Copy and pickle the number alone."""
        return Kept, (self.step,)

    def take(self, epoch: int, *, valid: bool) -> Recording:
        """Take what is kept, of which there is some."""
        logs, rates = self.logs, self.rates
        self.logs, self.rates = [], []
        first = self.step + 1
        self.step += len(logs)
        return Recording(epoch, first, cast("list[Values]", logs), rates, time.time(), valid=valid)


class Recording:
    """Values of batches as they are handed over by the training thread, not read yet.

    On a CUDA device the transfer is begun right away and without waiting; its end is awaited by
    the thread that reads. Values on the CPU are gathered by that thread altogether.

    Args:
        epoch: The epoch's number.
        first_step: The number of the first batch since the training began.
        logs: The logs of the batches, whose values may still be on the device.
        rates: The learning rates of each of them.
        now: The time, in seconds since 1970.
        valid: Whether they are batches of the validation.
    """

    def __init__(
        self,
        epoch: int,
        first_step: int,
        logs: list[Values],
        rates: list[list[Scalar]],
        now: float,
        *,
        valid: bool,
    ) -> None:
        self.epoch = epoch
        self.first_step = first_step
        self.valid = valid
        self._logs = logs
        self._rates = rates
        self._now = now
        self._transfer = _Transfer(logs) if _on_cuda(logs[-1]) else None
        self._unwritten: deque[Batches] | None = None

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._logs)

    def write(self, write: Callable[[Batches], object]) -> None:
        """Read the numbers and have them written; what *write* raises leaves them for next time.

        There is more than one table if batches differ in the names of their values.
        """
        if self._unwritten is None:
            self._unwritten = deque(self._read())
        while self._unwritten:
            write(self._unwritten[0])
            self._unwritten.popleft()

    def _read(self) -> list[Batches]:
        if self._transfer is not None:
            self._transfer.finish()
        found, begin = [], 0
        for names, group in groupby(self._logs, key=tuple):
            size = sum(1 for _ in group)
            logs, rates = self._logs[begin : begin + size], self._rates[begin : begin + size]
            columns = zip(*map(dict.values, logs), strict=True)  # a lazy dict's, not read
            found.append(
                Batches(
                    self.epoch,
                    self.first_step + begin,
                    {name: numbers(column) for name, column in zip(names, columns, strict=True)},
                    _rate_columns(rates),
                    self._now,
                )
            )
            begin += size
        return found


class _Transfer:
    """Brings over the values of several logs from CUDA devices, and lets nobody wait meanwhile."""

    def __init__(self, logs: list[Values]) -> None:
        torch = sys.modules["torch"]
        self._places = [
            (values, name, value)
            for values in logs
            for name, value in dict.items(values)
            if _is_cuda(value)
        ]
        by_device: dict[Any, list[int]] = {}
        for index, (_, _, value) in enumerate(self._places):
            by_device.setdefault(value.device, []).append(index)
        self._parts = []
        for device, indices in by_device.items():
            with torch.cuda.device(device):
                stack = torch.stack(
                    [self._places[index][2].reshape(()).double() for index in indices]
                )
                copy = stack.to("cpu", non_blocking=True)
                event = torch.cuda.Event()
                event.record()
            self._parts.append((indices, stack, copy, event))

    def finish(self) -> None:
        """Wait for the transfer, and put the numbers where the tensors were."""
        for indices, _, copy, event in self._parts:
            event.synchronize()
            for index, number in zip(indices, copy.tolist(), strict=True):
                values, name, value = self._places[index]
                whole = not value.is_floating_point()
                dict.__setitem__(values, name, int(number) if whole else number)
        self._parts = []


def numbers(column: Sequence[Any]) -> Column:
    """Return the numbers in *column*, tensors among them read with one transfer for each device.

    Args:
        column: Numbers, and tensors of one element.
    """
    kinds = set(map(type, column))
    if kinds <= _NUMBERS:
        return column
    if len(kinds) == 1 and is_tensor(column[0]):
        return read_alike(column)
    tensors = [value for value in column if is_tensor(value)]
    read = iter(read_scalars(tensors) if tensors else ())
    return [next(read) if is_tensor(value) else _number(value) for value in column]


def read_alike(tensors: Sequence[Any]) -> Column:
    """Return the numbers in *tensors*, which are most likely of one kind."""
    first = tensors[0]
    if first.is_floating_point() and all(
        tensor.dtype is first.dtype and not tensor.dim() and tensor.device == first.device
        for tensor in tensors
    ):
        stacked: list[float] = sys.modules["torch"].stack(list(tensors)).tolist()
        return stacked
    return read_scalars(list(tensors))


def _rate_columns(rates: list[list[Scalar]]) -> dict[str, Column]:
    first = rates[0]
    if all(values is first for values in rates):  # no step changed them
        table = [[value] * len(rates) for value in first]
    else:
        table = [list(column) for column in zip(*rates, strict=True)]
    return dict(zip(rate_names(len(first)), map(numbers, table), strict=True))


def _number(value: Any) -> float:
    return int(value) if isinstance(value, int) else float(value)


def _is_cuda(value: object) -> TypeGuard[Tensor]:
    return bool(getattr(value, "is_cuda", False))


def _on_cuda(logs: Values) -> bool:
    return any(_is_cuda(value) for value in dict.values(logs))
