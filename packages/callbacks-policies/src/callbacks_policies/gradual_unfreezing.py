# SPDX-License-Identifier: MIT
"""Let the layers of a network join the training one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from callbacks_core import whole_number

from ._freezing import Freezing, Stage
from ._names import patterns_of


class GradualUnfreezing(Freezing):
    """Let parts of a network join the training one after the other.

    ``GradualUnfreezing(["layer4", "layer3", ["layer1", "layer2"]])`` trains the rest, such as the
    head, alone in epoch 1; ``layer4`` joins in epoch 2, ``layer3`` in epoch 3, and the others in
    epoch 4. A layer begins to move when those above it know what they want of it, so that less of
    what it knows is forgotten. What is said of frozen parameters in `Freeze` holds here too.

    Args:
        stages: The names of what joins, one pattern or several for each time, as for `Freeze`. A
            parameter that several match joins with the first of them.
        every: The number of epochs from one to the next.
        batch_norm: Whether batch normalization that is frozen is put into evaluation mode as well,
            so that its statistics stay as they were.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There is no stage, one has no pattern, or *every* is less than 1.

    References:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018,
        https://arxiv.org/abs/1801.06146
    """

    def __init__(
        self,
        stages: Iterable[str | Iterable[str]],
        *,
        every: int = 1,
        batch_norm: bool = True,
    ) -> None:
        if isinstance(stages, str) or not isinstance(stages, Iterable):
            raise TypeError(f"`stages` must be a list of patterns, not {stages!r}")
        whole_number("every", every, at_least=1)
        self.stages = [
            patterns_of(f"stages[{index}]", patterns) for index, patterns in enumerate(stages)
        ]
        if not self.stages:
            raise ValueError("`stages` must hold at least one pattern")
        self.every = every
        super().__init__(
            [Stage(patterns, 1 + number * every) for number, patterns in enumerate(self.stages, 1)],
            batch_norm=batch_norm,
        )
