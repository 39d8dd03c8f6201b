# SPDX-License-Identifier: MIT
"""What ends a run whatever the failure policy of its savers."""

from __future__ import annotations

from callbacks_core import FatalCallbackError


class SaveFailedError(FatalCallbackError):
    """Training came to its end and what was to be saved last is not on disk."""


class RestoreFailedError(FatalCallbackError):
    """The best checkpoint was to be restored and could not be read."""
