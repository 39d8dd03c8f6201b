# SPDX-License-Identifier: MIT
"""Keep gradients from growing too large."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Final

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from callbacks_core import Callback, Logs, OptimizerSteps, RunningMean, State

from ._alike import are_alike, clip_alike_norm_
from ._checks import positive
from ._parameters import moved, tensors
from ._sharded import clip_spread_norm_, gradients_of, is_spread, local
from ._ungraded import Ungraded

_LOGGING: Final = ("on_epoch_begin", "on_train_batch_end", "on_epoch_end")


class ClipNorm(Callback):
    """Scale the gradients down so that their common norm is at most *max_norm*.

    It is what keeps recurrent networks and large learning rates from diverging: the direction of
    the step stays. The gradients are clipped once they are complete and unscaled, before the
    optimizer steps, as `torch.nn.utils.clip_grad_norm_` does. To clip several groups of parameters
    each by itself, use a callback for each, with a *log_name* of its own. The norm of parameters
    that are spread over ranks, as `fully_shard` does, is that over all ranks.

    With a *log_name* the norm before clipping goes into the logs, for the callbacks that come
    later in the list: that of the last step in the logs of batches, and in those of epochs the
    mean over the steps that the optimizer took, so without those that mixed precision skipped. It
    stays on its device until somebody reads it.

    Args:
        parameters: The parameters whose gradients are clipped together.
        max_norm: The largest norm that they may have; with ``math.inf`` they are only measured.
        norm_type: The order of the norm; ``math.inf`` is the largest absolute value.
        error_if_nonfinite: Whether a norm that is infinite or NaN ends the run. To look at it,
            each step waits for the device.
        foreach: Whether to treat many tensors at a time; None does where the device can.
        log_name: The norm's name in the logs, such as ``"grad_norm"``; None keeps it out of them.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There are no parameters, or a number is not positive.

    Warns:
        RuntimeWarning: None of the parameters has a gradient, for 100 steps or to the end of a
            shorter training: they may be those of another network.

    Attributes:
        total_norm: The norm before the last clipping, a tensor on the device; None before.
    """

    def __init__(
        self,
        parameters: torch.Tensor | Iterable[torch.Tensor],
        max_norm: float,
        norm_type: float = 2.0,
        *,
        error_if_nonfinite: bool = False,
        foreach: bool | None = None,
        log_name: str | None = None,
    ) -> None:
        self.parameters = tensors(parameters)
        self.max_norm = positive("max_norm", max_norm)
        self.norm_type = positive("norm_type", norm_type)
        if not isinstance(error_if_nonfinite, bool):
            raise TypeError(
                f"`error_if_nonfinite` must be True or False, not {error_if_nonfinite!r}"
            )
        if not isinstance(foreach, bool | None):
            raise TypeError(f"`foreach` must be True, False or None, not {foreach!r}")
        if not isinstance(log_name, str | None):
            raise TypeError(f"`log_name` must be a name or None, not {log_name!r}")
        self._spread = any(map(is_spread, self.parameters))
        self._is_plain = foreach is not False and not error_if_nonfinite
        self._alike: bool | None = None  # not before the parameters are where they are trained
        self.error_if_nonfinite = error_if_nonfinite
        self.foreach = foreach
        self.log_name = log_name
        self.total_norm: torch.Tensor | None = None
        self._unstepped: torch.Tensor | None = None
        self._mean, self._averaged = RunningMean(), False
        self._restored: State | None = None
        self._resumes = False
        self._steps = OptimizerSteps()
        self._ungraded = Ungraded(type(self).__name__)

    def listens_to(self, hook: str) -> bool:
        """Look at batches and epochs only for a norm that is logged."""
        if self.log_name is None and hook in _LOGGING:
            return False
        return super().listens_to(hook)

    def on_train_begin(self, logs: Logs) -> None:
        """Forget the norms of a training before, and have the optimizer tell when it steps."""
        self.total_norm = self._unstepped = self._alike = None
        self._ungraded.begin()
        self._take_up()
        if self.log_name is not None and self.model.optimizer is not None:
            self._steps.watch(self.model.optimizer)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Begin a new mean, or go on with that of an epoch which was broken off."""
        if not self._resumes:
            self._mean, self._averaged = RunningMean(), False
        self._resumes = False

    def on_backward_end(self, batch_number: int) -> None:
        """Clip."""
        if not self._ungraded.over:
            self._ungraded.look(self.parameters)
        if self._alike is None:
            self._alike = self._is_plain and are_alike(self.parameters)
        if self._alike:
            norm = clip_alike_norm_(self.parameters, self.max_norm, self.norm_type)
            self.total_norm = self._unstepped = norm
            return
        clip = clip_spread_norm_ if self._spread else clip_grad_norm_
        self.total_norm = self._unstepped = clip(
            self.parameters,
            self.max_norm,
            norm_type=self.norm_type,
            error_if_nonfinite=self.error_if_nonfinite,
            foreach=self.foreach,
        )

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Write the norm of the last step; it is not read from the device."""
        norm, self._unstepped = self._unstepped, None
        stepped = self._steps.take() or self.model.optimizer is None
        if norm is not None and stepped:
            self._mean.add(norm)
            self._averaged = True
        if self.total_norm is not None and self.log_name is not None:
            logs[self.log_name] = self.total_norm  # type: ignore[assignment]  # lazy

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Write the mean of the norms; an epoch without a step has none."""
        if self._averaged and self.log_name is not None:
            logs[self.log_name] = float(self._mean.result())
        self._mean, self._averaged = RunningMean(), False

    def _take_up(self) -> None:
        restored, self._restored = self._restored, None
        self._resumes = restored is not None
        if restored is None:
            return
        state = moved(restored, self.parameters[0].device)
        self.total_norm, self._averaged = state["total_norm"], bool(state["averaged"])
        self._mean = RunningMean()
        self._mean.load_state_dict(state["mean"])

    def state_dict(self) -> State:
        """Return the last norm, and the mean so far of the epoch that runs; empty if not logged."""
        if self._restored is not None:
            return deepcopy(self._restored)
        if self.log_name is None:
            return {}
        mean = self._mean.state_dict()
        return {"total_norm": self.total_norm, "averaged": self._averaged, "mean": mean}

    def load_state_dict(self, state: State) -> None:
        """Take up a state; the next training goes on from it."""
        self._restored = deepcopy(state) or None

    def on_train_end(self, logs: Logs) -> None:
        """Let go of the optimizer."""
        self._steps.release()
        self._ungraded.end(self.parameters)

    def close(self) -> None:
        """Let go of the optimizer."""
        self._steps.release()


