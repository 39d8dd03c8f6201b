# SPDX-License-Identifier: MIT
"""What saves a whole run, and what it saves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    from .callback import Callback
    from .files import PathLike
    from .stateful import Stateful

_GROUP: Final = "callbacks.resume"


class ResumeError(ValueError):
    """A saved run cannot be gone on with: it is that of another network, or not there at all."""


@runtime_checkable
class RunSaver(Protocol):
    """A callback that saves the state of the whole run, and finds it again.

    Its `Callback.on_batch_settled`, `Callback.on_settled` and `Callback.close` are called after
    those of all other callbacks in its list.
    """

    def set_run(self, run: Stateful) -> None:
        """Learn what to save, whose ``state_dict()`` is to be taken when the hooks come."""

    def load_run(self, path: PathLike | None) -> dict[str, Any] | None:
        """Return a saved state, and go on behind it.

        Args:
            path: The file, or a folder whose newest file it is to be; None for the saver's own.

        Returns:
            The state; None if there is none and *path* is None.
        """


def is_run_saver(callback: object) -> bool:
    """Whether *callback* saves whole runs, and is no mock made to look like one."""
    return all(hasattr(type(callback), name) for name in ("set_run", "load_run"))


def run_savers(callbacks: Iterable[Callback]) -> Iterator[RunSaver]:
    """Yield the savers of whole runs, those within other callbacks too."""
    for callback in callbacks:
        if is_run_saver(callback):
            yield cast("RunSaver", callback)
            continue
        within = getattr(callback, "callbacks", None)
        if isinstance(within, Iterable) and callback not in (held := list(within)):
            yield from run_savers(held)


def load_run(path: PathLike) -> dict[str, Any]:
    """Load the state of a run with whatever installed package can.

    Args:
        path: A file, or a folder.

    Raises:
        ResumeError: There is no such package.
    """
    from importlib.metadata import entry_points  # half of this package's import time

    for entry_point in sorted(entry_points(group=_GROUP)):
        state: dict[str, Any] = entry_point.load()(path)
        return state
    raise ResumeError("`resume` needs what saves and loads runs: pip install callbacks-checkpoint")
