# SPDX-License-Identifier: MIT
"""Which columns a log has, and how names and values are written into cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from .._learning_rates import is_rate

_FIRST: Final = ("epoch", "batch", "size", "time")
_FORMULA: Final = ("=", "+", "-", "@")


def arranged(names: Iterable[str]) -> list[str]:
    """Return *names* in the order of the columns.

    First what the loop fills, then learning rates, then the values of training, then those of
    validation; within these the order stays.
    """
    return sorted(names, key=_rank)


def _rank(name: str) -> int:
    if name in _FIRST:
        return _FIRST.index(name)
    if is_rate(name):
        return len(_FIRST)
    return len(_FIRST) + (2 if name.startswith("val_") else 1)


def with_validation(names: list[str]) -> list[str]:
    """Return *names*, with a ``val_`` column for each value of training if there is none yet.

    A reader finds the same columns whether there was a validation or not.
    """
    if any(name.startswith("val_") for name in names):
        return names
    values = [name for name in names if name not in _FIRST and not is_rate(name)]
    return [*names, *(f"val_{name}" for name in values)]


def cells(row: Mapping[str, object]) -> dict[str, object]:
    """Return *row* as it is written, by the names of the columns as they are written."""
    return {written(name): _cell(value) for name, value in row.items()}


def _cell(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return written(str(value))


@lru_cache(maxsize=1024)
def written(text: str) -> str:
    """Return *text* on one line, and such that a spreadsheet takes it for a text."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return f"'{line}" if line.startswith(_FORMULA) else line
