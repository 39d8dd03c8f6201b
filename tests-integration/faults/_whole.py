# SPDX-License-Identifier: MIT
"""A whole run in its directory, with every callback that writes, harmed like its parts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from _cases import Case, State
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from callbacks_checkpoint import TrainingCheckpoint, load_training
from callbacks_core import Callback, EarlyStopping, Logs
from callbacks_logging import CSVLogger, HistoryLogger, HTMLReport, JSONLinesLogger
from callbacks_lr import OneCycleLR, StepLR
from callbacks_policies import EMA
from callboard import Experiment
from callboard.experiment import _files

sys.path.append(str(Path(__file__).parent.parent / "resume"))


class Acknowledging(TrainingCheckpoint):
    """Saves the run, and tells when an epoch is saved and over."""

    def __init__(self, folder: Path, settled: Callable[[int], object]) -> None:
        super().__init__(folder)
        self._settled = settled

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        try:
            super().on_settled(epoch_number, logs)
        finally:
            self._settled(epoch_number)


class Experimenting(Case):
    """An `Experiment` with schedules, averaged weights and logs of every kind."""

    name = "whole run"
    tensorboard: ClassVar[bool] = True

    def callbacks(self, folder: Path) -> list[Callback]:
        run = folder / "run"
        return [
            EMA(0.9),
            EarlyStopping(monitor="val_loss", patience=9),
            CSVLogger(run / "batches.csv", batch_granularity=True),
            JSONLinesLogger(run / "log.jsonl"),
            HTMLReport(run / "report.html"),
            HistoryLogger(),
        ]

    def find(self, folder: Path) -> State | None:
        try:
            return load_training(folder / "run" / "run")
        except FileNotFoundError:
            return None

    def train(
        self,
        folder: Path,
        *,
        epochs: int,
        after: int = 0,
        state: State | None = None,
        settled: Callable[[int, nn.Module], object] = lambda epoch, network: None,
    ) -> None:
        _files.Files.draw = lambda *arguments: None  # type: ignore[method-assign]  # takes a second
        torch.manual_seed(0)
        x = torch.arange(24.0).reshape(6, 4) / 24
        data = TensorDataset(x, (x.sum(1) > 2).long())
        network = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.2), nn.Linear(4, 2))
        experiment = Experiment(
            folder / "run",
            network,
            optimizer={"optim": "sgd", "lr": 0.1, "momentum": 0.9},
            loss_function="cross_entropy",
            batch_metrics=["accuracy"],
            monitor_metric="val_loss",
        )
        saver = Acknowledging(folder / "run" / "run", lambda epoch: settled(epoch, network))
        experiment.train(
            DataLoader(data, 3, shuffle=True),
            DataLoader(data, 6),
            epochs=epochs,
            callbacks=[*self.callbacks(folder), saver],
            lr_schedulers=[OneCycleLR(max_lr=0.1, total_steps=8), StepLR(2)],
            keep_only_last_best=True,
            disable_tensorboard=not self.tensorboard,
            verbose=False,
        )

    def left(self, folder: Path) -> dict[str, Any]:
        from _comparison import left_behind  # type: ignore[import-not-found]  # next door

        found = left_behind(folder)
        return {name: held for name, held in found.items() if not name.endswith("environment.json")}

    def synced(self, left: dict[str, Any]) -> dict[str, Any]:
        return {name: held for name, held in left.items() if "tensorboard" not in name}

    def of_failed_saves(self, left: dict[str, Any]) -> dict[str, Any]:
        return {
            name: held if "network" not in held else [held["network"], held["optimizer"]]
            for name, held in left.items()
            if name.endswith(".pt")
        }
