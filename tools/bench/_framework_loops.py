# SPDX-License-Identifier: MIT
"""How each framework trains a network: with the callbacks that it brings for it, or bare.

Each takes a network, a loader, the number of epochs, and a folder for its files. With a folder it
shows its progress, writes a CSV file, looks for a reason to stop early and saves a checkpoint in
every epoch, as far as it has something for it; without one it does nothing of the kind.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final

import torch
from _framework_tasks import Loader, bare, make_optimizer
from torch import nn
from torch.nn.functional import cross_entropy

PATIENCE: Final = 10**6


def bare_again(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with the bare loop, which shows how far the machine can be trusted."""
    for _ in range(epochs):
        bare(network, loader)


def callboard(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with ``Model.fit_generator``."""
    from callboard import Model

    Model(network, make_optimizer(network), cross_entropy).fit_generator(
        loader, epochs=epochs, verbose=folder is not None, callbacks=_callbacks(folder)
    )


def callboard_by_hand(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train in a loop written by hand around `TrainingLoop`."""
    from callboard import ProgressionCallback, TrainingLoop

    optimizer = make_optimizer(network)
    callbacks = [ProgressionCallback(), *_callbacks(folder)] if folder else []
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(epochs):
            for x, y in epoch.train(loader):
                loss = cross_entropy(network(x), y)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)


def _callbacks(folder: Path | None) -> list[Any]:
    from callboard import CSVLogger, EarlyStopping, ModelCheckpoint

    if folder is None:
        return []
    return [
        CSVLogger(folder / "log.csv"),
        EarlyStopping(monitor="loss", patience=PATIENCE),
        ModelCheckpoint(folder / "last.pt"),
    ]


def poutyne(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with Poutyne's ``Model``."""
    from poutyne import CSVLogger, EarlyStopping, Model, ModelCheckpoint

    callbacks: list[Any] = []
    if folder is not None:
        callbacks = [
            CSVLogger(str(folder / "log.csv")),
            EarlyStopping(monitor="loss", patience=PATIENCE),
            ModelCheckpoint(str(folder / "last.pt")),
        ]
    Model(network, make_optimizer(network), cross_entropy).fit_generator(
        loader, epochs=epochs, verbose=folder is not None, callbacks=callbacks
    )


def ignite(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with Ignite's ``Engine``; it has no CSV logger."""
    from ignite.engine import Events, create_supervised_trainer
    from ignite.handlers import EarlyStopping, ModelCheckpoint
    from ignite.handlers.tqdm_logger import ProgressBar

    trainer = create_supervised_trainer(network, make_optimizer(network), cross_entropy)
    if folder is not None:
        ProgressBar().attach(trainer, output_transform=lambda loss: {"loss": loss})
        stopping = EarlyStopping(PATIENCE, lambda engine: -engine.state.output, trainer)
        saver = ModelCheckpoint(folder, "network", n_saved=1, require_empty=False)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, stopping)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, saver, {"network": network})
    trainer.run(loader, max_epochs=epochs)


def skorch(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with skorch's ``NeuralNet``; it has no CSV logger."""
    from skorch import NeuralNet
    from skorch.callbacks import Checkpoint, EarlyStopping, ProgressBar

    class Net(NeuralNet):  # type: ignore[misc]  # it has no types
        def get_iterator(self, *_: Any, **__: Any) -> Loader:
            return loader

    callbacks: list[Any] = []
    if folder is not None:
        callbacks = [
            ProgressBar(),
            EarlyStopping(monitor="train_loss", patience=PATIENCE),
            Checkpoint(monitor=None, dirname=str(folder)),
        ]
    Net(
        network,
        nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        lr=0.01,
        max_epochs=epochs,
        train_split=None,
        callbacks=callbacks,
        verbose=folder is not None,
    ).fit(loader, None)


def accelerate(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train in a loop written by hand with what accelerate prepares; it has no callbacks."""
    from accelerate import Accelerator
    from tqdm import tqdm

    accelerator = Accelerator(cpu=True)
    network, optimizer = accelerator.prepare(network, make_optimizer(network))
    rows = []
    for epoch in range(epochs):
        network.train()
        total = torch.zeros(())
        for x, y in loader if folder is None else tqdm(loader):
            loss = cross_entropy(network(x), y)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            total += loss.detach()
        if folder is None:
            continue
        rows.append((epoch, float(total) / len(loader)))
        with (folder / "log.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        accelerator.save_state(str(folder / "state"))
