# SPDX-License-Identifier: MIT
"""Rows of numbers in a state, which cost little however many there are."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

Packed: TypeAlias = "list[dict[str, Any]]"
"""Rows in a state: runs of rows with the same names, their numbers as bytes."""

_EXACT: Final = 2**53  # whole numbers up to here are floats too


class _Run(NamedTuple):
    names: tuple[str, ...]
    whole: tuple[bool, ...]  # which columns hold integers
    numbers: array[float]
    others: list[dict[str, Any]]  # rows that are no numbers by names, as they are


class RowPacker:
    """Packs a list of rows that grows, at the cost of the new ones and a copy of the bytes.

    A list of 2,000 dicts with 20 numbers takes a pickler 20 ms, at every save; packed, next to
    nothing. Rows must not be changed once they were packed.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._count = 0
        self._last: Mapping[str, Any] | None = None

    def pack(self, rows: Sequence[Mapping[str, Any]]) -> Packed:
        """Return *rows* for a state; `unpacked` returns them again.

        Args:
            rows: The same list as at the last call, longer perhaps; or any other one.
        """
        if self._count > len(rows) or (self._count and rows[self._count - 1] is not self._last):
            self._runs, self._count = [], 0
        for row in rows[self._count :]:
            self._add(row)
        self._count = len(rows)
        self._last = rows[-1] if rows else None
        return [_state(run) for run in self._runs]

    def _add(self, row: Mapping[str, Any]) -> None:
        names, values = tuple(row), row.values()
        whole = tuple(type(value) is int for value in values)
        is_plain = not names or not all(map(_fits, values))
        last = self._runs[-1] if self._runs else None
        if is_plain:
            if last is None or not last.others:
                self._runs.append(last := _Run((), (), array("d"), []))
            last.others.append(dict(row))
            return
        if last is None or last.others or last.names != names or last.whole != whole:
            self._runs.append(last := _Run(names, whole, array("d"), []))
        last.numbers.extend(values)

    def __deepcopy__(self, memo: dict[int, object]) -> RowPacker:
        """Return a packer that has seen nothing."""
        return type(self)()

    def __reduce__(self) -> tuple[type[RowPacker], tuple[()]]:
        """Pickle as a packer that has seen nothing."""
        return type(self), ()


def _fits(value: object) -> bool:
    return type(value) is float or (type(value) is int and -_EXACT <= value <= _EXACT)


def _state(run: _Run) -> dict[str, Any]:
    if run.others:
        return {"others": [dict(row) for row in run.others]}
    numbers = run.numbers
    if sys.byteorder == "big":
        numbers = array("d", numbers)
        numbers.byteswap()
    return {"names": list(run.names), "whole": list(run.whole), "numbers": numbers.tobytes()}


def unpacked(packed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that a `RowPacker` has packed; rows that are not packed come as they are."""
    rows: list[dict[str, Any]] = []
    for run in packed:
        if isinstance(run.get("others"), list):
            rows += map(dict, run["others"])
        elif isinstance(run.get("numbers"), bytes):
            rows += _rows(run)
        else:
            rows.append(dict(run))
    return rows


def _rows(run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    numbers = array("d")
    numbers.frombytes(run["numbers"])
    if sys.byteorder == "big":
        numbers.byteswap()
    names, whole = run["names"], run["whole"]
    for start in range(0, len(numbers), len(names)):
        values = numbers[start : start + len(names)]
        yield {
            name: int(value) if is_whole else value
            for name, value, is_whole in zip(names, values, whole, strict=True)
        }
