# SPDX-License-Identifier: MIT
"""What the frameworks are compared with: three networks, batches in memory, and a bare loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Optimizer
from torch.utils.data import IterableDataset

Batch: TypeAlias = tuple[Tensor, Tensor]
Reading: TypeAlias = tuple[float, ...]
Meter: TypeAlias = Callable[[], Reading]

_WARM: Final = 2
"""So many steps of each epoch are left out, at its beginning."""


class Task(NamedTuple):
    """A network and its batches.

    Attributes:
        network: Makes the network, which tells ten classes apart.
        shape: The shape of an example.
        size: The number of examples in a batch.
        steps: The number of batches in an epoch.
        epochs: The number of epochs, the first of which warms up.
        device: Where the network and the batches are.
    """

    network: Callable[[], nn.Module]
    shape: tuple[int, ...]
    size: int
    steps: int
    epochs: int
    device: str = "cpu"

    def make(self) -> nn.Module:
        """Return the network, the same every time."""
        torch.manual_seed(0)
        return self.network().to(self.device)

    def batches(self) -> list[Batch]:
        """Return the batches of an epoch: ten different ones, over and over."""
        torch.manual_seed(1)
        different = [
            (
                torch.randn(self.size, *self.shape, device=self.device),
                torch.randint(0, 10, (self.size,), device=self.device),
            )
            for _ in range(10)
        ]
        return (different * (self.steps // 10 + 1))[: self.steps]


class Branches(nn.Module):
    """500 linear layers beside each other, of two tensors each; the mean of what they return."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 10) for _ in range(500))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores for batches of eight numbers."""
        return torch.stack([layer(x) for layer in self.layers]).mean(0)


def _tiny() -> nn.Module:
    return nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))


def _convolutional() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(800, 10)),
    )


def _deep() -> nn.Module:
    hidden = (part for _ in range(40) for part in (nn.Linear(32, 32), nn.ReLU()))
    return nn.Sequential(*hidden, nn.Linear(32, 10))


TASKS: Final = {
    "tiny": Task(_tiny, (32,), 32, 200, 11),
    "CNN": Task(_convolutional, (1, 28, 28), 32, 20, 8),
    "1,000 tensors": Task(Branches, (8,), 32, 8, 7),
}
ON_A_GPU: Final = Task(_deep, (32,), 32, 200, 21, "cuda")
"""A network of so little work that a GPU waits for the host: what counts is to launch quickly."""


def make_optimizer(network: nn.Module) -> Optimizer:
    """Return the optimizer that all use."""
    return SGD(network.parameters(), lr=0.01, momentum=0.9)


def bare(network: nn.Module, batches: Iterable[Batch]) -> None:
    """Train for an epoch, and do nothing else."""
    optimizer = make_optimizer(network)
    network.train()
    for x, y in batches:
        loss = cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        optimizer.step()


class Loader(IterableDataset[Any]):
    """An epoch's batches, which reads a meter as they are taken.

    What is read between two batches is all that a framework does for a step, whoever it is. Before
    each epoch the bare loop takes the same batches, so that what disturbs the one disturbs the
    other too.

    Args:
        batches: The batches.
        meter: What is read.
        bare: The bare loop; None for no comparison.
        form: Makes of a batch what a framework wants instead.

    Attributes:
        steps: What the meter went up by in a step, for each epoch.
        bare_steps: The same for the bare loop.
        ends: What it went up by from an epoch's last step to the next epoch's first.
    """

    def __init__(
        self,
        batches: list[Batch],
        meter: Meter,
        bare: Callable[[Iterable[Batch]], None] | None = None,
        form: Callable[[Batch], Any] | None = None,
    ) -> None:
        self.steps: list[Reading] = []
        self.bare_steps: list[Reading] = []
        self.ends: list[Reading] = []
        self._batches = batches
        self._given = batches if form is None else [form(batch) for batch in batches]
        self._meter = meter
        self._bare = bare
        self._last: Reading = ()

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches."""
        if self.steps:
            last_step_and_end = _difference(self._last, self._meter())
            self.ends.append(_difference(self.steps[-1], last_step_and_end))
        bare: list[Reading] = []
        if self._bare is not None:
            self._bare(self._metered(self._batches, bare.append))

        def done(step: Reading) -> None:  # some look at a first batch, and begin again
            self.steps.append(step)
            self.bare_steps.extend(bare)

        yield from self._metered(self._given, done)

    def _metered(self, batches: list[Any], done: Callable[[Reading], None]) -> Iterator[Any]:
        last = len(batches) - 1
        first = min(_WARM, last)
        begin: Reading = ()
        for number, batch in enumerate(batches):
            if number == first:
                begin = self._meter()
            if number == last:
                self._last = self._meter()
                taken = _difference(begin, self._last)
                done(tuple(value / max(1, last - first) for value in taken))
            yield batch


def _difference(begin: Reading, end: Reading) -> Reading:
    return tuple(after - before for before, after in zip(begin, end, strict=True))
