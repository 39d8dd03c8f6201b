# SPDX-License-Identifier: MIT
"""How the best file is restored at the end of training."""

from __future__ import annotations

from collections.abc import Callable

from callbacks_core import FatalCallbackError

from .errors import CheckpointError, RestoreFailedError


def restore_from(path: str, restore: Callable[[str], object]) -> None:
    """Have *restore* read the file *path*.

    Raises:
        FatalCallbackError: It raised one of those itself.
        RestoreFailedError: It raised something else.
    """
    try:
        restore(path)
    except FatalCallbackError:
        raise
    except Exception as error:
        why = error.why if isinstance(error, CheckpointError) else error
        raise RestoreFailedError(
            f"the best checkpoint {path!r} cannot be restored: {type(error).__name__}: {why}"
        ) from error
