# SPDX-License-Identifier: MIT
"""One epoch of a training loop."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..logs import LazyLogs, Scalar
from ._feed import Batch, loader_length
from ._pass import Kind, Pass, Summary, check_name

if TYPE_CHECKING:
    from ..callback import State
    from ..callback_list import CallbackList
    from ..model_like import ModelLike
    from ._run import Run


class Epoch:
    """One epoch: a pass over the training batches, and one over the validation batches if any.

    Attributes:
        number: The epoch's number, from 1.
        logs: What the callbacks saw at its end; empty until then.
        abandoned: Whether a callback threw the epoch away after its batches.
        current: The pass that runs, or ran last.
    """

    def __init__(
        self,
        number: int,
        *,
        model: ModelLike,
        callbacks: CallbackList,
        params: dict[str, Any],
        run: Run | None = None,
        resumed: State | None = None,
    ) -> None:
        self.number = number
        self.logs: dict[str, float] = {}
        self.abandoned = False
        self.current: Pass[Any] | None = None
        self._model = model
        self._callbacks = callbacks
        self._params = params
        self._passes: dict[Kind, Pass[Any]] = {}
        self._extra: dict[str, Scalar] = {}
        self._ended = False
        self._run = run
        self._resumed = resumed
        if resumed is not None:
            self._extra.update(resumed["extra"])
        callbacks.on_epoch_begin(number, {})
        self._begin_time = perf_counter()

    def train(
        self,
        loader: Iterable[Batch],
        *,
        steps: int | None = None,
        summarize: Summary | None = None,
        look_ahead: bool = False,
    ) -> Pass[Batch]:
        """Return the pass over the training batches; the network is put into training mode.

        The pass ends early, after a batch, when a callback sets ``model.stop_training``.

        Args:
            loader: The batches.
            steps: How many of them; a loader that ends before is started again.
            summarize: Called after the last batch; the values it returns join the epoch's, in the
                place of the averages of the same names.
            look_ahead: Let the pass know its last batch (`Pass.is_last`), where accumulated
                gradients are due.

        Raises:
            RuntimeError: The epoch has had its training pass.
        """
        self._params["steps"] = loader_length(loader) if steps is None else steps
        return self._pass("train", loader, steps, summarize, look_ahead)

    def valid(
        self,
        loader: Iterable[Batch],
        *,
        steps: int | None = None,
        summarize: Summary | None = None,
    ) -> Pass[Batch]:
        """Return the pass over the validation batches, in evaluation mode, without gradients.

        Mode and gradients are put back when the pass ends, however it ends. The values are logged
        with ``val_`` before their names. After an abandoned training pass there is no batch.

        Args:
            loader: The batches.
            steps: How many of them; a loader that ends before is started again.
            summarize: Called after the last batch; the values it returns join the epoch's.

        Raises:
            RuntimeError: The epoch has had its validation pass.
        """
        self._finish_pass()
        self._params["valid_steps"] = loader_length(loader) if steps is None else steps
        return self._pass("valid", loader, steps, summarize)

    def _pass(
        self,
        kind: Kind,
        loader: Iterable[Batch],
        steps: int | None,
        summarize: Summary | None,
        look_ahead: bool = False,
    ) -> Pass[Batch]:
        if kind in self._passes:
            raise RuntimeError(
                f"epoch {self.number} has had its {kind}() pass; to go through several loaders, "
                f"chain them into one"
            )
        self._finish_pass()
        running: Pass[Batch] = Pass(
            kind,
            loader,
            model=self._model,
            callbacks=self._callbacks,
            steps=steps,
            epoch=self.number,
            summarize=summarize,
            look_ahead=look_ahead,
            place=None if self._run is None else self._run.places[kind],
            resumed=self._resumed if kind == "train" else None,
            on_begin=self._run.settle_pass if self._resumed and self._run else None,
            on_finish=self._ask_to_abandon if kind == "train" else None,
            skip=self.abandoned,
        )
        self._passes[kind] = self.current = running
        return running

    def state_dict(self) -> State | None:
        """Return where the training pass stands; None when it is not running."""
        running = self._passes.get("train")
        if running is None or not running.is_running:
            return None
        return {"epoch": self.number, "extra": dict(self._extra), **running.state_dict()}

    def _finish_pass(self) -> None:
        if self.current is not None:
            self.current.finish()

    def _ask_to_abandon(self) -> None:
        self.abandoned = self._callbacks.abandons_epoch()

    def log(self, **values: Scalar) -> None:
        """Add values to the epoch's logs, under the names as given.

        Args:
            **values: Numbers or one-element tensors.

        Raises:
            ValueError: A name is one that the loop itself fills.
        """
        for name in values:
            check_name(name)
        self._extra.update(values)

    def end(self) -> None:
        """Call the hooks of the epoch's end, unless it was abandoned. A second call does nothing.

        The averages of both passes come over from the device together.
        """
        if self._ended:
            return
        self._ended = True
        self._finish_pass()
        if self.abandoned:
            return
        lazy = LazyLogs({"epoch": self.number, "time": 0.0})
        for running in self._passes.values():
            lazy.update(running.result)
        lazy.update(self._extra)
        self.logs = lazy.copy()  # where the device's work is waited for, which counts as time
        self.logs["time"] = perf_counter() - self._begin_time
        self._callbacks.on_epoch_end(self.number, self.logs)
