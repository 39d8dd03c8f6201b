# SPDX-License-Identifier: MIT
"""The callback that loggers are made of."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from callbacks_core import Callback, is_rank_zero

from .._learning_rates import LearningRates
from .batches import Batches, Kept, Recording
from .session import Entry, Session

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs, Scalar, State

Outcome: TypeAlias = Literal["finished", "failed", "interrupted"]

CHUNK: Final = 256
"""So many batches are handed over together, or those of a second."""

_SECONDS: Final = 1.0
_NO_RATES: Final[list[Scalar]] = []


class Logger(Callback):
    """Writes the values of each epoch, and of batches if asked to, wherever you want them.

    Extend it to reach a sink of your own: `write_epoch` is all that it needs. What is written is
    written by a thread of the logger's own, one call after another, so that a slow disk or server
    holds up no training step; the values of batches are handed over in chunks and read from the
    device together. What raises is told once, tried again with the next values, and never ends the
    training. Only the process of rank zero logs.

    The learning rate is the one that the epoch, or the batch, was trained with, wherever the logger
    stands in the list of callbacks.

    Example:
        >>> from callbacks_core.testing import play
        >>> class Print(Logger):
        ...     def write_epoch(self, epoch, values):
        ...         print(epoch, values["loss"])
        >>> _ = play([Print()], [{"loss": 0.5}, {"loss": 0.25}])
        1 0.5
        2 0.25

    Attributes:
        batch_granularity: Whether `write_batches` is called.
        timeout: How many seconds to wait, at the end, for what is not written yet.
        epoch_timeout: How many seconds the end of an epoch, or a save of the logger's state, waits
            for what was handed over to be written; zero for what may be slow.
    """

    on_error: FailurePolicy = "disable"
    batch_granularity: bool = False
    timeout: float = 30.0
    epoch_timeout: float = 0.0

    _session: Session | None = None
    _grace: float = 0.0  # seconds more, for a sink that keeps to `timeout` itself
    _outcome: Outcome = "finished"
    _restored: bool = False
    _concludes: bool = False
    _train: Kept = Kept()
    _valid: Kept = Kept()

    # What a sink is made of -------------------------------------------------------------------

    def open(self, *, training: bool) -> None:
        """Get ready to be written to. Called by the training thread.

        Raise a `FatalCallbackError` when it can never work; anything else is told, and training
        goes on.

        Args:
            training: Whether a training begins, or else a test outside of one.
        """

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Training is about to begin its first epoch. Called by the training thread.

        Args:
            epoch: The epoch's number.
            resumed: Whether a state was restored, or the epoch is not the first one: what was
                written for this epoch and later ones is about to be written again.
        """

    def check_names(self, names: Iterable[str]) -> None:
        """Look at the names of the first batch's values, then of the first epoch's.

        Called by the training thread, so that what is raised here comes early.
        """

    @abstractmethod
    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Write the values of an epoch.

        Args:
            epoch: The epoch's number.
            values: ``epoch``, ``time``, ``loss``, the metrics, those with ``val_``, and the
                learning rate as ``lr``, or ``lr_group_0`` and so on.
        """

    def write_batches(self, batches: Batches) -> None:
        """Write the values of some batches; see `batch_granularity`."""

    def write_valid_batches(self, batches: Batches) -> None:
        """Write the values of some batches of a validation, whose names begin with ``val_``."""

    def write_test(self, values: dict[str, float]) -> None:
        """Write the values of a test: ``time``, and those with ``test_``."""

    def flush(self) -> None:
        """Hand on what was written so far; called whenever there is nothing more to write."""

    def finish(self, outcome: Outcome) -> None:
        """Let go of the sink: the training has ended.

        Args:
            outcome: How it ended: ``"interrupted"`` after Ctrl-C, ``"failed"`` after any other
                exception.
        """

    def conclude(self) -> None:
        """All callbacks have seen the end of the training. Called by the training thread.

        This is the moment for what others leave behind: files, restored weights.
        """

    def sink_state(self) -> State:
        """Return what is needed to go on with the same sink, once all is written."""
        return {}

    def load_sink_state(self, state: State) -> None:
        """Take up what `sink_state` returned; training begins after it."""

    # How it is driven -------------------------------------------------------------------------

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters; batches and tests do where they are written."""
        if hook == "on_train_batch_end":
            return self.batch_granularity
        if hook == "on_valid_batch_end":
            return self.batch_granularity and self._writes("write_valid_batches")
        if hook == "on_test_end":
            return self._writes("write_test")
        return super().listens_to(hook)

    def _writes(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Logger, method)

    def on_train_begin(self, logs: Logs) -> None:
        """Open the sink, on rank zero."""
        self._concludes = self._start() is not None
        if self._concludes:
            self.open(training=True)

    def _start(self) -> Session | None:
        self._outcome: Outcome = "finished"
        self._epoch = 0
        self._begun = False
        self._due = 0.0
        self._unchecked_batch = self._unchecked_epoch = True
        self._rates = LearningRates()
        if not self._restored:
            self._train, self._valid = Kept(), Kept()
        self._session = None
        if is_rank_zero():
            self._session = Session(type(self).__name__, self._write, self.flush)
        return self._session

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Remember the learning rates, in case the loop does not tell of its steps."""
        if self._session is None:
            return
        self._epoch = epoch_number
        self._rates.begin(self.model)
        if not self._begun:
            self._begun = True
            self._begin(epoch_number)

    def _begin(self, epoch: int) -> None:
        restored, self._restored = self._restored, False
        steps = self.params.get("steps")
        if not restored and epoch > 1 and steps:
            self._train.step = (epoch - 1) * steps
            self._valid.step = (epoch - 1) * (self.params.get("valid_steps") or 0)
        self.begin(epoch, resumed=restored or epoch > 1)

    def on_backward_end(self, batch_number: int) -> None:
        """Remember the learning rates of the step."""
        if self._session is not None:
            self._rates.step()

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Keep the values of the batch, and hand over those kept when it is time."""
        if self._session is None:
            return
        if self._unchecked_batch:
            self._unchecked_batch = False
            self.check_names(logs)
        if not self.batch_granularity:
            return
        kept = self._train
        kept.logs.append(dict(dict.items(logs)))  # as it is now, not read
        kept.rates.append(self._rates.latest)
        if len(kept.logs) >= CHUNK or time.monotonic() >= self._due:
            self._hand_over()

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Keep the values of the batch, and hand over those kept when it is time."""
        if self._session is None or not self.batch_granularity:
            return
        kept = self._valid
        kept.logs.append(dict(dict.items(logs)))
        kept.rates.append(_NO_RATES)
        if len(kept.logs) >= CHUNK or time.monotonic() >= self._due:
            self._hand_over()

    def _hand_over(self) -> None:
        self._due = time.monotonic() + _SECONDS
        if self._session is None:
            return
        for kept, valid in ((self._train, False), (self._valid, True)):
            if kept.logs:
                self._session.put(kept.take(self._epoch, valid=valid))

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Hand over the values of the epoch, and raise what went wrong with earlier ones."""
        session = self._session
        if session is None:
            return
        values = {**logs, **self._rates.values()}
        if self._unchecked_epoch:
            self._unchecked_epoch = False
            self.check_names(values)
        self._hand_over()
        session.put(lambda: self.write_epoch(epoch_number, values))
        if self.epoch_timeout:
            session.wait(self.epoch_timeout)
        session.raise_problem()

    def on_test_end(self, logs: Logs) -> None:
        """Hand over the values of the test; outside of training the sink is opened for them."""
        if not self._writes("write_test"):
            return
        values = dict(logs)
        if self._session is not None:
            self._session.put(lambda: self.write_test(values))
            return
        session = self._start()
        if session is not None:
            self.open(training=False)
            session.put(lambda: self.write_test(values))
        self.close()

    def on_exception(self, exception: BaseException) -> None:
        """Remember how the training ended."""
        interrupted = isinstance(exception, KeyboardInterrupt | SystemExit)
        self._outcome = "interrupted" if interrupted else "failed"

    def on_train_end(self, logs: Logs) -> None:
        """Write what is left, and let go of the sink."""
        self._end()

    def close(self) -> None:
        """Write what is left, and let go of the sink."""
        self._end()
        if self._concludes:
            self._concludes = False
            self.conclude()

    def _end(self) -> None:
        session = self._session
        if session is None:
            return
        outcome = self._outcome
        try:
            self._hand_over()
            session.close(self.timeout + self._grace, lambda: self.finish(outcome))
        finally:
            self._session = None
            self._rates = LearningRates()

    def _write(self, entry: Entry) -> None:
        if isinstance(entry, Recording):
            entry.write(self.write_valid_batches if entry.valid else self.write_batches)
        else:
            entry()

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle the settings and what was learnt, without what is being written."""
        running = ("_session", "_rates")
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in running}

    def state_dict(self) -> State:
        """Return how many batches there were, and what the sink needs, once all is written."""
        if self._session is not None:
            self._hand_over()
            self._session.wait(self.epoch_timeout)
        state = dict(self.sink_state())
        for name, kept in (("step", self._train), ("valid_step", self._valid)):
            if kept.step:
                state[name] = kept.step
        return state

    def load_state_dict(self, state: State) -> None:
        """Go on with the same sink when training begins next."""
        self._train = Kept(int(state.get("step", 0)))
        self._valid = Kept(int(state.get("valid_step", 0)))
        self._restored = bool(state)
        self.load_sink_state(state)
