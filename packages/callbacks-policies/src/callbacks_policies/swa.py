# SPDX-License-Identifier: MIT
"""Stochastic weight averaging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.optim.swa_utils import get_swa_multi_avg_fn

from callbacks_core import Logs, State, whole_number

from ._average import Average
from ._batch_norm import has_statistics, renew_statistics
from .averaged_weights import AveragedWeights


class SWA(AveragedWeights):
    """Average the weights that late epochs end with, all alike, and evaluate under the average.

    With a learning rate that stays high, or goes up and down, the weights wander around a wide
    minimum, and their mean lies in its middle, where a network generalizes better. The averaging
    is that of `torch.optim.swa_utils`.

    The statistics of batch normalization belong to the weights that they were collected with. For
    the average they are worked out anew on the batches of *loader*, by
    `torch.optim.swa_utils.update_bn`, before it is evaluated; over all ranks, if there are
    several. The random numbers of torch are put back then.

    The training itself is not touched. From the beginning of a validation, a test or a prediction
    to its end the network has the averaged weights, and then its own again, bit for bit, also
    after an exception. A test or a prediction is done under the average when this callback is
    passed to it; ``with swa.applied():`` is for what no hook is called for.

    Args:
        start_epoch: The number of the first epoch whose weights count.
        every: Average once per this many steps of the optimizer; None does at each epoch's end,
            before its validation.
        loader: Batches to work out the statistics of batch normalization with: inputs, or tuples
            and lists that begin with them. Best it is a loader of its own, of as many batches as
            make a good estimate.
        use_buffers: Whether to average the buffers too, instead of working out statistics. Whole
            numbers, such as counts of batches, are the network's.
        swap_at_end: Whether the network has the averaged weights for good when training ends.
        until_epoch_end: Whether a validated epoch keeps the averaged weights in the network until
            this callback's own `on_epoch_end`. Savers before it in the list, such as
            ``BestModelRestore``, then keep the weights that were validated; otherwise, and after
            it in the list, they see those that are trained.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *start_epoch* or *every* is less than 1, or there is both a *loader* and
            *use_buffers*.

    References:
        Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018,
        https://arxiv.org/abs/1803.05407
    """

    def __init__(
        self,
        start_epoch: int,
        *,
        every: int | None = None,
        loader: Iterable[Any] | None = None,
        use_buffers: bool = False,
        swap_at_end: bool = False,
        until_epoch_end: bool = False,
    ) -> None:
        whole_number("start_epoch", start_epoch, at_least=1)
        if every is not None:
            whole_number("every", every, at_least=1)
        if loader is not None and (isinstance(loader, Iterator) or not _iterable(loader)):
            raise TypeError(
                f"`loader` must be batches that can be gone through again, not {loader!r}"
            )
        super().__init__(
            use_buffers=use_buffers, swap_at_end=swap_at_end, until_epoch_end=until_epoch_end
        )
        if loader is not None and use_buffers:
            raise ValueError("pass either `loader` or `use_buffers=True`: buffers are either "
                             "worked out anew or averaged")  # fmt: skip
        self.start_epoch = start_epoch
        self.every = every
        self.loader = loader
        self._started = self._due = self._renewed = False

    def listens_to(self, hook: str) -> bool:
        """Look at batches only to average after some of them."""
        return super().listens_to(hook) and (hook != "on_train_batch_end" or self.every is not None)

    def average_of(self, network: torch.nn.Module) -> Average:
        """Return a new average, which begins as the weights are."""
        return Average(
            network,
            _mean,
            buffers=self.use_buffers or self.loader is not None,
            average_buffers=self.use_buffers,
        )

    def average_now(self) -> None:
        """Take the network's present weights into the average."""
        super().average_now()
        self._renewed = False

    def before_evaluation(self, average: Average) -> None:
        """Work out the statistics of batch normalization, unless that is done."""
        if self.loader is not None and not self._renewed:
            renew_statistics(average.network, self.loader)
            average.keep_buffers()
            self._renewed = True

    def on_train_begin(self, logs: Logs) -> None:
        """Begin anew, or go on from a restored state.

        Raises:
            ValueError: There is no optimizer, the network has batch normalization whose statistics
                nobody would work out, or the state is that of another network.
        """
        if self.loader is None and not self.use_buffers and has_statistics(self.model.network):
            raise ValueError(
                "the network has batch normalization, whose statistics do not fit the averaged "
                "weights: pass SWA the `loader` to work them out with, or `use_buffers=True` to "
                "average them"
            )
        self._started = self._due = self._renewed = False
        super().on_train_begin(logs)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """See whether this epoch counts."""
        super().on_epoch_begin(epoch_number, logs)
        self._started = epoch_number >= self.start_epoch
        self._due = self._started and self.every is None

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Average, if it is the turn of this step."""
        before = self.steps
        if self._started and self.every is not None:
            self.steps += self._watched.take()
            if self.steps // self.every > before // self.every:
                self.average_now()

    def on_valid_begin(self, logs: Logs) -> None:
        """Average the epoch that is validated, and swap the averaged weights in."""
        self._average_epoch()
        super().on_valid_begin(logs)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Average an epoch that was not validated."""
        super().on_epoch_end(epoch_number, logs)
        self._average_epoch()

    def take_up(self, state: State) -> None:
        """Take up the average, and whether its statistics have been worked out."""
        super().take_up(state)
        self._renewed = bool(state["renewed"])

    def state_dict(self) -> State:
        """Return the averaged weights, and whether their statistics have been worked out."""
        return {"renewed": self._renewed, **super().state_dict()}

    def _average_epoch(self) -> None:
        if self._due:
            self._due = False
            self.average_now()


def _iterable(value: object) -> bool:
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


def _mean(averaged: Any, current: Any, number: Any) -> None:
    if averaged[0].is_floating_point() or averaged[0].is_complex():
        move = get_swa_multi_avg_fn()  # type: ignore[no-untyped-call]  # torch has no types for it
        move(averaged, current, number)
        return
    for kept, value in zip(averaged, current, strict=True):  # torch fails on whole numbers
        kept.copy_(value)
