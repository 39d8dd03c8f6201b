# SPDX-License-Identifier: MIT
"""Trains experiments in children of one process, killing some: a child of the tests.

python _experiment_runs.py FOLDER SEED...
"""

import gc
import importlib
import os
import random
import signal
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader, TensorDataset

from callboard import Callback, EarlyStopping, Experiment, OneCycleLR, StepLR

WARM = ("torch._dynamo", "torchmetrics", "matplotlib.pyplot", "tensorboard.summary.writer")
EPOCHS = 5
BATCHES = 6


class KillAtBatch(Callback):
    """Kills the process at the end of a batch, counted from where it has begun."""

    def __init__(self, number: int) -> None:
        self.left = number

    def on_train_batch_end(self, batch_number, logs):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder: Path, kill_at: int) -> None:
    """Train; twelve examples in batches, with dropout, two schedules and shuffling."""
    torch.manual_seed(7)
    x = torch.randn(12, 4)
    y = (x.sum(1) > 0).long()
    network = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 2)
    )
    experiment = Experiment(folder, network, optimizer="adam", task="classification")
    experiment.train(
        DataLoader(TensorDataset(x, y), 2, shuffle=True),
        DataLoader(TensorDataset(x, y), 4),
        epochs=EPOCHS,
        lr_schedulers=[OneCycleLR(max_lr=0.1), StepLR(2)],
        callbacks=[EarlyStopping(monitor="val_loss", patience=4), KillAtBatch(kill_at)],
        keep_only_last_best=True,
        verbose=False,
    )


def in_child(folder: Path, kill_at: int = 0) -> int:
    """Train in a child process; return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            train(folder, kill_at)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Train straight through, and once for each seed with kills at random batches."""
    torch.set_num_threads(1)
    for name in WARM:  # what each child would import
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    gc.collect()
    gc.freeze()
    folder = Path(sys.argv[1])
    assert in_child(folder / "straight") == 0
    for seed in sys.argv[2:]:
        dice = random.Random(seed)
        for _ in range(3):
            assert in_child(folder / seed, dice.randint(1, BATCHES * 2)) == -signal.SIGKILL
        assert in_child(folder / seed) == 0
        assert in_child(folder / seed) == 0  # once more, when it is complete


if __name__ == "__main__":
    main()
