# SPDX-License-Identifier: MIT
"""The dict behind ``callback.params``."""

from __future__ import annotations

from typing import Any, Final

_OTHER_NAMES: Final = {"epoch": "epochs", "steps_per_epoch": "steps"}


class Params(dict[str, Any]):
    """``epochs``, ``steps`` and ``valid_steps``, readable under their older names as well.

    ``params["epoch"]`` and ``params["steps_per_epoch"]`` read ``epochs`` and ``steps``; they are
    no keys of their own, so the dict equals one with the three names alone.
    """

    def __missing__(self, key: str) -> Any:
        """Read an older name."""
        if key in _OTHER_NAMES and _OTHER_NAMES[key] in self:
            return self[_OTHER_NAMES[key]]
        raise KeyError(key)
