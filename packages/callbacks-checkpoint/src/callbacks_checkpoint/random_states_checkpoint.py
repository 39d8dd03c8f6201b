# SPDX-License-Identifier: MIT
"""Save the states of all random generators."""

from __future__ import annotations

from typing import Any

from callbacks_core import get_random_states, set_random_states

from .periodic_state_save import PeriodicStateSave


class RandomStatesCheckpoint(PeriodicStateSave):
    """Save the states of the global generators of Python, NumPy, torch and all CUDA devices.

    A training that is taken up again with `load_random_states` draws what the uninterrupted one
    would have drawn. The arguments are those of `PeriodicSaveCallback`.
    """

    def state_to_save(self) -> Any:
        """Return the states."""
        return get_random_states()

    def restore_state(self, state: Any) -> None:
        """Put the generators into saved states."""
        set_random_states(state)
