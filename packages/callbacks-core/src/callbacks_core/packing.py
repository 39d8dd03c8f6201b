# SPDX-License-Identifier: MIT
"""Rows of numbers in a state, which cost little however many there are."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

Packed: TypeAlias = "dict[str, Any]"
"""Rows in a state.

``"packed"`` has the rows in groups, each with the same names and types, the numbers as one tensor;
``"order"`` has the group of each row, as a tensor too; ``"last"`` has the last row, as it is.
Where torch was not imported, bytes take the place of tensors.
"""

_KEYS: Final = {"packed", "order", "last"}
_EXACT: Final = 2**53  # whole numbers up to here are floats too

_Kind: TypeAlias = "tuple[tuple[str, ...], tuple[bool, ...]]"  # names, and which have integers


class RowPacker:
    """Packs a list of rows that grows, at the cost of the new ones and a copy of the bytes.

    `torch.save` takes about a hundred times as long for 2,000 dicts with 25 numbers as for a tensor
    of these, and would at every save. All rows but the last must not be changed any more once they
    were packed.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[_Kind | None, array[float]] = {}
        self._others: list[dict[str, Any]] = []  # rows that are no numbers by names, as they are
        self._order = array("i")
        self._newest: Mapping[str, Any] | None = None

    def pack(self, rows: Sequence[Mapping[str, Any]]) -> Packed:
        """Return *rows* for a state; `unpacked` returns them again.

        Args:
            rows: The same list as at the last call, longer perhaps; or any other one.
        """
        count = len(self._order)
        if count and (count >= len(rows) or rows[count - 1] is not self._newest):
            self._forget()
        for row in rows[len(self._order) : -1]:
            self._add(row)
        return {
            "packed": [self._group(kind) for kind in self._numbers],
            "order": _content(self._order),
            "last": [dict(row) for row in rows[-1:]],
        }

    def _add(self, row: Mapping[str, Any]) -> None:
        kind = _kind(row)
        numbers = self._numbers.setdefault(kind, array("d"))
        if kind is None:
            self._others.append(dict(row))
        else:
            numbers.extend(row.values())
        self._order.append(list(self._numbers).index(kind))
        self._newest = row

    def _group(self, kind: _Kind | None) -> dict[str, Any]:
        if kind is None:
            return {"rows": [dict(row) for row in self._others]}
        names, whole = kind
        numbers = _content(self._numbers[kind])
        return {"names": list(names), "whole": list(whole), "numbers": numbers}

    def __reduce__(self) -> tuple[type[RowPacker], tuple[()]]:
        """Copy and pickle as a packer that has seen nothing."""
        return type(self), ()


def _kind(row: Mapping[str, Any]) -> _Kind | None:
    if not row or not all(map(_fits, row.values())):
        return None
    return tuple(row), tuple(type(value) is int for value in row.values())


def _fits(value: object) -> bool:
    return type(value) is float or (type(value) is int and -_EXACT <= value <= _EXACT)


def is_packed(value: object) -> bool:
    """Whether *value* is what a `RowPacker` has packed."""
    return isinstance(value, dict) and value.keys() == _KEYS and isinstance(value["last"], list)


def unpacked(packed: Packed | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that a `RowPacker` has packed.

    Args:
        packed: What it returned; or rows that were never packed, which come as they are.
    """
    if not is_packed(packed):
        return [dict(row) for row in cast("Iterable[Mapping[str, Any]]", packed)]
    state = cast(Packed, packed)
    groups = [_rows(group) for group in state["packed"]]
    rows = [next(groups[index]) for index in _listed("i", state["order"])]
    return [*rows, *map(dict, state["last"])]


def _rows(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "rows" in group:
        yield from map(dict, group["rows"])
        return
    numbers, names, whole = _listed("d", group["numbers"]), group["names"], group["whole"]
    for start in range(0, len(numbers), len(names)):
        values = numbers[start : start + len(names)]
        yield {
            name: int(value) if is_whole else value
            for name, value, is_whole in zip(names, values, whole, strict=True)
        }


def _content(values: array[Any]) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None:
        kind = torch.float64 if values.typecode == "d" else torch.int32
        content = bytearray(values.tobytes())  # a tensor of the array itself would fix its length
        return torch.frombuffer(content, dtype=kind) if content else torch.empty(0, dtype=kind)
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _listed(code: str, content: Any) -> list[Any]:
    if not isinstance(content, bytes):
        numbers: list[Any] = content.tolist()
        return numbers
    values: array[Any] = array(code)
    values.frombytes(content)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()
