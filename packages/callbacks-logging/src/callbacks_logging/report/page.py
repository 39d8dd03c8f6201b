# SPDX-License-Identifier: MIT
"""The page itself: HTML in which everything that comes from outside is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final, Literal, NamedTuple, TypeAlias

from callbacks_core import HookTime

from .._learning_rates import is_rate
from .chart import Curve, chart
from .style import STYLE

State: TypeAlias = Literal["running", "finished", "failed", "interrupted"]

_NOT_METRICS: Final = frozenset({"epoch", "time"})
_EPOCHS: Final = 200
"""The table of all epochs has the last so many."""
_HOOKS: Final = 15
"""The table of times has the slowest so many hooks."""
_RELOAD: Final = '<meta http-equiv="refresh" content="15">'
_POLICY: Final = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)


class Run(NamedTuple):
    """What is known of a training.

    Times are in seconds since 1970. A test without a training has no begin.
    """

    title: str
    state: State
    begun: float | None
    ended: float
    written: float
    planned: int | None
    epochs: Sequence[Mapping[str, float]]
    tests: Sequence[Mapping[str, float]]
    settings: Mapping[str, str]
    environment: Mapping[str, str]
    times: Sequence[HookTime]


def page(run: Run) -> str:
    """Return the page, which loads nothing and runs nothing."""
    reload = _RELOAD if run.state == "running" else ""
    facts = [
        _section("Configuration", _facts(run.settings)),
        _section("Environment", _facts(run.environment)),
    ]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            _POLICY,
            '<meta name="viewport" content="width=device-width, initial-scale=1">' + reload,
            f"<title>{escape(run.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            _header(run),
            _charts(run.epochs),
            _section("Values", _values(run.epochs)),
            _section("Tests", _tests(run.tests)),
            f'<div class="pair">{"".join(facts)}</div>',
            _section("Time in callbacks, the slowest first", _times(run.times)),
            _all_epochs(run.epochs),
            "</body>\n</html>\n",
        ]
    )


def _header(run: Run) -> str:
    lead = f"written {_date(run.written)}"
    if run.begun is not None:
        last = run.epochs[-1]["epoch"] if run.epochs else 0
        of = f" of {run.planned}" if run.planned else ""
        took = _duration(run.ended - run.begun)
        lead = f"{last:g}{of} epochs in {took} · begun {_date(run.begun)} · {lead}"
    return (
        f'<header><h1>{escape(run.title)}</h1><span class="state {run.state}">{run.state}</span>'
        f'<p class="lead">{lead}</p></header>'
    )


def _charts(epochs: Sequence[Mapping[str, float]]) -> str:
    figures = []
    for metric in _metrics(epochs):
        curves = [
            Curve(kind, style, points)
            for kind, style, name in (
                ("training", "c0", metric),
                ("validation", "c1", f"val_{metric}"),
            )
            if (points := _points(epochs, name))
        ]
        key = "".join(f'<span><i class="{curve.style}"></i>{curve.name}</span>' for curve in curves)
        shown_key = "" if is_rate(metric) else f'<div class="key">{key}</div>'
        figures.append(
            f"<figure><figcaption><h3>{escape(metric)}</h3>{shown_key}</figcaption>"
            f"{chart(metric, curves)}</figure>"
        )
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""


def _metrics(epochs: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the names of the curves, learning rates last, validation beside training."""
    names = [name for name in _names(epochs) if name not in _NOT_METRICS]
    metrics = dict.fromkeys(name.removeprefix("val_") for name in names if not is_rate(name))
    return [*metrics, *(name for name in names if is_rate(name))]


def _names(epochs: Iterable[Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for values in epochs for name in values))


def _points(epochs: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    points = ((values.get("epoch", 0), values.get(name)) for values in epochs)
    return [(epoch, float(value)) for epoch, value in points if isinstance(value, int | float)]


def _values(epochs: Sequence[Mapping[str, float]]) -> str:
    rows = []
    for name in _names(epochs):
        points = [] if name in _NOT_METRICS or is_rate(name) else _points(epochs, name)
        if not points:
            continue
        finite = [(value, epoch) for epoch, value in points if math.isfinite(value)]
        ends = [
            f"{_number(found[0])} <small>epoch {found[1]:g}</small>" if finite else "none"
            for choose in (min, max)
            for found in [choose(finite, key=lambda pair: pair[0]) if finite else (0, 0)]
        ]
        rows.append([escape(name), _number(points[-1][1]), *ends])
    return _table(["", "last", "lowest", "highest"], rows)


def _tests(tests: Sequence[Mapping[str, float]]) -> str:
    names = _names(tests)
    rows = [[str(index), *_cells(values, names)] for index, values in enumerate(tests, 1)]
    return _table(["", *map(escape, names)], rows)


def _all_epochs(epochs: Sequence[Mapping[str, float]]) -> str:
    if not epochs:
        return ""
    names = ["epoch", *(name for name in _names(epochs) if name != "epoch")]
    shown = epochs[-_EPOCHS:]
    which = "All epochs" if len(shown) == len(epochs) else f"The last {_EPOCHS} epochs"
    rows = [_cells(values, names) for values in shown]
    table = _table(list(map(escape, names)), rows)
    return f"<details><summary>{which}</summary>{table}</details>"


def _times(times: Sequence[HookTime]) -> str:
    rows = [
        [
            escape(f"{row.callback}.{row.hook}"),
            str(row.calls),
            f"{row.seconds:.3f} s",
            f"{row.seconds / max(1, row.calls) * 1e3:.3f} ms",
            f"{row.slowest * 1e3:.3f} ms",
        ]
        for row in times[:_HOOKS]
    ]
    return _table(["", "calls", "in all", "each", "slowest"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of what is HTML already, or nothing where there is no row."""
    if not rows:
        return ""
    titles = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(
        f"<tr><th>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="wide"><table class="numbers"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts.items()
    )
    return f'<table class="facts"><tbody>{rows}</tbody></table>' if rows else ""


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _cells(values: Mapping[str, float], names: Iterable[str]) -> list[str]:
    return [_number(values[name]) if name in values else "" for name in names]


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else escape(str(value))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
