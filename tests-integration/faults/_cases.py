# SPDX-License-Identifier: MIT
"""The trainings that are harmed, and how each goes on from what it finds afterwards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar, TypeAlias

import torch
from torch import nn
from torch.nn.functional import mse_loss

from callbacks_checkpoint import (
    ModelCheckpoint,
    OptimizerCheckpoint,
    PeriodicSaveCallback,
    Retention,
    load_checkpoint,
    write_checkpoint,
)
from callbacks_core import Callback, CallbackList, LambdaCallback, Logs, TrainingLoop

State: TypeAlias = "dict[str, Any]"

SCORES = (3.0, 2.0, 2.5, 1.0, 1.5)  # one for each epoch: better, better, worse, better, worse


class Case(ABC):
    """A small training that saves at the end of each epoch.

    Attributes:
        name: What the table calls it.
        momentum: The optimizer's; with any, the weights alone are not the whole state.
        lag: How many epochs later an epoch is acknowledged.
        is_control: Whether it shows that the harm is real: nobody promises that it survives.
    """

    name: ClassVar[str]
    is_control: ClassVar[bool] = False
    momentum: ClassVar[float] = 0.9
    lag: ClassVar[int] = 0

    @abstractmethod
    def callbacks(self, folder: Path) -> list[Callback]:
        """Return the callbacks that save into *folder*."""

    @abstractmethod
    def find(self, folder: Path) -> State | None:
        """Return what the newest checkpoint holds, or None when there is none.

        Raises:
            Exception: There is one that cannot be read.
        """

    def train(
        self,
        folder: Path,
        *,
        epochs: int,
        after: int = 0,
        state: State | None = None,
        settled: Callable[[int, nn.Module], object] = lambda epoch, network: None,
    ) -> None:
        """Train up to epoch number *epochs*.

        Args:
            folder: Where to save.
            epochs: The last epoch.
            after: The epoch to go on after.
            state: What was found of it.
            settled: Called with each epoch's number and the network, once it is saved and over.
        """
        torch.manual_seed(0)
        network = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=self.momentum)
        watch = LambdaCallback(on_settled=lambda epoch, logs: settled(epoch, network))
        callbacks = CallbackList([*self.callbacks(folder), watch])
        if state is not None:
            network.load_state_dict(state["network"])
            if "optimizer" in state:
                optimizer.load_state_dict(state["optimizer"])
                callbacks.load_state_dict(state["callbacks"])
        x = torch.arange(24.0).reshape(2, 3, 4) / 24
        batches = list(zip(x, x[:, :, :3] * 2 - 1, strict=True))
        with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
            for epoch in loop.epochs(epochs, initial_epoch=after + 1):
                for x_batch, y_batch in epoch.train(batches):
                    optimizer.zero_grad()
                    loss = mse_loss(network(x_batch), y_batch)
                    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
                    optimizer.step()
                epoch.log(score=SCORES[epoch.number - 1])

    def left(self, folder: Path) -> dict[str, Any]:
        """Return what each file in the folder holds, to be compared."""
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): load_checkpoint(path) for path in files}

    def synced(self, left: dict[str, Any]) -> dict[str, Any]:
        """Return what of it no power cut takes."""
        return left

    def of_failed_saves(self, left: dict[str, Any]) -> dict[str, Any]:
        """Return what of it is the same in the end when saves have failed on the way."""
        return {name: held.get("network", held) for name, held in left.items()}


class Weights(Case):
    """The weights alone, in one file that each epoch replaces."""

    name = "weights"
    momentum = 0.0
    options: ClassVar[dict[str, Any]] = {}

    def callbacks(self, folder: Path) -> list[Callback]:
        return [ModelCheckpoint(folder / "run" / "last.pt", **self.options)]

    def find(self, folder: Path) -> State | None:
        path = folder / "run" / "last.pt"
        return {"network": load_checkpoint(path)} if path.exists() else None


class WeightsInBackground(Weights):
    """The same, written in the background: an epoch is safe when the next one is over."""

    name = "weights, asynchronous"
    lag = 1
    options: ClassVar[dict[str, Any]] = {"asynchronous": True, "overlap": True}


class InPlace(Weights):
    """The weights, written over the old ones: what must not survive everything."""

    name = "weights, in place"
    is_control: ClassVar[bool] = True
    options: ClassVar[dict[str, Any]] = {"atomic_write": False}


class SaveRun(PeriodicSaveCallback):
    """The whole state of the run in one file: the commit of an epoch."""

    writes_bytes: ClassVar[bool] = True
    others: CallbackList

    def save_file(self, fd: IO[Any], epoch_number: int, logs: Logs) -> None:
        model = self.model
        assert model.optimizer is not None
        state = {
            "epoch": epoch_number,
            "network": model.network.state_dict(),
            "optimizer": model.optimizer.state_dict(),
            "callbacks": self.others.state_dict(),
        }
        write_checkpoint(state, fd)


class Run(Case):
    """A best file, whose predecessor is removed, and the state of the run."""

    name = "best file and run"
    options: ClassVar[dict[str, Any]] = {"save_best_only": True, "keep_only_last_best": True}

    def callbacks(self, folder: Path) -> list[Callback]:
        savers = self.savers(folder / "run")
        run = SaveRun(folder / "run" / "run.pt")
        run.others = CallbackList(savers)
        return [*savers, run]

    def savers(self, folder: Path) -> list[Callback]:
        """Return what is saved besides the state of the run."""
        return [ModelCheckpoint(folder / "{epoch}.pt", monitor="score", **self.options)]

    def find(self, folder: Path) -> State | None:
        path = folder / "run" / "run.pt"
        if not path.exists():
            return None
        state: State = load_checkpoint(path)
        for saver in state["callbacks"].values():
            for file, *_ in saver["ledger"]["files"]:
                load_checkpoint(file)
        return state


class RunInBackground(Run):
    """The same, but the best file is written in the background."""

    name = "best file and run, asynch."
    options: ClassVar[dict[str, Any]] = {**Run.options, "asynchronous": True}


class Series(Run):
    """The best and the last files, with second names, the optimizer, and the state of the run."""

    name = "series, links, optimizer"

    def savers(self, folder: Path) -> list[Callback]:
        series = ModelCheckpoint(
            folder / "{epoch}.pt",
            monitor="score",
            keep=Retention(best=1, last=1),
            best_link=folder / "best.pt",
            last_link=folder / "last.pt",
        )
        return [series, OptimizerCheckpoint(folder / "optimizer.pt")]


CASES: tuple[Case, ...] = (
    Weights(),
    WeightsInBackground(),
    Run(),
    RunInBackground(),
    Series(),
    InPlace(),
)
