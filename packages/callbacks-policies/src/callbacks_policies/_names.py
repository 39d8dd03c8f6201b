# SPDX-License-Identifier: MIT
"""Parts of a network, by their qualified names."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

import torch
from torch.nn.parallel import DataParallel, DistributedDataParallel

from callbacks_core import did_you_mean

_WRAPPERS: Final = (DataParallel, DistributedDataParallel)


def bare(network: torch.nn.Module) -> torch.nn.Module:
    """Return the network that the user knows, within what wraps it.

    `DistributedDataParallel` and `torch.compile` would put a part of their own before each name.
    """
    while True:
        inner = network.module if isinstance(network, _WRAPPERS) else None
        inner = getattr(network, "_orig_mod", inner)
        if not isinstance(inner, torch.nn.Module):
            return network
        network = inner


def patterns_of(argument: str, value: object) -> tuple[str, ...]:
    """Return *value*, a pattern or several, as a tuple of patterns.

    Raises:
        TypeError: It is something else.
        ValueError: There is none, or one is empty.
    """
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Iterable):
        raise TypeError(f"`{argument}` must be a pattern of names or several, not {value!r}")
    patterns = tuple(listed)
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"`{argument}` must be a pattern of names or several, not {pattern!r}")
    if not patterns or "" in patterns:
        raise ValueError(f"`{argument}` must have a pattern of names, not {value!r}")
    return patterns


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name matches a pattern, or is that of something within what matches."""
    return any(fnmatchcase(name, part) or fnmatchcase(name, part + ".*") for part in patterns)


def require_matches(network: torch.nn.Module, patterns: Iterable[str]) -> None:
    """Raise unless each pattern matches a parameter.

    Raises:
        ValueError: One does not; the message suggests the near miss.
    """
    names = [name for name, _ in network.named_parameters()]
    for pattern in patterns:
        if not any(matches(name, [pattern]) for name in names):
            parts = [name for name, _ in network.named_modules() if name]
            raise ValueError(
                f"no parameter of the network matches {pattern!r}"
                f"{did_you_mean(pattern, [*parts, *names]) or _listed(names)}"
            )


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:5])) or "none"
    return f"; it has {shown}{', …' if len(names) > 5 else ''}"
