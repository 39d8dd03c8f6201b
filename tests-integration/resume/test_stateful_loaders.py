# SPDX-License-Identifier: MIT
"""Loaders that keep their own place, with epochs that are not as long as they are."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from callboard import EveryBatches, EveryEpochs, TrainingCheckpoint, TrainingLoop, Trigger

stateful_dataloader = pytest.importorskip("torchdata.stateful_dataloader")

pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # what torchdata does

EXAMPLES = [(torch.tensor([float(number)]), torch.tensor([float(number)])) for number in range(10)]


class StoppedError(Exception):
    """What ends a training."""


def train(
    folder: Path,
    *,
    steps: int | None,
    seed: int | None,
    trigger: Trigger,
    stop_after: int = 10**6,
    resume: str | None = None,
) -> list[list[float]]:
    """Train for three epochs, or up to a batch, and return the inputs of each batch."""
    torch.manual_seed(0)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    loader = stateful_dataloader.StatefulDataLoader(
        EXAMPLES, batch_size=2, shuffle=True, generator=generator
    )
    network = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    saver = TrainingCheckpoint(folder, trigger=trigger)
    seen: list[list[float]] = []
    with (
        suppress(StoppedError),
        TrainingLoop(network, optimizer, callbacks=[saver], resume=resume) as loop,
    ):
        for epoch in loop.epochs(3):
            for x, y in epoch.train(loader, steps=steps):
                if len(seen) == stop_after:
                    raise StoppedError
                seen.append(x.flatten().tolist())
                loss = (network(x) - y).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loop.log(loss=loss)
    return seen


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("steps", [None, 2, 5, 7])
def test_the_next_epoch_is_the_one_that_had_come(
    steps: int | None, seed: int | None, tmp_path: Path
) -> None:
    """A loader of five batches, left early, at its end, or begun again within an epoch."""

    def run(folder: str, **options: Any) -> list[list[float]]:
        return train(tmp_path / folder, steps=steps, seed=seed, trigger=EveryEpochs(1), **options)

    whole = run("whole")
    assert run("parts", stop_after=steps or 5) + run("parts", resume="auto") == whole


@pytest.mark.parametrize("stop_after", range(1, 15))
@pytest.mark.parametrize("steps", [None, 2, 7])
def test_the_next_batch_is_the_one_that_had_come(
    steps: int | None, stop_after: int, tmp_path: Path
) -> None:
    """Within an epoch, which may be shorter or longer than the loader."""

    def run(folder: str, **options: Any) -> list[list[float]]:
        return train(tmp_path / folder, steps=steps, seed=3, trigger=EveryBatches(1), **options)

    whole = run("whole")
    stop_after = min(stop_after, len(whole) - 1)
    assert run("parts", stop_after=stop_after) + run("parts", resume="auto") == whole
