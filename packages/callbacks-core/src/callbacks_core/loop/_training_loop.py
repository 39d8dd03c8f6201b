# SPDX-License-Identifier: MIT
"""A training loop that calls the callbacks, for use in a loop written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._logger import logger
from ..callback import Callback
from ..callback_list import CallbackList
from ..errors import whole_number
from ..logs import Scalar
from ..model_like import ModelLike, SimpleModel
from ..params import Params
from ..rank import world_size
from ..stopping import allow_training
from ._epoch import Epoch
from ._feed import Batch, loader_length
from ._mode import NetworkMode
from ._pass import Kind, Pass, Summary
from ._resumption import Resumption, checked_also
from ._run import Run

if TYPE_CHECKING:
    from typing import Self

    from torch.nn import Module
    from torch.optim import Optimizer

    from ..files import PathLike
    from ..stateful import Stateful


class TrainingLoop:
    """Adds callbacks, averages and clean endings to a PyTorch loop that you write yourself.

    ::

        with TrainingLoop(network, optimizer, callbacks=[EarlyStopping(patience=3)]) as loop:
            for epoch in loop.epochs(10):
                for x, y in epoch.train(train_loader):
                    loss = cross_entropy(network(x), y)
                    optimizer.zero_grad()
                    loss.backward()
                    loop.backward_end()
                    optimizer.step()
                    loop.log(loss=loss)
                for x, y in epoch.valid(valid_loader):
                    loop.log(loss=cross_entropy(network(x), y))

    Every hook comes in the order that `Callback` describes, pairs balance after a ``break`` too,
    and at the end of the block, however it ends, every callback is closed and the network is in
    the mode in which it was. A loss that is logged stays on its device until somebody reads it.

    Args:
        network: The network that is trained or evaluated.
        optimizer: Its optimizer, for the callbacks that look at it.
        callbacks: The callbacks, called in this order.
        model: What the callbacks get as ``self.model``; by default a `SimpleModel` of the two.
        resume: ``"auto"`` goes on with the newest run that the `RunSaver` among *callbacks* has
            saved, if there is one; a path with that file, or the newest one of a folder. The
            first epoch then is the one after the last, or in whose middle the run was saved.
        strict: Whether to refuse to go on when callbacks or arguments are others than those of
            the saved run. Otherwise the log tells of it.
        also: Further objects that belong to the run's state, such as ``{"scaler": scaler}``.
        arguments: What else is to be compared when a run is gone on with, in plain types, such as
            ``{"batch_size": 32}``.

    Raises:
        TypeError: *callbacks* holds something that is no callback, or *also* something without a
            state.
        ValueError: *resume* is ``"auto"``, and no callback saves runs.

    Attributes:
        history: The logs of each epoch so far.
    """

    def __init__(
        self,
        network: Module,
        optimizer: Optimizer | None = None,
        *,
        callbacks: Iterable[Callback] | Callback | None = None,
        model: ModelLike | None = None,
        resume: PathLike | None = None,
        strict: bool = False,
        also: Mapping[str, Stateful] | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        if not hasattr(network, "modules"):
            raise TypeError(f"`network` must be a torch.nn.Module, not {type(network).__name__}")
        self.model: ModelLike = SimpleModel(network, optimizer) if model is None else model
        self.callbacks = (
            callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks)
        )
        self.history: list[dict[str, float]] = []
        self._run = Run(self.model, self.callbacks, self.history, checked_also(also))
        self._resumption = Resumption(self._run, self.callbacks, resume, strict=strict)
        self._arguments = dict(arguments or {})
        self._mode: NetworkMode | None = None
        self._epoch: Epoch | None = None
        self._current: Pass[Any] | None = None
        self._training = self._in_epochs = False

    def __enter__(self) -> Self:
        """Remember the network's mode."""
        self._mode = NetworkMode(self.model.network)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End what is open, tell the callbacks of an exception, close them, restore the mode."""
        mode, self._mode = self._mode, None
        try:
            if error is None:
                self._finish()
        except BaseException as late:
            error = late
            raise
        finally:
            if mode is not None:
                mode.restore()
            self._close(error)

    def _close(self, error: BaseException | None) -> None:
        self._training = False
        if error is not None:
            self.callbacks.on_exception(error)
        try:
            self.callbacks.close()
        except BaseException as late:
            if error is None:
                raise
            logger().error("an error while closing after another one", exc_info=late)

    def epochs(
        self,
        epochs: int,
        *,
        initial_epoch: int = 1,
        steps: int | None = None,
        valid_steps: int | None = None,
        validated: bool = False,
    ) -> Iterator[Epoch]:
        """Train: yield each `Epoch` up to number *epochs*, or until training is stopped.

        Args:
            epochs: The number of the last epoch.
            initial_epoch: The number of the first one.
            steps: The batches in an epoch, for the callbacks to know before the first one; later
                the loader's own length counts.
            valid_steps: Likewise for validation.
            validated: Whether there will be a validation, when nobody knows how long.

        Raises:
            TypeError: A number is no whole number.
            ValueError: A number is out of range.
            RuntimeError: The loop was not entered with ``with``.
        """
        whole_number("epochs", epochs, at_least=0)
        whole_number("initial_epoch", initial_epoch, at_least=1)
        self._require_entered()
        params = Params(epochs=epochs, steps=steps)
        if validated or valid_steps is not None:
            params["valid_steps"] = valid_steps
        return self._run_epochs(range(initial_epoch, epochs + 1), params)

    def _run_epochs(self, numbers: range, params: Params) -> Iterator[Epoch]:
        self._finish()
        self._attach(params)
        allow_training(self.model)
        self._run.arguments = {**self._arguments, "processes": world_size()}
        if params.get("steps"):
            self._run.arguments["steps"] = params["steps"]
        self._resumption.take_up()
        first = self._run.first_epoch(numbers.start)
        self._training = True
        self.callbacks.on_train_begin({})
        self._run.settle()
        self._in_epochs = True
        try:
            for number in range(first, numbers.stop):
                resumed, self._run.resumed = self._run.resumed, None
                if self.model.stop_training and resumed is None:
                    break
                self._epoch = self._run.epoch = Epoch(
                    number,
                    model=self.model,
                    callbacks=self.callbacks,
                    params=params,
                    run=self._run,
                    resumed=resumed,
                )
                yield self._epoch
                self._end_epoch()
        finally:
            self._in_epochs = False
        self._finish()

    def _attach(self, params: Params) -> None:
        self.callbacks.set_model(self.model)
        self.callbacks.set_params(params)

    def _end_epoch(self) -> None:
        epoch, self._epoch = self._epoch, None
        if epoch is None:
            return
        epoch.end()
        if epoch.abandoned:
            self.model.stop_training = True
            return
        self.history.append(epoch.logs)
        self._run.epoch = None
        self.callbacks.on_settled(epoch.number, epoch.logs)

    def _finish(self) -> None:
        """Bring to an end what a ``break`` has left open."""
        running, self._current = self._current, None
        if running is not None:
            running.finish()
        self._end_epoch()
        if self._training:
            self._training = False
            self.callbacks.on_train_end({})

    def test(
        self,
        loader: Iterable[Batch],
        *,
        steps: int | None = None,
        summarize: Summary | None = None,
    ) -> Pass[Batch]:
        """Return a pass over test batches, in evaluation mode, without gradients.

        The callbacks get the ``on_test_*`` hooks; the values, logged with ``test_`` before their
        names, are in the pass's ``logs`` afterwards. Arguments are those of `Epoch.train`.

        Raises:
            RuntimeError: Training is under way, or the loop was not entered with ``with``.
        """
        return self._evaluate("test", loader, steps, summarize)

    def predict(self, loader: Iterable[Batch], *, steps: int | None = None) -> Pass[Batch]:
        """Return a pass over batches to predict, in evaluation mode, without gradients.

        The callbacks get the ``on_predict_*`` hooks. Arguments are those of `Epoch.train`.

        Raises:
            RuntimeError: Training is under way, or the loop was not entered with ``with``.
        """
        return self._evaluate("predict", loader, steps, None)

    def _evaluate(
        self, kind: Kind, loader: Iterable[Batch], steps: int | None, summarize: Summary | None
    ) -> Pass[Batch]:
        self._require_entered()
        if self._in_epochs:
            raise RuntimeError(f"{kind}() cannot be called within an epoch; use epoch.valid()")
        self._finish()
        self._attach(Params(steps=loader_length(loader) if steps is None else steps))
        running: Pass[Batch] = Pass(
            kind,
            loader,
            model=self.model,
            callbacks=self.callbacks,
            steps=steps,
            summarize=summarize,
        )
        self._current = running
        return running

    def _require_entered(self) -> None:
        if self._mode is None:
            raise RuntimeError(
                "use the loop in a with statement: `with TrainingLoop(...) as loop:`; it closes "
                "the callbacks at the end"
            )

    def log(self, *, size: int | None = None, **values: Scalar) -> None:
        """Log values of the running batch; the epoch gets their averages over the examples.

        Args:
            size: The number of examples that the values are the mean of; by default what
                `get_batch_size` finds in the batch.
            **values: Numbers or one-element tensors, such as ``loss=loss``. Tensors are not read
                yet: hand in a ``clone()`` of one that you change in place.

        Raises:
            RuntimeError: No batch is running.
            TypeError: A value is neither a number nor a tensor.
            ValueError: A value is no scalar, or its name is one that the loop itself fills.
        """
        self._running("log").record(values, size)

    def backward_end(self) -> None:
        """Tell the callbacks that the gradients are complete: call it before ``optimizer.step()``.

        With accumulation, call it once per optimizer step; under AMP, after unscaling.

        Raises:
            RuntimeError: No batch is running.
        """
        self._running("backward_end").backward_end()

    def _running(self, method: str) -> Pass[Any]:
        running = self._current if self._epoch is None else self._epoch.current
        if running is None:
            raise RuntimeError(
                f"loop.{method}() belongs into the loop over the batches: "
                f"`for batch in epoch.train(loader):`"
            )
        return running