class ClipValue(Callback):
    """Cut every element of the gradients to between minus and plus *clip_value*.

    Unlike `ClipNorm` this bends the direction of the step. It uses
    `torch.nn.utils.clip_grad_value_`.

    Args:
        parameters: The parameters whose gradients are clipped.
        clip_value: The largest absolute value that an element may have.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There are no parameters, or *clip_value* is not positive.

    Warns:
        RuntimeWarning: None of the parameters has a gradient, for 100 steps or to the end of a
            shorter training: they may be those of another network.
    """

    def __init__(
        self, parameters: torch.Tensor | Iterable[torch.Tensor], clip_value: float
    ) -> None:
        self.parameters = tensors(parameters)
        self.clip_value = positive("clip_value", clip_value)
        self._spread = any(map(is_spread, self.parameters))
        self._ungraded = Ungraded(type(self).__name__)

    def on_train_begin(self, logs: Logs) -> None:
        """Look for gradients anew."""
        self._ungraded.begin()

    def on_train_end(self, logs: Logs) -> None:
        """Tell if there never was one."""
        self._ungraded.end(self.parameters)

    @torch.no_grad()
    def on_backward_end(self, batch_number: int) -> None:
        """Clip."""
        if not self._ungraded.over:
            self._ungraded.look(self.parameters)
        if self._spread:
            parts = [local(gradient) for gradient in gradients_of(self.parameters)]
            torch._foreach_clamp_min_(parts, -self.clip_value)
            torch._foreach_clamp_max_(parts, self.clip_value)
        elif any(
            parameter.grad is not None for parameter in self.parameters
        ):  # torch fails on none
            clip_grad_value_(self.parameters, self.clip_value)
