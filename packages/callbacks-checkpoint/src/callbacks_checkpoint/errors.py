# SPDX-License-Identifier: MIT
"""What goes wrong with checkpoints: at the end of a run whatever its policy, and in reading."""

from __future__ import annotations

from callbacks_core import FatalCallbackError


class SaveFailedError(FatalCallbackError):
    """Training came to its end and what was to be saved last is not on disk."""


class RestoreFailedError(FatalCallbackError):
    """The best checkpoint was to be restored and could not be read."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read.

    Args:
        path: The file.
        why: What is wrong with it.
    """

    _verdict = "cannot be read"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        """Return the whole story, in one line."""
        return f"the checkpoint {self.path!r} {self._verdict}: {self.why}"


class DamagedCheckpointError(CheckpointError):
    """A checkpoint is not what was saved: torn, truncated, changed, or none at all."""

    _verdict = "is damaged"


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint holds more than tensors and plain types: loading that could run any code."""

    _verdict = "is not safe to load"
