# SPDX-License-Identifier: MIT
"""Where this package reports what does not end a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger


def logger() -> Logger:
    """Return the package's logger."""
    import logging  # only for a report, and a quarter of this package's import time

    return logging.getLogger("callbacks_core")
