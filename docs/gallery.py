# SPDX-License-Identifier: MIT
"""Pictures of every schedule, policy and curve, drawn by the code that they show.

The site's configuration calls `draw`; ``python docs/gallery.py FOLDER`` does so by hand.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from callbacks_lr import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRSchedulerCallback,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    Warmup,
    WarmupStableDecay,
)
from callbacks_policies import (
    OptimizerPolicy,
    Phase,
    Space,
    constant,
    cosinespace,
    expspace,
    linspace,
    one_cycle_phases,
    polyspace,
    sgdr_phases,
    wsd_phases,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS: Final = 100
LOSSES: Final = [1 + math.exp(-step / 8) for step in range(60)] + [1.0] * 40
"""What the schedule that follows a value sees: a loss that falls and comes to a rest."""

SCHEDULES: Final[dict[str, LRSchedulerCallback]] = {
    "StepLR(25, 0.5)": StepLR(25, 0.5),
    "MultiStepLR([30, 80], 0.3)": MultiStepLR([30, 80], 0.3),
    "ExponentialLR(0.96)": ExponentialLR(0.96),
    "LambdaLR(lambda step: 1 / (1 + step / 20))": LambdaLR(lambda step: 1 / (1 + step / 20)),
    "MultiplicativeLR(lambda step: 1 - step / 2000)": MultiplicativeLR(
        lambda step: 1 - step / 2000
    ),
    "ConstantLR(0.3, 40)": ConstantLR(0.3, 40),
    "LinearLR(0.1, 1.0, 60)": LinearLR(0.1, 1.0, 60),
    "PolynomialLR(100, 2.0)": PolynomialLR(100, 2.0),
    "CosineAnnealingLR(100)": CosineAnnealingLR(100),
    "CosineAnnealingWarmRestarts(14, 2)": CosineAnnealingWarmRestarts(14, 2),
    'CyclicLR(0.1, 1.0, 20, mode="triangular2")': CyclicLR(
        0.1, 1.0, 20, mode="triangular2", cycle_momentum=False
    ),
    "OneCycleLR(1.0, 100)": OneCycleLR(1.0, 100),
    "ReduceLROnPlateau(factor=0.5, patience=8)": ReduceLROnPlateau(
        factor=0.5, patience=8, monitor="loss"
    ),
    "SequentialLR([LinearLR(…), StepLR(…)], [30])": SequentialLR(
        [LinearLR(0.1, total_iters=30), StepLR(25, 0.4)], [30]
    ),
    "ChainedScheduler([CosineAnnealingLR(…), StepLR(…)])": ChainedScheduler(
        [CosineAnnealingLR(100), StepLR(40, 0.6)]
    ),
    "Warmup(then=CosineAnnealingLR(80), steps=20)": Warmup(then=CosineAnnealingLR(80), steps=20),
    "WarmupStableDecay(warmup_steps=10, decay_steps=30, …)": WarmupStableDecay(
        warmup_steps=10, decay_steps=30, total_steps=100
    ),
}

POLICIES: Final[dict[str, list[Phase]]] = {
    "one_cycle_phases(100)": one_cycle_phases(100),
    "sgdr_phases(14, 3)": sgdr_phases(14, 3),
    "wsd_phases(100, (0.1, 1), …)": wsd_phases(100, (0.1, 1), warmup_steps=10, decay_steps=30),
    "[Phase(lr=expspace(…), …), Phase(lr=cosinespace(…), …)]": [
        Phase(lr=expspace(0.001, 1, 40), momentum=0.95),
        Phase(lr=cosinespace(1, 0.01, 60), momentum=linspace(0.95, 0.85, 60)),
    ],
}

SPACES: Final[dict[str, Space]] = {
    "linspace(0.01, 1, 100)": linspace(0.01, 1, STEPS),
    "cosinespace(0.01, 1, 100)": cosinespace(0.01, 1, STEPS),
    "expspace(0.01, 1, 100)": expspace(0.01, 1, STEPS),
    "polyspace(0.01, 1, 100, power=2)": polyspace(0.01, 1, STEPS, power=2),
    "polyspace(0.01, 1, 100, power=0.5)": polyspace(0.01, 1, STEPS, power=0.5),
    "constant(0.5, 100)": constant(0.5, STEPS),
}


def draw(folder: Path) -> list[Path]:
    """Draw everything, and return the files."""
    import matplotlib

    matplotlib.use("agg")
    folder.mkdir(parents=True, exist_ok=True)
    panels = {
        "schedules.png": [(name, _schedule(one)) for name, one in SCHEDULES.items()],
        "policies.png": [(name, _policy(phases)) for name, phases in POLICIES.items()],
        "spaces.png": [(name, _space(one)) for name, one in SPACES.items()],
    }
    return [_page(folder / name, drawn) for name, drawn in panels.items()]


def _schedule(schedule: LRSchedulerCallback) -> Callable[[Axes], object]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    values = None if schedule.monitor is None else LOSSES
    [rates] = schedule.preview(steps=STEPS, optimizer=optimizer, values=values)
    return lambda axes: axes.plot(range(STEPS), rates, label="lr")


def _policy(phases: list[Phase]) -> Callable[[Axes], object]:
    policy = OptimizerPolicy(phases)

    def panel(axes: Axes) -> None:
        policy.plot(ax=axes)
        if any("momentum" in phase.names for phase in phases):
            policy.plot("momentum", ax=axes)

    return panel


def _space(space: Space) -> Callable[[Axes], object]:
    return lambda axes: axes.plot(range(len(space)), list(space))


def _page(path: Path, panels: Iterable[tuple[str, Callable[[Axes], object]]]) -> Path:
    from matplotlib import pyplot

    listed = list(panels)
    down = math.ceil(len(listed) / 2)
    figure, grid = pyplot.subplots(
        down, 2, figsize=(8, 1.9 * down), layout="constrained", squeeze=False
    )
    cells = [axes for row in grid for axes in row]
    for axes, (name, panel) in zip(cells, listed, strict=False):
        panel(axes)
        axes.set_title(name, fontsize="small")
        axes.set_ylim(0, 1.05)
        axes.set(xlabel="", ylabel="")
    for axes in cells[len(listed) :]:
        axes.remove()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return path


if __name__ == "__main__":
    for drawn in draw(Path(sys.argv[1])):
        print(drawn)
