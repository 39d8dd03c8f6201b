# SPDX-License-Identifier: MIT
"""What can be saved and taken up again."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stateful(Protocol):
    """Anything whose state can be saved: a callback, a network, an optimizer, a loader."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state; a callback's holds plain types and tensors only."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Take up a state that `state_dict` returned."""
