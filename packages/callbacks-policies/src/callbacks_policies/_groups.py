# SPDX-License-Identifier: MIT
"""The parameter groups of an optimizer that a policy is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from callbacks_core import did_you_mean, whole_number


def check_group(group: object) -> None:
    """Raise unless *group* can be an index or a name of a parameter group, or None.

    Raises:
        TypeError: It is something else.
        ValueError: It is a negative index or an empty name.
    """
    if group is None:
        return
    if isinstance(group, str):
        if not group:
            raise ValueError("`group` must be the index or the name of a parameter group, not ''")
        return
    if isinstance(group, bool) or not isinstance(group, int):
        raise TypeError(
            f"`group` must be the index or the name of a parameter group, not {group!r}"
        )
    whole_number("group", group, at_least=0)


def indices_of(optimizer: torch.optim.Optimizer, group: int | str | None) -> list[int]:
    """Return the indices of the parameter groups that *group* is.

    A name is a group's ``"name"``. In an optimizer that was made of named parameters it may also
    be the name of a parameter, or of a module, that has all of the group.

    Raises:
        ValueError: There is no such group; the message says which there are.
    """
    groups = optimizer.param_groups
    if group is None:
        return list(range(len(groups)))
    if isinstance(group, int):
        if group < len(groups):
            return [group]
        raise ValueError(
            f"{type(optimizer).__name__} has no parameter group {group}: it has {len(groups)}, "
            f"counted from 0"
        )
    found = [index for index, one in enumerate(groups) if group in _names_of(one)]
    if not found:
        known = list(dict.fromkeys(name for one in groups for name in _names_of(one)))
        there = f"there are {', '.join(map(repr, known))}" if known else "its groups have no names"
        raise ValueError(
            f"{type(optimizer).__name__} has no parameter group {group!r}; {there}"
            f"{did_you_mean(group, known)}"
        )
    return found


def _names_of(group: dict[str, Any]) -> list[str]:
    names = [group["name"]] if isinstance(group.get("name"), str) else []
    return [*names, *_shared_by(group.get("param_names") or [])]


def _shared_by(parameters: list[str]) -> Iterator[str]:
    """Yield the names of the modules that have all of some parameters, and a lone one's own."""
    if not parameters:
        return
    parts = parameters[0].split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        if all(other == name or other.startswith(name + ".") for other in parameters):
            yield name
