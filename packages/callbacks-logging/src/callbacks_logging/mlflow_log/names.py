# SPDX-License-Identifier: MIT
"""Names and configurations in the form that MLflow takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

_LONGEST_NAME: Final = 250
_LONGEST_VALUE: Final = 6000
_REFUSED: Final = re.compile(r"[^/\w.\- ]")


@lru_cache(maxsize=1024)
def accepted(name: str) -> str:
    """Return *name* with what MLflow refuses in a name replaced.

    Raises:
        TypeError: *name* is not a string.
        ValueError: *name* is empty.
    """
    if not isinstance(name, str):
        raise TypeError(f"a name must be a str, not {name!r}")
    if not name:
        raise ValueError("a name must not be empty")
    parts = _REFUSED.sub("_", name).split("/")
    kept = ["_" * len(part) if part in (".", "..") else part for part in parts if part]
    return ("/".join(kept) or "_")[:_LONGEST_NAME].rstrip("/")


def flattened(config: Mapping[str, object] | Sequence[object]) -> dict[str, str]:
    """Return *config* as one level of names and texts: ``optimizer.betas.0``.

    Args:
        config: Mappings and sequences within each other, and values of any kind.

    Raises:
        TypeError: *config* is neither a mapping nor a sequence.
    """
    if _is_leaf(config):
        raise TypeError(f"`config_params` must be a mapping or a sequence, not {config!r}")
    return {accepted(name): as_text(value) for name, value in _leaves("", config)}


def as_text(value: object) -> str:
    """Return *value* as the text of a parameter; MLflow takes no longer one."""
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    items: Iterator[tuple[object, object]]
    if isinstance(value, Mapping):
        items = iter(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = enumerate(value)
    for name, child in items:
        key = f"{prefix}{name}"
        if _is_leaf(child) or not child:
            yield key, child
        else:
            yield from _leaves(f"{key}.", child)


def _is_leaf(value: object) -> bool:
    return isinstance(value, str | bytes) or not isinstance(value, Mapping | Sequence)
