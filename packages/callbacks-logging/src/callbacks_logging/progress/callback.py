# SPDX-License-Identifier: MIT
"""The callback that shows how far training is."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeAlias

from callbacks_core import Callback, is_rank_zero, one_of, whole_number

from . import line
from .colours import Coloring, Palette
from .console import Console
from .eta import Eta

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs

ShowEvery: TypeAlias = "int | Literal['all', 'none']"


class ProgressionCallback(Callback):
    """Show how far training is, and how well it goes, on one line an epoch.

    In a terminal the line is drawn anew while the epoch runs, at most ten times a second, and is
    never wider than the window. In a pipe or a file there is a plain line at the end of each
    epoch, and one a minute while it lasts. Values are read from the device only to be shown.
    ``NO_COLOR`` and ``FORCE_COLOR`` are heeded.

    Args:
        coloring: Whether to colour the display; a dict chooses the colour, by its name in
            ``colorama.Fore``, of any of the fields ``text_color`` (magenta), ``ratio_color``
            (cyan), ``metric_value_color`` (light blue), ``time_color`` (green) and
            ``progress_bar_color`` (magenta).
        progress_bar: Whether to show a bar where the number of steps is known.
        equal_weights: Whether all steps count alike in the estimate of the time left. By default
            recent ones count more.
        show_on_valid: Whether to show the steps of the validation.
        show_every_n_train_steps: Show each step (``"all"``), none of them (``"none"``), or those
            whose number can be divided by this.
        show_every_n_valid_steps: Likewise for the steps of the validation.
        show_every_n_test_steps: Likewise for the steps of testing and predicting.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument has a wrong value, such as an unknown colour.
    """

    on_error: FailurePolicy = "disable"

    def __init__(
        self,
        *,
        coloring: Coloring = True,
        progress_bar: bool = True,
        equal_weights: bool = False,
        show_on_valid: bool = True,
        show_every_n_train_steps: ShowEvery = "all",
        show_every_n_valid_steps: ShowEvery = "all",
        show_every_n_test_steps: ShowEvery = "all",
    ) -> None:
        self.coloring = coloring
        self.progress_bar = progress_bar
        self.equal_weights = equal_weights
        self.show_on_valid = show_on_valid
        self.show_every_n_train_steps = show_every_n_train_steps
        self.show_every_n_valid_steps = show_every_n_valid_steps
        self.show_every_n_test_steps = show_every_n_test_steps
        self._palette = Palette(coloring)
        self._every_train = _every("show_every_n_train_steps", show_every_n_train_steps)
        self._every_valid = _every("show_every_n_valid_steps", show_every_n_valid_steps)
        self._every_test = _every("show_every_n_test_steps", show_every_n_test_steps)
        if not show_on_valid:
            self._every_valid = 0
        self._console: Console | None = None
        self._reset()

    def _reset(self) -> None:
        self._epoch: line.Line | None = None
        self._label = "Step"
        self._every = 0
        self._eta = Eta(0.0)
        self._next = 0.0  # when something may be shown again
        self._due = inf  # the same, or never where this phase's steps are not shown
        self._batch = self._train_batches = self._valid_batches = 0

    # Batch hooks are called a million times a day: until something is due, they look at the clock
    # and do nothing else.

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Show the step, if it is time."""
        self._batch = batch_number
        if perf_counter() >= self._due:
            self._step(batch_number, logs)

    on_valid_batch_end = on_test_batch_end = on_predict_batch_end = on_train_batch_end

    def on_train_begin(self, logs: Logs) -> None:
        """Look at where the display goes: a terminal, a pipe or a file."""
        self._begin()

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Start the epoch's line."""
        self._epoch = line.epoch(epoch_number, self._known("epochs"))
        self._valid_batches = 0
        self._begin_steps("Step", self._every_train)

    def on_valid_begin(self, logs: Logs) -> None:
        """Go on with the steps of the validation."""
        self._train_batches = self._batch
        self._begin_steps("Val step", self._every_valid)

    def on_valid_end(self, logs: Logs) -> None:
        """Keep the number of batches for the epoch's last line."""
        self._valid_batches, self._batch = self._batch, self._train_batches

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Finish the epoch's line."""
        counts = [line.count("Train steps", self._batch)]
        if self._valid_batches:
            counts.append(line.count("Val steps", self._valid_batches))
        self._finish(counts, logs)

    def on_test_begin(self, logs: Logs) -> None:
        """Start the line of a test."""
        self._begin()
        self._begin_steps("Step", self._every_test)

    def on_test_end(self, logs: Logs) -> None:
        """Finish the line of a test."""
        self._finish([line.count("Test steps", self._batch)], logs)

    def on_predict_begin(self, logs: Logs) -> None:
        """Start the line of a prediction."""
        self._begin()
        self._begin_steps("Step", self._every_test)

    def on_predict_end(self, logs: Logs) -> None:
        """Finish the line of a prediction."""
        self._finish([line.count("Prediction steps", self._batch)], logs)

    def close(self) -> None:
        """Leave a line that is half-way, so that a traceback starts on a row of its own."""
        if self._console is not None:
            self._console.leave()
        self._console = None

    def _begin(self) -> None:
        self._reset()
        self._console = Console(self._palette) if is_rank_zero() else None
        if self._console is not None and not self._console.terminal:
            self._next = perf_counter() + self._console.interval

    def _begin_steps(self, label: str, every: int) -> None:
        self._label = label
        self._every = every
        self._batch = 0
        self._eta = Eta(perf_counter(), equal_weights=self.equal_weights)
        self._due = self._next if every and self._console is not None else inf

    def _step(self, number: int, logs: Mapping[str, float]) -> None:
        if number % self._every or self._console is None:
            return
        now = perf_counter()
        self._next = self._due = now + self._console.interval
        self._eta.observe(number, now)
        self._console.draw(self._running(number, logs, self._console))

    def _running(self, number: int, logs: Mapping[str, float], console: Console) -> list[line.Line]:
        total = self._known("valid_steps" if self._label == "Val step" else "steps")
        head = [*self._head(), line.step(self._label, number, total)]
        metrics = line.metrics(logs)
        if total is None:
            rate = line.seconds(self._eta.seconds_per_step(), unit="s/step")
            return [*head, rate, *metrics]
        eta = line.seconds(self._eta.remaining(total), label="ETA: ")
        if self.progress_bar:
            bar = line.bar(number / total, ascii_only=console.ascii_only)
            if console.has_room([*head, [*bar, *eta], *metrics[:1]]):
                return [*head, [*bar, *eta], *metrics]
        return [*head, eta, *metrics]

    def _finish(self, counts: list[line.Line], logs: Mapping[str, float]) -> None:
        if self._console is None:
            return
        took = line.seconds(logs.get("time", 0.0))
        self._console.finish([*self._head(), *counts, took, *line.metrics(logs)])
        if not self._console.terminal:
            self._next = perf_counter() + self._console.interval

    def _head(self) -> list[line.Line]:
        return [] if self._epoch is None else [self._epoch]

    def _known(self, name: str) -> int | None:
        return (self._params or {}).get(name) or None


def _every(argument: str, value: ShowEvery) -> int:
    """Return every how many steps one is shown; 0 for none."""
    if isinstance(value, str):
        one_of(argument, value, ("all", "none"))
        return 1 if value == "all" else 0
    whole_number(argument, value, at_least=1)
    return value
