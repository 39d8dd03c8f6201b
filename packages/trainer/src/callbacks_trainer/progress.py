# SPDX-License-Identifier: MIT
"""The display that ``verbose=True`` asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final

from callbacks_core import Callback, Logs, is_rank_zero

from .arguments import display_arguments

_GROUP: Final = "callbacks.progress"


def default_progress(options: Mapping[str, Any] | None) -> Callback:
    """Return the display that an installed package offers, else one plain line an epoch.

    Args:
        options: Its arguments.

    Raises:
        ValueError: There are options, and no package that could take them.
    """
    make = _installed_display()
    if make is not None:
        return make(**display_arguments(options, make))
    if options:
        raise ValueError(
            "`progress_options` are for the progress display of callbacks-logging, which is not "
            "installed: pip install callbacks-logging"
        )
    return PlainProgress()


@cache
def _installed_display() -> Callable[..., Callback] | None:
    found = entry_points(group=_GROUP)
    for entry_point in sorted(found, key=lambda entry: (entry.name != "default", entry.name)):
        display: Callable[..., Callback] = entry_point.load()
        return display
    return None


class PlainProgress(Callback):
    """One line for each epoch and each test: what is shown when no display is installed."""

    on_error = "disable"

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Print the epoch's values."""
        values = {name: value for name, value in logs.items() if name not in ("epoch", "time")}
        self._print(f"Epoch {epoch_number}/{self.params['epochs']}", logs["time"], values)

    def on_test_end(self, logs: Logs) -> None:
        """Print the test's values."""
        values = {name: value for name, value in logs.items() if name != "time"}
        self._print("Test", logs["time"], values)

    def _print(self, what: str, seconds: float, values: Mapping[str, float]) -> None:
        if is_rank_zero():
            listed = " ".join(f"{name}: {value:f}" for name, value in values.items())
            print(f"{what} {seconds:.2f}s {listed}", flush=True)
