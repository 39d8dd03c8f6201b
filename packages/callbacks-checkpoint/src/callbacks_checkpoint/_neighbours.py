# SPDX-License-Identifier: MIT
"""Savers of one training that would get in each other's way."""

from __future__ import annotations

import os
from typing import NamedTuple
from weakref import WeakKeyDictionary

from callbacks_core import FatalCallbackError, ModelLike

from .triggers import Trigger, members


class Claim(NamedTuple):
    """What a saver has for itself while it saves a training.

    Attributes:
        model: What is trained; None where the saver was not told.
        paths: The names that it writes to, as they were given.
        trigger: What tells it when to save.
    """

    model: ModelLike | None
    paths: tuple[str, ...]
    trigger: Trigger


_claims: WeakKeyDictionary[object, Claim] = WeakKeyDictionary()


def claim(saver: object, mine: Claim) -> None:
    """Note that a training of *saver* begins, unless another saver of it has the same names.

    Raises:
        FatalCallbackError: It has: one would replace the file of the other, or a trigger would
            take the answer to one for the answer to both.
    """
    release(saver)
    for other, theirs in list(_claims.items()):
        if mine.model is None or theirs.model is not mine.model:
            continue
        shared = {os.path.abspath(path) for path in theirs.paths}
        for path in mine.paths:
            if os.path.abspath(path) in shared:
                raise FatalCallbackError(
                    f"{type(saver).__name__} and {type(other).__name__} would both write to "
                    f"{path!r}, each over what the other has saved; give each a name of its own"
                )
        if _members(mine.trigger) & _members(theirs.trigger):
            raise FatalCallbackError(
                f"{type(saver).__name__} for {mine.paths[0]!r} and {type(other).__name__} for "
                f"{theirs.paths[0]!r} share a trigger; give each an object of its own"
            )
    _claims[saver] = mine


def release(saver: object) -> None:
    """Note that the training of *saver* is over."""
    _claims.pop(saver, None)


def _members(trigger: Trigger) -> set[int]:
    return {id(member) for member in members(trigger)}
