# SPDX-License-Identifier: MIT
"""The names under which metrics are logged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from callbacks_core import did_you_mean

from ._accuracy import accuracy

NAMED: Final[dict[str, Callable[..., Any]]] = {"accuracy": accuracy, "acc": accuracy}
"""The metrics that can be asked for by a string."""

RESERVED: Final = frozenset({"batch", "epoch", "loss", "size", "time"})


def named_metric(name: str) -> Callable[..., Any]:
    """Return the metric that goes by *name*.

    Raises:
        ValueError: There is none.
    """
    if name not in NAMED:
        known = ", ".join(repr(metric) for metric in sorted(NAMED))
        raise ValueError(
            f"there is no metric {name!r}{did_you_mean(name, NAMED)} (by name there are {known}; "
            f"any function or torchmetrics object can be given as such)"
        )
    return NAMED[name]


def name_of(metric: object) -> str | list[str]:
    """Return the names a metric brings along: its ``__name__``, or its class in snake case."""
    own = getattr(metric, "__name__", None)
    if isinstance(own, str):
        return own
    if isinstance(own, Sequence):
        return [str(name) for name in own]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(metric).__name__).lower()


def without_duplicates(names: Iterable[str | list[str]]) -> list[str | list[str]]:
    """Number the names that come more than once, such as ``f11`` and ``f12``.

    Raises:
        ValueError: A name is one that the logs need for something else.
    """
    listed = list(names)
    flat = [name for entry in listed for name in ([entry] if isinstance(entry, str) else entry)]
    for name in flat:
        if name in RESERVED:
            raise ValueError(
                f"a metric cannot be called {name!r}, as the logs have a value of that name; "
                f"give it another one: ('my_{name}', metric)"
            )
    counts: dict[str, int] = {}

    def numbered(name: str) -> str:
        if flat.count(name) == 1:
            return name
        counts[name] = counts.get(name, 0) + 1
        return f"{name}{counts[name]}"

    return [
        numbered(entry) if isinstance(entry, str) else [numbered(name) for name in entry]
        for entry in listed
    ]
