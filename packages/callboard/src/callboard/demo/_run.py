# SPDX-License-Identifier: MIT
"""The training of the demo."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader

from callbacks_checkpoint import ModelCheckpoint
from callbacks_core import Callback, CallbackList, DelayCallback, EarlyStopping, TerminateOnNaN
from callbacks_logging import CSVLogger, HTMLReport, MLFlowLogger, TensorBoardLogger
from callbacks_lr import ReduceLROnPlateau
from callbacks_notify import ConsoleNotificator, NotificationCallback
from callbacks_policies import ClipNorm, OptimizerPolicy, one_cycle_phases
from callbacks_trainer import Model, TensorDataset, set_seeds

from ._digits import Digits, load_digits, make_network
from ._picture import draw_curves
from ._requirements import require_packages
from ._summary import Summary


class Files(NamedTuple):
    """Where one run writes."""

    best: Path
    last: Path
    csv: Path
    tensorboard: Path
    database: Path
    curves: Path
    report: Path


def run_demo(*, epochs: int, device: str, out: Path) -> Summary:
    """Train the classifier, print how it goes, and end with a summary.

    Args:
        epochs: At most so many, at least 2.
        device: Where to train.
        out: The folder to write into. Each run gets a folder of its own in it.

    Returns:
        The summary that was printed.

    Raises:
        MissingPackageError: A package is not installed.
        OSError: The folder cannot be written.
        RuntimeError: There is no such device.
    """
    require_packages()
    begin = perf_counter()
    set_seeds(42)
    digits = load_digits()
    files = _new_files(out)
    loader = DataLoader(TensorDataset(*digits.train), batch_size=32, shuffle=True)
    model = _make_model(device)
    callbacks = CallbackList(_callbacks(model, files, epochs, len(loader)))
    print(
        f"{len(digits.train[1])} handwritten digits to train on, {len(digits.valid[1])} to "
        f"validate, {len(digits.test[1])} to test; {epochs} epochs of {len(loader)} batches "
        f"on {model.device}",
        flush=True,
    )
    history = model.fit_generator(
        loader, _batches(digits.valid), epochs=epochs, callbacks=callbacks
    )
    logs = model.evaluate_generator(_batches(digits.test), return_dict_format=True)
    draw_curves(files.csv, files.curves)
    summary = Summary(
        files=files,
        history=history,
        test_accuracy=logs["test_accuracy"],
        seconds=perf_counter() - begin,
        callback_seconds=sum(row.seconds for row in callbacks.times()),
    )
    print(summary.text())
    return summary


def _new_files(out: Path) -> Files:
    out.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = out / f"run-{number}"
        try:
            folder.mkdir()
            break
        except FileExistsError:
            continue
    return Files(
        best=folder / "best.pt",
        last=folder / "last.pt",
        csv=folder / "log.csv",
        tensorboard=folder / "tensorboard",
        database=out / "mlflow.db",
        curves=folder / "curves.png",
        report=folder / "report.html",
    )


def _make_model(device: str) -> Model:
    network = make_network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.95, weight_decay=1e-4)
    return Model(network, optimizer, "cross_entropy", batch_metrics=["accuracy"], device=device)


def _callbacks(model: Model, files: Files, epochs: int, steps: int) -> list[Callback]:
    cycle = max(1, round(0.8 * epochs))  # then the rate is lowered whenever it stops helping
    phases = one_cycle_phases(cycle * steps, lr=(0.02, 0.2), finetune_lr=0.002)
    logger = MLFlowLogger("callboard demo", tracking_uri=f"sqlite:///{files.database}")
    config = {"epochs": epochs, "batch_size": 32, "optimizer": "SGD"}
    logger.log_config_params(config)
    return [
        OptimizerPolicy(phases),
        ClipNorm(list(model.network.parameters()), max_norm=1.0),
        DelayCallback(ReduceLROnPlateau(factor=0.5, patience=0), epoch_delay=cycle),
        EarlyStopping(monitor="val_accuracy", mode="max", patience=8, verbose=True),
        TerminateOnNaN(),
        ModelCheckpoint(
            files.best,
            monitor="val_accuracy",
            mode="max",
            save_best_only=True,
            restore_best=True,
        ),
        ModelCheckpoint(files.last),
        CSVLogger(files.csv),
        TensorBoardLogger(files.tensorboard),
        logger,
        HTMLReport(files.report, title="Handwritten digits", config=config),
        NotificationCallback(
            ConsoleNotificator(), alert_frequency=epochs, experiment_name="the digits"
        ),
    ]


def _batches(part: tuple[torch.Tensor, torch.Tensor]) -> DataLoader[Digits]:
    return DataLoader(TensorDataset(*part), batch_size=128)
