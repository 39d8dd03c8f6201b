# SPDX-License-Identifier: MIT
"""The callback that shows how far training is."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeAlias

from callbacks_core import Callback, is_rank_zero, one_of, whole_number

from . import line
from .bar import ProgressBar
from .colours import Coloring, ColorProgress
from .display import Display, find_display
from .eta import Eta

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs

ShowEvery: TypeAlias = "int | Literal['all', 'none']"


class ProgressionCallback(Callback):
    """Show how far training is, and how well it goes, on one line an epoch.

    In a terminal the line is drawn anew while the epoch runs, at most ten times a second, and is
    never wider than the window; what others print meanwhile gets rows of its own above it. In a
    notebook it is replaced in its place. In a pipe or a file there is a plain line at the end of
    each epoch, and one a minute while it lasts. Values are read from the device only to be shown.
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
        _flag("progress_bar", progress_bar)
        _flag("equal_weights", equal_weights)
        _flag("show_on_valid", show_on_valid)
        self.coloring = coloring
        self.progress_bar = progress_bar
        self.equal_weights = equal_weights
        self.show_on_valid = show_on_valid
        self.show_every_n_train_steps = show_every_n_train_steps
        self.show_every_n_valid_steps = show_every_n_valid_steps
        self.show_every_n_test_steps = show_every_n_test_steps
        self._colors = ColorProgress(coloring)
        self._every_train = _every("show_every_n_train_steps", show_every_n_train_steps)
        self._every_valid = _every("show_every_n_valid_steps", show_every_n_valid_steps)
        self._every_test = _every("show_every_n_test_steps", show_every_n_test_steps)
        if not show_on_valid:
            self._every_valid = 0
        self._display: Display | None = None
        self._reset()

    def _reset(self) -> None:
        self._epoch: line.Line | None = None
        self._label = "Step"
        self._every = 0
        self._bar: ProgressBar | None = None
        self._eta: Eta | None = None
        self._begun = 0.0  # when this phase's steps began
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
        if self._display is not None:
            self._display.leave()
        self._display = None

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle without what is shown on."""
        return {**super().__getstate__(), "_display": None}

    def _begin(self) -> None:
        self.close()
        self._reset()
        self._display = find_display(self._colors) if is_rank_zero() else None
        if self._display is not None and not self._display.redraws:
            self._next = perf_counter() + self._display.interval

    def _begin_steps(self, label: str, every: int) -> None:
        self._label = label
        self._every = every
        self._batch = 0
        self._eta = None
        self._begun = perf_counter()
        shown = every and self._display is not None
        self._due = -inf if shown else inf  # the first step tells where the phase begins

    def _step(self, number: int, logs: Mapping[str, float]) -> None:
        if self._display is None:
            return
        if self._eta is None:
            self._first_step(number, self._display)
        now = perf_counter()
        if number % self._every or now < self._due or self._eta is None:
            return
        self._next = self._due = now + self._display.interval
        self._eta.observe(number, now)
        self._display.draw(self._running(number, logs, self._display, self._eta))

    def _first_step(self, number: int, display: Display) -> None:
        """Get ready for the steps of a phase; a resumed one may begin in its middle."""
        self._eta = Eta(self._begun, equal_weights=self.equal_weights, done=number - 1)
        self._due = self._next
        self._bar = None
        total = self._total()
        if total is not None and self.progress_bar:
            self._bar = ProgressBar(total, ascii_only=display.ascii_only)

    def _running(
        self, number: int, logs: Mapping[str, float], display: Display, eta: Eta
    ) -> list[line.Line]:
        total = self._total()
        head = [*self._head(), line.step(self._label, number, total)]
        metrics = line.metrics(logs)
        if total is None:
            return [*head, line.seconds(eta.seconds_per_step(), unit="s/step"), *metrics]
        left = line.seconds(eta.remaining(total), label="ETA: ")
        if self._bar is not None:
            self._bar.update(number)
            with_bar = [*head, [*line.bar(self._bar), *left]]
            if display.has_room([*with_bar, *metrics[:1]]):
                return [*with_bar, *metrics]
        return [*head, left, *metrics]

    def _total(self) -> int | None:
        return self._known("valid_steps" if self._label == "Val step" else "steps")

    def _finish(self, counts: list[line.Line], logs: Mapping[str, float]) -> None:
        if self._display is None:
            return
        took = line.seconds(logs.get("time", 0.0))
        self._display.finish([*self._head(), *counts, took, *line.metrics(logs)])
        if not self._display.redraws:
            self._next = perf_counter() + self._display.interval

    def _head(self) -> list[line.Line]:
        return [] if self._epoch is None else [self._epoch]

    def _known(self, name: str) -> int | None:
        return (self._params or {}).get(name) or None


def _flag(argument: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"`{argument}` must be True or False, not {value!r}")


def _every(argument: str, value: ShowEvery) -> int:
    """Return every how many steps one is shown; 0 for none."""
    if isinstance(value, str):
        one_of(argument, value, ("all", "none"))
        return 1 if value == "all" else 0
    whole_number(argument, value, at_least=1)
    return value
