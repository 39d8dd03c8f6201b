# SPDX-License-Identifier: MIT
"""A long training of short epochs with everything on, and what it holds as it goes on."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from callbacks_checkpoint import StateCheckpoint
from callbacks_core import Callback, ControlFile, DelayCallback, EarlyStopping, Logs
from callbacks_logging import (
    CSVGradientLogger,
    CSVLogger,
    DeviceMemoryMonitor,
    HistoryLogger,
    HTMLReport,
    JSONLinesLogger,
    TensorBoardGradientLogger,
    ThroughputMonitor,
)
from callbacks_lr import CosineAnnealingWarmRestarts, LRMonitor, ReduceLROnPlateau
from callbacks_notify import NotificationCallback
from callbacks_policies import EMA, ClipNorm
from callboard import Experiment

MIB = 2**20


class Sample(NamedTuple):
    """What a training held at the end of an epoch, and how long the processor took for one."""

    epoch: int
    seconds: float
    memory: int
    descriptors: int
    threads: int
    objects: int


class Watch(Callback):
    """Takes samples, one every so many epochs."""

    def __init__(self, every: int, tell: Callable[[Sample], object]) -> None:
        self.samples: list[Sample] = []
        self._every, self._tell = every, tell
        self._begin = 0.0

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        if epoch_number % self._every == 1:
            self._begin = process_time()

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        if epoch_number % self._every:
            return
        seconds = (process_time() - self._begin) / self._every
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        sample = Sample(
            epoch_number,
            seconds,
            pages * os.sysconf("SC_PAGE_SIZE"),
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
            len(gc.get_objects()),
        )
        self.samples.append(sample)
        self._tell(sample)


class Silent:
    """A notificator that tells nobody."""

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Do nothing."""


def soak(
    folder: Path, epochs: int, *, every: int, tell: Callable[[Sample], object]
) -> list[Sample]:
    """Train with everything on, and return what it held on the way.

    Args:
        folder: Where it writes.
        epochs: How many epochs, of two batches and one of validation.
        every: How many of them lie between two samples.
        tell: Called with each sample.
    """
    torch.manual_seed(0)
    x = torch.randn(12, 4)
    data = TensorDataset(x, (x.sum(1) > 0).long())
    network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 2))
    experiment = Experiment(folder / "run", network, optimizer="adam", task="classification")
    watch = Watch(every, tell)
    callbacks: list[Callback] = [
        ClipNorm(list(network.parameters()), 1.0, log_name="grad_norm"),
        EMA(0.9),
        LRMonitor(),
        ThroughputMonitor(),
        DeviceMemoryMonitor(),
        EarlyStopping(monitor="val_loss", patience=epochs),
        DelayCallback([EarlyStopping(monitor="loss", patience=epochs)], epoch_delay=2),
        HistoryLogger(),
        CSVLogger(folder / "log.csv", batch_granularity=True),
        JSONLinesLogger(folder / "log.jsonl", batch_granularity=True),
        HTMLReport(folder / "report.html"),
        CSVGradientLogger(folder / "gradients.csv"),
        TensorBoardGradientLogger(folder / "gradients"),
        StateCheckpoint({"network": network}, folder / "states.pt", asynchronous=True),
        NotificationCallback(Silent()),
        ControlFile(folder / "control"),
        watch,
    ]
    experiment.train(
        DataLoader(data, 6, shuffle=True),
        DataLoader(data, 12),
        epochs=epochs,
        callbacks=callbacks,
        lr_schedulers=[CosineAnnealingWarmRestarts(10), ReduceLROnPlateau(patience=50)],
        keep_only_last_best=True,
        verbose=False,
    )
    return watch.samples


def slope(samples: Sequence[Sample], name: str) -> float:
    """Return by how much a value grows with each epoch, by least squares."""
    epochs = [sample.epoch for sample in samples]
    values = [getattr(sample, name) for sample in samples]
    middle, mean = sum(epochs) / len(epochs), sum(values) / len(values)
    above = sum((e - middle) * (v - mean) for e, v in zip(epochs, values, strict=True))
    return float(above / sum((e - middle) ** 2 for e in epochs))


def what_grows(samples: Sequence[Sample]) -> list[str]:
    """Return what is not flat, once the first quarter is over; never of time, which is noisy."""
    later = [sample for sample in samples if sample.epoch > samples[-1].epoch / 4]
    found = []
    for name in ("descriptors", "threads"):
        values = [getattr(sample, name) for sample in later]
        half = len(values) // 2
        before, after = median(values[:half]), median(values[half:])
        if after > before + 1.5:  # what is being written may have one for a moment
            found.append(f"{name} grow from {before:g} to {after:g}")
    if slope(later, "objects") > 10:
        found.append(f"{slope(later, 'objects'):.1f} objects more with each epoch")
    if slope(later, "memory") > 64 * 2**10:  # the history of a run is part of it
        found.append(f"{slope(later, 'memory') / 2**10:.0f} KiB more with each epoch")
    return found
