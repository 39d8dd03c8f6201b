# SPDX-License-Identifier: MIT
"""The training that is interrupted: a small classifier, with a loader and callbacks of choice."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from callbacks_checkpoint import EveryBatches, EveryEpochs, TrainingCheckpoint
from callbacks_core import Callback, TrainingLoop, get_random_states
from callbacks_lr import ReduceLROnPlateau
from callbacks_policies import EMA
from callbacks_trainer import Model

sys.path.insert(0, str(Path(__file__).parent.parent))

EPOCHS = 3
BATCHES = 5
HOOKS = ("on_train_batch_begin", "on_backward_end", "on_train_batch_end", "on_batch_settled")


class Job(NamedTuple):
    """One process's part of a run."""

    folder: str
    """Where the run writes."""
    result: str
    """The file for what came of it."""
    callbacks: list[str]
    """The names of the callbacks, as in the contract of all callbacks."""
    loader: str = "shuffled"
    """One of `LOADERS`."""
    loop: str = "fit"
    """``"fit"``, ``"hand"``, ``"accumulating"`` or ``"averaging"``."""
    kill_at: int = 0
    """The batch, counted in this process, in which it is killed; 0 lets it live."""
    kill_in: str = HOOKS[0]
    """The hook in which it is."""
    seed: int = 0
    """What the process is seeded with: a resumed one need not know of it."""
    asynchronous: bool = False
    """Whether it saves in the background."""


