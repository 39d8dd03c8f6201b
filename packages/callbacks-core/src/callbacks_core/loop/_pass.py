# SPDX-License-Identifier: MIT
"""One pass over a loader, with its hooks and its averages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias

from ..averages import RunningMeans
from ..batch_size import get_batch_size
from ..errors import whole_number
from ..logs import LazyLogs, Scalar, is_tensor
from ..optimizer_steps import OptimizerSteps
from ..rank import world_size
from ._feed import Batch, LookAhead, empty_error, feed
from ._mode import NetworkMode
from ._place import Place

if TYPE_CHECKING:
    from ..callback import State
    from ..callback_list import CallbackList
    from ..model_like import ModelLike

Kind: TypeAlias = Literal["train", "valid", "test", "predict"]
Summary: TypeAlias = Callable[[], Mapping[str, Scalar]]

_PREFIX: Final[dict[Kind, str]] = {"train": "", "valid": "val_", "test": "test_", "predict": ""}
_NAME: Final[dict[Kind, str]] = {
    "train": "training",
    "valid": "validation",
    "test": "test",
    "predict": "prediction",
}
_PAIRS: Final = (tuple, list)
RESERVED: Final = frozenset({"epoch", "batch", "size", "time"})
"""Names in the logs that the loop itself fills."""


class Pass(Generic[Batch]):
    """One pass over a loader: iterate over it to get the batches.

    The hooks around each batch are called as the iteration goes on; what `record` was given is
    averaged over the examples, on the device, and handed to those who listen. A pass that is left
    early ends like any other as soon as the loop is used again.

    Attributes:
        batch_number: The number of the running batch, from 1.
        result: The values of the whole pass by their names in the logs; filled when it ends.
        logs: The same with the ``time`` the pass took: what its last hook was given.
    """

    def __init__(
        self,
        kind: Kind,
        loader: Iterable[Batch],
        *,
        model: ModelLike,
        callbacks: CallbackList,
        steps: int | None = None,
        epoch: int = 1,
        summarize: Summary | None = None,
        look_ahead: bool = False,
        place: Place | None = None,
        resumed: State | None = None,
        on_begin: Callable[[], None] | None = None,
        on_finish: Callable[[], None] | None = None,
        skip: bool = False,
    ) -> None:
        if steps is not None:
            whole_number("steps", steps, at_least=1)
        self.kind = kind
        self.batch_number = 0
        self.result: dict[str, Scalar] = {}
        self.logs = LazyLogs()
        self._loader = loader
        self._steps = steps
        self._epoch = epoch
        self._model = model
        self._callbacks = callbacks
        self._summarize = summarize
        self._look_ahead = look_ahead
        self._ahead: LookAhead[Batch] | None = None
        self._place = Place(_NAME[kind]) if place is None else place
        self._resumed = resumed
        self._on_begin = on_begin
        self._on_finish = on_finish
        self._means = RunningMeans()
        self._known: set[str] = set()
        self._values: dict[str, Scalar] = {}
        self._size: int | None = None
        self._batch: Batch | None = None
        self._skip = skip
        self._in_batch = self._started = self._finished = self._is_fetching = False
        self._settled_at = 0
        self._on_end = callbacks.hook(f"on_{kind}_batch_end")
        self._on_backward_end = callbacks.hook("on_backward_end") if kind == "train" else None
        self._on_settled = callbacks.hook("on_batch_settled") if kind == "train" else None
        self._watched = self._on_end is not None or self._on_settled is not None
        self._optimizer_steps: OptimizerSteps | None = None

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches; everything around them happens here.

        Raises:
            RuntimeError: The pass was gone through already.
            ValueError: The loader has no batch.
        """
        if self._started:
            raise RuntimeError("a pass can be gone through once; ask the epoch for a new one")
        if self._skip:
            return
        self._started = True
        self._begin_time = self._last_end = perf_counter()
        mode = None
        if self.kind == "train":
            self._model.network.train()
        else:
            mode = NetworkMode(self._model.network)
            mode.evaluate()
        self._count_optimizer_steps()
        try:
            yield from self._batches()
        except Exception:
            if self._is_fetching:
                self._give_way()
            self._finished = True  # or its end would be told of, should somebody go on from here
            raise
        finally:
            if self._optimizer_steps is not None:
                self._optimizer_steps.release()
            if mode is not None:
                mode.restore()
        self.finish()

    def _count_optimizer_steps(self) -> None:
        """Have the optimizer tell of its steps, if somebody wants to know when one is over."""
        optimizer = self._model.optimizer
        if self._on_settled is not None and optimizer is not None:
            self._optimizer_steps = OptimizerSteps()
            self._optimizer_steps.watch(optimizer)

    def _batches(self) -> Iterator[Batch]:
        if self.kind != "train" and (begin := self._callbacks.hook(f"on_{self.kind}_begin")):
            begin({})
        on_begin = self._callbacks.hook(f"on_{self.kind}_batch_begin")
        model, stoppable = self._model, self.kind == "train"
        if self._resumed is not None:
            self._take_up(self._resumed)
            if stoppable and model.stop_training:
                return
        self._is_fetching = True  # unless what is done with a batch is to blame
        batches = feed(self._loader, self._steps, _NAME[self.kind], self._place, self.batch_number)
        if self._look_ahead:
            batches = self._ahead = LookAhead(batches)
        for batch in batches:
            self.batch_number += 1
            try:
                if on_begin is not None:
                    on_begin(self.batch_number, {})
                self._batch = batch
                self._in_batch = True
                yield batch
                self.end_batch()
            except Exception:
                self._is_fetching = False
                raise
            if stoppable and model.stop_training:
                return

    def _give_way(self) -> None:
        """Act on a signal that waits for the end of a batch, as the loader has failed to give one.

        Its processes have got the signal too, perhaps, and it has ended them.
        """
        from ..signals import a_signal_waits, give_way  # which trainings without signals do without

        if not a_signal_waits():
            return
        is_alone = world_size() == 1  # others may have a batch, and would not come here
        if self._on_settled is not None and self._settled_at == self.batch_number > 0 and is_alone:
            self._on_settled(self.batch_number, LazyLogs({"batch": self.batch_number}))
        give_way()

    @property
    def is_last(self) -> bool:
        """Whether the running batch is the last one: the next one is fetched to find out.

        Only a pass that looks ahead knows; for others it is False.
        """
        return self._ahead is not None and not self._ahead.has_next()

    @property
    def means(self) -> RunningMeans:
        """The averages so far, over the batches that are done."""
        return self._means

    @property
    def is_running(self) -> bool:
        """Whether there were batches, and the pass is not over."""
        return self._started and not self._finished and self.batch_number > 0

    def state_dict(self) -> State:
        """Return how many batches were done, and the averages so far."""
        return {"batch": self.batch_number, "means": self._means.state_dict()}

    def _take_up(self, state: State) -> None:
        self.batch_number = state["batch"]
        self._means.load_state_dict(state["means"])
        if self._on_begin is not None:
            self._on_begin()

    def record(self, values: Mapping[str, Scalar], size: int | None = None) -> None:
        """Take values of the running batch.

        Args:
            values: Names with numbers or one-element tensors; tensors are not read.
            size: The number of examples that the values are the mean of; by default what
                `get_batch_size` finds in the batch.

        Raises:
            RuntimeError: No batch is running.
            TypeError: A value is neither a number nor a tensor.
            ValueError: A value is no scalar, or its name is one that the loop itself fills.
        """
        if not self._in_batch:
            raise RuntimeError(
                "values of a batch can be logged within the loop over the batches only; "
                "for a value of the whole epoch there is epoch.log(...)"
            )
        if size is not None:
            self._size = size
        for name, value in values.items():
            if name not in self._known:  # once for each name: this is in every step's way
                check_name(name)
                check_scalar(name, value)
                self._known.add(name)
            if getattr(value, "requires_grad", False):
                # A leaf is a parameter, which the optimizer changes before it is read.
                value = value.detach().clone() if value.is_leaf else value.detach()  # type: ignore[union-attr]
            self._values[name] = value

    def backward_end(self) -> None:
        """Tell the callbacks that the gradients of an optimizer step are complete."""
        if self._on_backward_end is not None:
            self._on_backward_end(self.batch_number)

    def end_batch(self) -> None:
        """End the running batch, if there is one."""
        if not self._in_batch:
            return
        self._in_batch = False
        values, self._values = self._values, {}
        size, self._size = self._size, None
        batch, self._batch = self._batch, None
        if values or self._watched:
            if size is None:
                parts: Any = batch  # a plain pair goes the quick way; a named tuple may be more
                size = get_batch_size(*parts) if type(parts) in _PAIRS else get_batch_size(parts)
            self._means.add(values, size)
        if self._watched:
            self._tell(values, size or 0)

    def _tell(self, values: dict[str, Scalar], size: int) -> None:
        now = perf_counter()
        prefix = _PREFIX[self.kind]
        logs = LazyLogs(
            {"batch": self.batch_number, "size": size, "time": now - self._last_end},
            **({prefix + name: value for name, value in values.items()} if prefix else values),
        )
        self._last_end = now
        if self._on_end is not None:
            self._on_end(self.batch_number, logs)
        if self._on_settled is not None:
            steps = self._optimizer_steps
            stepped = steps is None or steps.take()
            if stepped and not self._is_beyond_use():
                self._settled_at = self.batch_number
                self._on_settled(self.batch_number, logs)

    def _is_beyond_use(self) -> bool:
        """Whether training was stopped within this batch because nothing of it must be saved."""
        return bool(self._model.stop_training) and self._callbacks.abandons_epoch()

    def finish(self) -> None:
        """End the pass: work out its values and call its last hook. A second call does nothing.

        Raises:
            ValueError: There was no batch.
        """
        if self._finished or not self._started:
            return
        try:
            self.end_batch()
        finally:
            self._finished = True
        self._place.end_pass(self.batch_number)
        if self.batch_number == 0:
            raise empty_error(self._loader, _NAME[self.kind], self._epoch)
        values = self._means.result()
        if self._summarize is not None:
            summary = self._summarize()
            for name in summary:
                check_name(name)
            values.update(summary)
        prefix = _PREFIX[self.kind]
        self.result = {prefix + name: value for name, value in values.items()}
        if self._on_finish is not None:
            self._on_finish()
        self.logs = LazyLogs({"time": perf_counter() - self._begin_time}, **self.result)
        if self.kind != "train" and (end := self._callbacks.hook(f"on_{self.kind}_end")):
            end(self.logs)


def check_scalar(name: str, value: object) -> None:
    """Raise if *value* is neither a number nor a tensor of one element.

    Raises:
        TypeError: It is something else altogether.
        ValueError: It is a tensor of more or less than one element.
    """
    if is_tensor(value):
        if value.numel() != 1:
            raise ValueError(
                f"{name!r} must be a scalar, not a tensor of shape {tuple(value.shape)}; "
                f"take its mean() or sum() first"
            )
    elif not hasattr(value, "__float__"):
        raise TypeError(f"{name!r} must be a number or a one-element tensor, not {value!r}")


def check_name(name: str) -> None:
    """Raise if *name* is one that the loop itself fills.

    Raises:
        ValueError: It is.
    """
    if name in RESERVED:
        raise ValueError(
            f"{name!r} cannot be the name of a logged value: the loop itself fills "
            f"{', '.join(repr(reserved) for reserved in sorted(RESERVED))}"
        )
