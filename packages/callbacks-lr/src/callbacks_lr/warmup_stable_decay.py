# SPDX-License-Identifier: MIT
"""Up, level for long, and down."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import one_of, whole_number

from ._arguments import between, takes_no_optimizer
from ._horizon import needed_steps
from .scheduler_callback import LRSchedulerCallback, StepOn

_SHAPES: Final[dict[str, Callable[[float], float]]] = {
    "linear": lambda part: 1 - part,
    "cosine": lambda part: (1 + math.cos(math.pi * part)) / 2,
    "sqrt": lambda part: 1 - math.sqrt(part),
}


class WarmupStableDecay(LRSchedulerCallback):
    """Let the learning rate rise, stay for most of the run, and fall at its end.

    Before the decay the run can go on for as long as one likes: the length of the run is no part
    of the rates so far, as it is in a cosine. The sources are Hu et al., "MiniCPM"
    (https://arxiv.org/abs/2404.06395), and for the shape ``"sqrt"`` Hägele et al., "Scaling Laws
    and Compute-Optimal Training Beyond Fixed Training Durations"
    (https://arxiv.org/abs/2405.18392).

    Args:
        warmup_steps: The steps of the rise, in equal parts; 0 for none.
        decay_steps: The steps of the fall at the end.
        total_steps: The steps of the whole; by default those of the run, see `OneCycleLR`.
        shape: How it falls: along a ``"linear"`` line, half a ``"cosine"``, or ``"sqrt"`` for one
            minus the square root.
        final_factor: The part of the learning rate that is left at the end, from 0 to 1.
        step_on: ``"batch"`` for each step of the optimizer, or ``"epoch"``.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, rise and fall are longer than the whole, or an
            optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        *,
        warmup_steps: int,
        decay_steps: int,
        total_steps: int | None = None,
        shape: Literal["linear", "cosine", "sqrt"] = "linear",
        final_factor: float = 0.0,
        step_on: StepOn = "batch",
    ) -> None:
        whole_number("warmup_steps", warmup_steps, at_least=0)
        whole_number("decay_steps", decay_steps, at_least=1)
        if total_steps is not None:
            whole_number("total_steps", total_steps, at_least=1)
        one_of("shape", shape, _SHAPES)
        between("final_factor", final_factor, 0, 1)
        self.warmup_steps = warmup_steps
        self.decay_steps = decay_steps
        self.total_steps = total_steps
        self.shape = shape
        self.final_factor = final_factor
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.LambdaLR:
        """Return a new scheduler of torch's for *optimizer*.

        Raises:
            ValueError: The run does not tell its length, or is too short for rise and fall.
        """
        total = needed_steps("WarmupStableDecay", self.total_steps, self.run_steps)
        decay_begin = total - self.decay_steps
        if decay_begin < self.warmup_steps:
            raise ValueError(
                f"{self.warmup_steps} steps of warm-up and {self.decay_steps} of decay do not fit "
                f"into {total} steps"
            )
        warmup, decay, left = self.warmup_steps, self.decay_steps, self.final_factor
        fall = _SHAPES[self.shape]

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / (warmup + 1)
            if step <= decay_begin:
                return 1.0
            return left + (1 - left) * fall(min((step - decay_begin) / decay, 1.0))

        return lr_scheduler.LambdaLR(optimizer, factor)

    @property
    def horizon(self) -> int | None:
        """The steps of the whole, when they are not left to the run."""
        return self.total_steps