class Killer(Callback):
    """Kills its process: as dead as by a power cut, but for what the system has to write."""

    def __init__(self, at: int, hook: str) -> None:
        self._left = at
        self._hook = hook
        setattr(self, hook, self._strike)

    def _strike(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Forgetful(Callback):
    """Changes the learning rate with a counter that it puts into no state."""

    def __init__(self) -> None:
        self._count = 0

    def on_train_batch_end(self, batch_number: int, logs: Any) -> None:
        self._count += 1
        assert self.model.optimizer is not None
        for group in self.model.optimizer.param_groups:
            group["lr"] = 0.1 / self._count


class Noisy(Dataset[tuple[Tensor, Tensor]]):
    """Examples that are changed at random whenever they are loaded."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x, y

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        noise = 0.1 * torch.randn(self._x.shape[1]) + 0.1 * random.random()
        return self._x[index] + noise, self._y[index]


class Streamed(IterableDataset[tuple[Tensor, Tensor]]):
    """Examples that come one after the other, in an order drawn when it begins."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x, y

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for index in torch.randperm(len(self._x)).tolist():
            yield self._x[index], self._y[index]


class Keeping:
    """Batches from a loader that keeps its own place, as torchdata's does."""

    def __init__(self, batches: list[tuple[Tensor, Tensor]]) -> None:
        self._batches = batches
        self._next = self._round = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while self._next < len(self._batches):
            place = (self._next * 3 + self._round) % len(self._batches)
            self._next += 1
            yield self._batches[place]
        self._next, self._round = 0, self._round + 1

    def state_dict(self) -> dict[str, int]:
        return {"next": self._next, "round": self._round}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self._next, self._round = state["next"], state["round"]


def endless(batches: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches for ever, each round in an order of its own."""
    generator = random.Random(5)
    while True:
        yield from generator.sample(batches, len(batches))


def data() -> tuple[Tensor, Tensor]:
    """Return 22 examples of a task that can be learnt."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(22, 6, generator=generator)
    return x, (x[:, 0] + x[:, 1] > 0).long()


def _parts() -> list[tuple[Tensor, Tensor]]:
    x, y = data()
    return list(zip(x.split(5), y.split(5), strict=True))


def _stateful(workers: int) -> Iterable[Any]:
    from torchdata.stateful_dataloader import StatefulDataLoader

    return StatefulDataLoader(
        TensorDataset(*data()), batch_size=5, shuffle=True, num_workers=workers
    )


def _own_generator() -> Iterable[Any]:
    generator = torch.Generator().manual_seed(11)
    return DataLoader(TensorDataset(*data()), batch_size=5, shuffle=True, generator=generator)


LOADERS: dict[str, Callable[[], Iterable[Any]]] = {
    "shuffled": lambda: DataLoader(TensorDataset(*data()), batch_size=5, shuffle=True),
    "noisy": lambda: DataLoader(Noisy(*data()), batch_size=5, shuffle=True),
    "own generator": _own_generator,
    "noisy, two workers": lambda: DataLoader(
        Noisy(*data()), batch_size=5, shuffle=True, num_workers=2
    ),
    "streamed": lambda: DataLoader(Streamed(*data()), batch_size=5),
    "list": _parts,
    "endless": lambda: endless(_parts()),
    "keeps its place": lambda: Keeping(_parts()),
    "stateful": lambda: _stateful(0),
    "stateful, two workers": lambda: _stateful(2),
}


def make_model(*, normalized: bool = True) -> Model:
    """Return a classifier with dropout, running statistics and a metric that adds up."""
    norm = nn.BatchNorm1d(8) if normalized else nn.LayerNorm(8)
    network = nn.Sequential(nn.Linear(6, 8), norm, nn.Dropout(0.3), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    return Model(
        network,
        optimizer,
        "cross_entropy",
        batch_metrics=["accuracy"],
        epoch_metrics=["f1"],
    )


def train(job: Job) -> None:
    """Train, or go on with training, until the end or until killed; write what came of it."""
    torch.manual_seed(job.seed)
    random.seed(job.seed)
    model = make_model(normalized="SWA" not in job.callbacks)
    folder = Path(job.folder)
    callbacks = _callbacks(job, folder, model)
    loader = LOADERS[job.loader]()
    saver = TrainingCheckpoint(
        folder / "generations",
        trigger=EveryBatches(2) | EveryEpochs(1),
        asynchronous=job.asynchronous,
    )
    killer = Killer(job.kill_at, job.kill_in)
    listed = [saver, *callbacks, killer]  # saved first in the list, and yet after all others
    history = (by_hand if job.loop == "hand" else by_fit)(job, model, loader, listed)
    result = {
        "network": model.network.state_dict(),
        "optimizer": model.optimizer.state_dict() if model.optimizer else None,
        "random": get_random_states(),
        "history": history,
        "callbacks": [callback.state_dict() for callback in callbacks],
    }
    torch.save(result, job.result)


def _callbacks(job: Job, folder: Path, model: Model) -> list[Callback]:
    from test_callback_contract import make

    own: dict[str, Callback] = {"Forgetful": Forgetful()}
    callbacks = [own.get(name) or make(name)(folder, model) for name in job.callbacks]
    if job.loop == "averaging":
        callbacks += [EMA(0.9), ReduceLROnPlateau(monitor="val_loss", patience=0, factor=0.5)]
    return callbacks


def by_fit(job: Job, model: Model, loader: Iterable[Any], callbacks: list[Callback]) -> list[Any]:
    """Train with the trainer."""
    history: list[Any] = model.fit_generator(
        loader,
        _parts()[:2],
        epochs=EPOCHS,
        steps_per_epoch=BATCHES if job.loader == "endless" else None,
        batches_per_step=2 if job.loop == "accumulating" else 1,
        verbose=False,
        callbacks=callbacks,
        resume="auto",
    )
    return history


def by_hand(job: Job, model: Model, loader: Iterable[Any], callbacks: list[Callback]) -> list[Any]:
    """Train in a loop written by hand."""
    network, optimizer = model.network, model.optimizer
    assert optimizer is not None
    steps = BATCHES if job.loader == "endless" else None
    with TrainingLoop(network, optimizer, callbacks=callbacks, resume="auto") as loop:
        for epoch in loop.epochs(EPOCHS):
            for x, y in epoch.train(loader, steps=steps):
                loss = nn.functional.cross_entropy(network(x), y)
                optimizer.zero_grad()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)
            for x, y in epoch.valid(_parts()[:2]):
                loop.log(loss=nn.functional.cross_entropy(network(x), y))
    return loop.history
