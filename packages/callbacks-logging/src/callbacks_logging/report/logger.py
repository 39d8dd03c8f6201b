# SPDX-License-Identifier: MIT
"""The logger that writes a page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from callbacks_core import RowPacker, as_path, durable_open, probe, unpacked

from ..base import Logger, Outcome
from ..environment import describe_environment
from .facts import settings
from .page import Run, State, page

if TYPE_CHECKING:
    from callbacks_core import CallbackList, PathLike
    from callbacks_core import State as Saved


class HTMLReport(Logger):
    """Write a page that tells of the training: one file, for a browser, a colleague or a ticket.

    It has the curves, the learning rate, the last and the extreme values, your configuration,
    what the training runs on (versions, machine, git commit), how long callbacks took, and
    whether the training runs, has finished, failed or was interrupted. It needs neither network
    nor script. It is written anew, as a whole, at the end of epochs; while the training goes on, a
    browser that shows it loads it again every 15 seconds.

    Args:
        filename: The file. Missing parents are made.
        title: What stands above.
        config: Names with values, mappings among them, to be shown. Values whose names say that
            they are secret are hidden.
        interval: So many seconds lie between two writings, at least; the end of the training is
            always written.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *filename* is empty, or *interval* negative.

    Example:
        >>> from callbacks_core.testing import play
        >>> report = HTMLReport("report.html", title="Digits", config={"lr": 0.1})
        >>> _ = play(report, [{"loss": 0.5, "val_loss": 0.75}])
    """

    epoch_timeout = 5.0

    def __init__(
        self,
        filename: PathLike,
        *,
        title: str = "Training",
        config: Mapping[str, Any] | None = None,
        interval: float = 5.0,
    ) -> None:
        self.filename = filename
        self._path = as_path("filename", filename)
        if not isinstance(title, str):
            raise TypeError(f"`title` must be a str, not {title!r}")
        if config is not None and not isinstance(config, Mapping):
            raise TypeError(f"`config` must be a mapping of names to values, not {config!r}")
        if isinstance(interval, bool) or not isinstance(interval, int | float):
            raise TypeError(f"`interval` must be a number of seconds, not {interval!r}")
        if not interval >= 0:
            raise ValueError(f"`interval` must be at least 0, not {interval!r}")
        self.title = title
        self.config = config
        self.interval = interval
        self._settings = settings(config or {})
        self._list: CallbackList | None = None
        self._environment: dict[str, str] = {}
        self._planned: int | None = None
        self._epochs: list[dict[str, float]] = []
        self._packer = RowPacker()
        self._tests: list[dict[str, float]] = []
        self._status: State = "running"
        self._started: float | None = None
        self._ended = 0.0
        self._next = 0.0
        self._training = False

    def set_callbacks(self, callbacks: CallbackList) -> None:
        """Keep the list, which knows how long each callback takes."""
        self._list = callbacks

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle without the list that this is in."""
        return {**super().__getstate__(), "_list": None}

    def open(self, *, training: bool) -> None:
        """Look at where the file goes, and at what the training runs on.

        Raises:
            HopelessPathError: It can never be written.
        """
        probe(self._path)
        self._environment = describe_environment()
        self._training = training
        if training:
            self._tests = []
            self._status = "running"
            self._ended = self._next = 0.0

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Forget another training, or what a resumed one is about to do again."""
        self._epochs = [row for row in self._epochs if resumed and row.get("epoch", 0) < epoch]
        self._planned = self.params.get("epochs")
        if not self._epochs or self._started is None:
            self._started = time.time()
        self._write_page()

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Keep the values of an epoch for the next page."""
        self._epochs.append(values)

    def write_test(self, values: dict[str, float]) -> None:
        """Keep the values of a test for the next page."""
        self._tests.append(values)

    def flush(self) -> None:
        """Write the page, unless it was written just now."""
        if time.monotonic() >= self._next:
            self._write_page()

    def finish(self, outcome: Outcome) -> None:
        """Write the page for the last time."""
        if self._training:
            self._status = outcome
            self._ended = time.time()
        self._write_page()

    def _write_page(self) -> None:
        now = time.time()
        run = Run(
            title=self.title,
            state="finished" if self._started is None else self._status,
            begun=self._started,
            ended=self._ended or now,
            written=now,
            planned=self._planned,
            epochs=self._epochs,
            tests=self._tests,
            settings=self._settings,
            environment=self._environment,
            times=() if self._list is None else self._list.times(),
        )
        text = page(run)
        with durable_open(self._path, "w") as file:
            file.write(text)
        self._next = time.monotonic() + self.interval

    def sink_state(self) -> Saved:
        """Return the values of the epochs, and when the training began."""
        if not self._epochs:
            return {}
        return {"epochs": self._packer.pack(self._epochs), "begun": self._started}

    def load_sink_state(self, state: Saved) -> None:
        """Take up the values of the epochs."""
        self._epochs = unpacked(state.get("epochs", ()))
        self._started = state.get("begun")
