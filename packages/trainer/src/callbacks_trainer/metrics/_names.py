# SPDX-License-Identifier: MIT
"""The names under which metrics are logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_RESERVED: Final = frozenset({"batch", "epoch", "loss", "size", "time"})


def name_of(metric: object) -> str | list[str]:
    """Return the names a metric brings along: its ``__name__``, or its class in snake case."""
    while isinstance(metric, partial):
        metric = metric.func
    own = getattr(metric, "__name__", None)
    if isinstance(own, str):
        return own
    if isinstance(own, Sequence):
        return [str(name) for name in own]
    return _WORD_BEGINS.sub("_", type(metric).__name__).lower()


def refuse_reserved(name: str) -> None:
    """Raise if *name* is one that the logs need for something else.

    Raises:
        ValueError: It is.
    """
    if name in _RESERVED or name.startswith("val_"):
        raise ValueError(
            f"a metric cannot be called {name!r}, a name that the logs need for something else; "
            f"give it another one: ('my_{name}', metric)"
        )


def without_duplicates(names: Iterable[str | list[str]]) -> list[str | list[str]]:
    """Number the names that come more than once, such as ``f11`` and ``f12``.

    Raises:
        ValueError: A name is one that the logs need for something else.
    """
    listed = list(names)
    flat = [name for entry in listed for name in ([entry] if isinstance(entry, str) else entry)]
    for name in flat:
        refuse_reserved(name)
    counts, taken = dict.fromkeys(flat, 1), set(flat)

    def numbered(name: str) -> str:
        if flat.count(name) == 1:
            return name
        while (candidate := f"{name}{counts[name]}") in taken:
            counts[name] += 1
        taken.add(candidate)
        return candidate

    return [
        numbered(entry) if isinstance(entry, str) else [numbered(name) for name in entry]
        for entry in listed
    ]
