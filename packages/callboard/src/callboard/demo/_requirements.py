# SPDX-License-Identifier: MIT
"""What the demo needs beyond the packages themselves."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

_NEEDED: Final = ("matplotlib", "mlflow", "sklearn", "tensorboard")


class MissingPackageError(RuntimeError):
    """A package that the demo needs is not installed."""


def require_packages() -> None:
    """Raise unless everything that the demo needs is installed.

    Raises:
        MissingPackageError: Something is not; the message has the command that adds it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f'{", ".join(missing)} missing; pip install "callboard[demo]" adds what is needed'
        )
