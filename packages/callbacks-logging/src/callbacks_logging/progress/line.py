# SPDX-License-Identifier: MIT
"""The words of the display, in pieces that each know their colour."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from .bar import ProgressBar
from .colours import ColorProgress, Field

_NOT_METRICS: Final = frozenset({"epoch", "batch", "size", "time"})


class Piece(NamedTuple):
    """A part of a line that must not be broken."""

    field: Field
    text: str


Line: TypeAlias = list[Piece]


def epoch(number: int, epochs: int | None) -> Line:
    """Return ``Epoch: 3/10``."""
    return [Piece("text_color", "Epoch: "), Piece("ratio_color", _ratio(number, epochs))]


def step(label: str, number: int, steps: int | None) -> Line:
    """Return ``Step: 3/10``."""
    return [Piece("text_color", f"{label}: "), Piece("ratio_color", _ratio(number, steps))]


def count(label: str, number: int) -> Line:
    """Return ``Train steps: 10``."""
    return [Piece("text_color", f"{label}: "), Piece("ratio_color", str(number))]


def bar(drawn: ProgressBar) -> Line:
    """Return a bar with its percentage."""
    return [Piece("progress_bar_color", str(drawn))]


def seconds(value: float, *, label: str = "", unit: str = "s") -> Line:
    """Return ``ETA: 1.25s``, or the time alone."""
    words = [Piece("text_color", label)] if label else []
    return [*words, Piece("time_color", f"{value:.2f}{unit}")]


def metrics(logs: Mapping[str, object]) -> list[Line]:
    """Return ``loss: 0.250000`` for each value of *logs* that is a metric."""
    return [
        [Piece("text_color", f"{printable(name)}: "), Piece("metric_value_color", _value(value))]
        for name, value in logs.items()
        if name not in _NOT_METRICS
    ]


def printable(text: str) -> str:
    """Return *text* with whatever would move the cursor replaced."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def width(text: str) -> int:
    """Return how many columns *text* takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def plain(parts: Iterable[Line]) -> str:
    """Return the words of *parts* without their colours."""
    return " ".join("".join(piece.text for piece in part) for part in parts)


def painted(parts: Iterable[Line], colors: ColorProgress | None) -> str:
    """Return the words of *parts*, in colours if there are any."""
    if colors is None:
        return plain(parts)
    coloured = " ".join(
        "".join(colors.code(field) + text for field, text in part) for part in parts
    )
    return coloured + colors.reset


def fitting(parts: list[Line], columns: int) -> list[Line]:
    """Return as many of *parts*, from the first, as fit into *columns*."""
    kept: list[Line] = []
    for part in parts:
        if width(plain([*kept, part])) > columns:
            break
        kept.append(part)
    return kept


def folded(parts: list[Line], columns: int) -> list[list[Line]]:
    """Return *parts* in rows that each fit into *columns*; a part wider than that is cut."""
    rows: list[list[Line]] = []
    rest = parts
    while rest:
        row = fitting(rest, columns)
        rows.append(row or [_cut(rest[0], columns)])
        rest = rest[max(1, len(row)) :]
    return rows


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):  # it stands on the one before
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(part: Line, columns: int) -> Line:
    """Shorten the name in *part*, and keep its value."""
    name, *rest = part
    text = name.text
    while len(text) > 2 and width(plain([[Piece(name.field, text), *rest]])) > columns:
        text = text[:-3] + text[-2:]
    return [Piece(name.field, text), *rest]


def _ratio(number: int, total: int | None) -> str:
    return str(number) if total is None else f"{number:>{len(str(total))}}/{total}"


def _value(value: object) -> str:
    return f"{value:f}" if isinstance(value, int | float) else printable(str(value))
