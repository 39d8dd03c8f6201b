# SPDX-License-Identifier: MIT
"""A chart of curves as SVG, drawn without any library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from .axis import Axis

_WIDTH: Final = 480
_HEIGHT: Final = 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 34
_DOTS: Final = 60
"""A curve of at most so many points shows each of them, with its value on hovering."""
_POINTS: Final = 600
"""A longer curve is thinned out to about so many; its peaks stay."""

_LARGEST: Final = 1e300

Point = tuple[float, float]


class Curve(NamedTuple):
    """A curve: its name, the class of its colour, and its points, from left to right."""

    name: str
    style: str
    points: Sequence[Point]


def chart(title: str, curves: Sequence[Curve]) -> str:
    """Return a chart as SVG, whose colours are left to a style sheet.

    Args:
        title: What it shows, for those who hear it.
        curves: The curves; where a value is not finite, or beyond 1e300, they have a gap.
    """
    finite = [point for curve in curves for point in curve.points if _drawable(point[1])]
    x = Axis([epoch for epoch, _ in finite], whole=True)
    y = Axis([value for _, value in finite], logarithmic=True)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
        *_grid(x, y),
    ]
    for curve in curves:
        parts += _curve(curve, x, y)
    if not finite:
        parts.append(_text(_WIDTH / 2, _HEIGHT / 2, "no finite value", "middle"))
    return "".join([*parts, "</svg>"])


def _grid(x: Axis, y: Axis) -> list[str]:
    parts = []
    for tick in y.ticks:
        level = _y(y, tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {level:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(_text(_LEFT - 6, level + 4, f"{tick:.6g}", "end"))
    for tick in x.ticks:
        parts.append(_text(_x(x, tick), _HEIGHT - _BOTTOM + 16, f"{tick:g}", "middle"))
    scale = "epoch, logarithmic scale" if y.logarithmic else "epoch"
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return [*parts, _text(middle, _HEIGHT - 4, scale, "middle")]


def _curve(curve: Curve, x: Axis, y: Axis) -> list[str]:
    parts = []
    style = curve.style
    for run in _runs(_thinned(curve.points)):
        places = [(_x(x, epoch), _y(y, value)) for epoch, value in run]
        path = "L".join(f"{left:.1f} {top:.1f}" for left, top in places)
        parts.append(f'<path class="line {style}" d="M{path}"/>')
        if len(run) == 1 and len(curve.points) > _DOTS:  # a path of one point is not seen
            parts.append(
                f'<circle class="dot {style}" cx="{places[0][0]:.1f}" '
                f'cy="{places[0][1]:.1f}" r="2"/>'
            )
    if len(curve.points) > _DOTS:
        return parts
    for epoch, value in curve.points:
        if _drawable(value):
            words = f"{curve.name}, epoch {epoch:g}: {value:.6g}"
            parts.append(
                f'<circle class="dot {style}" cx="{_x(x, epoch):.1f}" cy="{_y(y, value):.1f}" '
                f'r="2.6"><title>{escape(words)}</title></circle>'
            )
    return parts


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Return the stretches of *points* between values that are not finite."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if _drawable(point[1]):
            runs[-1].append(point)
        else:
            runs.append([])
    return [run for run in runs if run]


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Return the lowest and the highest of every few points, and the first and the last."""
    if len(points) <= _POINTS:
        return points
    size = math.ceil(len(points) / (_POINTS / 2))
    kept = {0, len(points) - 1}
    for begin in range(0, len(points), size):
        group = range(begin, min(begin + size, len(points)))
        finite = [index for index in group if _drawable(points[index][1])]
        if len(finite) < len(group):
            kept.add(next(index for index in group if index not in finite))
        if finite:
            kept.add(min(finite, key=lambda index: points[index][1]))
            kept.add(max(finite, key=lambda index: points[index][1]))
    return [points[index] for index in sorted(kept)]


def _drawable(value: float) -> bool:
    """Whether *value* is a number that can be reckoned with; NaN and infinities are not."""
    return abs(value) <= _LARGEST


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM)


def _text(left: float, top: float, words: str, anchor: str) -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
