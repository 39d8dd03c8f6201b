# SPDX-License-Identifier: MIT
"""The configuration of a training, as a page tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callbacks_core import redacted


def settings(config: Mapping[str, object]) -> dict[str, str]:
    """Return a configuration as one level of names and texts, ``optimizer.lr``, without secrets.

    Args:
        config: Names with values of any kind, mappings among them.
    """
    return {name: _without_secret(name, value) for name, value in _leaves("", config)}


def _leaves(prefix: str, config: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _without_secret(name: str, value: object) -> str:
    """Return *value* as a text, hidden where its name says that it is secret."""
    before = f"{name}="
    return redacted(f"{before}{value}").removeprefix(before)
