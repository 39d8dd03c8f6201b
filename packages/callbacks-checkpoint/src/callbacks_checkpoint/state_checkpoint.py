# SPDX-License-Identifier: MIT
"""Save the states of several objects."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Unpack

from callbacks_core import PathLike, Stateful

from ._options import SaveOptions
from .periodic_state_save import PeriodicStateSave

_logger = logging.getLogger("callbacks_checkpoint")


class StateCheckpoint(PeriodicStateSave):
    """Save the states of several objects in one file, by their names.

    It is for what other savers do not save: a gradient scaler, a sampler, callbacks that learn.
    The file holds a dict of their ``state_dict()``.

    Args:
        name_to_stateful: Names and objects with ``state_dict`` and ``load_state_dict``.
        filename: The file's path, with or without fields.
        **options: Those of `PeriodicSaveCallback`.

    Raises:
        TypeError: *name_to_stateful* is no such dict, or as for `PeriodicSaveCallback`.
        ValueError: It is empty, or as for `PeriodicSaveCallback`.
    """

    def __init__(
        self,
        name_to_stateful: Mapping[str, Stateful],
        filename: PathLike,
        **options: Unpack[SaveOptions],
    ) -> None:
        _check(name_to_stateful)
        super().__init__(filename, **options)
        self.name_to_stateful = dict(name_to_stateful)

    def state_to_save(self) -> Any:
        """Return the states by name."""
        return {name: thing.state_dict() for name, thing in self.name_to_stateful.items()}

    def restore_state(self, state: Any) -> None:
        """Give each object its state; names on one side only are told of."""
        missing = self.name_to_stateful.keys() - state.keys()
        if missing:
            _logger.warning("the checkpoint has no state of %s", _listed(missing))
        unexpected = state.keys() - self.name_to_stateful.keys()
        if unexpected:
            _logger.warning("the checkpoint also has a state of %s", _listed(unexpected))
        for name, thing in self.name_to_stateful.items():
            if name in state:
                thing.load_state_dict(state[name])


def _check(name_to_stateful: object) -> None:
    if not isinstance(name_to_stateful, Mapping):
        raise TypeError(
            f"`name_to_stateful` must be a dict of names and objects, not {name_to_stateful!r}"
        )
    if not name_to_stateful:
        raise ValueError("`name_to_stateful` must not be empty")
    for name, thing in name_to_stateful.items():
        if not isinstance(name, str):
            raise TypeError(f"a name in `name_to_stateful` must be a string, not {name!r}")
        if isinstance(thing, type) or not (
            hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")
        ):
            raise TypeError(
                f"`name_to_stateful`[{name!r}] must have state_dict() and load_state_dict(), "
                f"which {thing!r} does not"
            )


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
