# SPDX-License-Identifier: MIT
"""Trainings whose process group is signalled, with workers of loaders: a child of the tests.

group.py FOLDER

Writes for each case how the training ended, which batch it has saved, and whether it ended like one
that nobody has touched when it was gone on with.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from time import sleep
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from callbacks_checkpoint import EveryEpochs, OnSignal, TrainingCheckpoint, load_training
from callbacks_core import Callback
from callbacks_core.signals import a_signal_waits
from callbacks_trainer import Model

EPOCHS = 2
BATCHES = 6
DEADLINE = 60  # seconds from the signal to the last save
STUCK = 200  # seconds after which a process that nobody has ended is killed, and the test fails

SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}
PLACES = ("in a batch", "waiting for a batch", "waiting for the first", "validating")


class Noisy(Dataset[tuple[Tensor, Tensor]]):
    """Examples that are changed at random whenever they are loaded.

    Args:
        count: How many there are.
        folder: Where the file ``armed`` tells that a signal is awaited.
        waits_at: The example that is not loaded before it has come.
    """

    def __init__(self, count: int, folder: Path, waits_at: int | None) -> None:
        generator = torch.Generator().manual_seed(3)
        self._x = torch.randn(count, 4, generator=generator)
        self._folder, self._waits_at = folder, waits_at

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index == self._waits_at and (self._folder / "armed").exists():
            (self._folder / "loading").touch()
            wait_for(self._folder / "sent")
        x = self._x[index]
        return x + 0.1 * torch.randn(4), (x.sum() > 0).long()


class Awaiting(Callback):
    """Tells where the training is, in its second epoch, and waits within a batch for a signal."""

    def __init__(self, folder: Path, place: str) -> None:
        self._folder, self._place = folder, place
        self._epoch = 0

    def on_epoch_begin(self, epoch_number: int, logs: Any) -> None:
        self._epoch = epoch_number
        if epoch_number == 2 and self._place:
            (self._folder / "armed").touch()
            if self._place == "waiting for the first":
                (self._folder / "ready").touch()

    def on_backward_end(self, batch_number: int) -> None:
        if (self._place, self._epoch, batch_number) == ("in a batch", 2, 3):
            (self._folder / "loading").touch()
            (self._folder / "ready").touch()
            wait_for(self._folder / "sent")
            while not a_signal_waits():
                sleep(0.01)
            sleep(0.2)  # so that the end of a worker is heard of here, as it is without as well

    def on_train_batch_end(self, batch_number: int, logs: Any) -> None:
        if (self._place, self._epoch, batch_number) == ("waiting for a batch", 2, 3):
            (self._folder / "ready").touch()

    def on_valid_begin(self, logs: Any) -> None:
        if (self._place, self._epoch) == ("validating", 2):
            (self._folder / "ready").touch()


def wait_for(path: Path) -> None:
    """Wait until there is a file."""
    while not path.exists():
        sleep(0.01)


def train(folder: Path, place: str = "", *, seed: int = 3) -> None:
    """Train, or go on with training, to the end or until a signal; write what was learnt."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 2))
    model = Model(network, torch.optim.Adam(network.parameters(), lr=0.05), "cross_entropy")
    trigger = EveryEpochs(1) | OnSignal(deadline=DEADLINE)
    waits_at = {"waiting for a batch": 2 * 3, "waiting for the first": 0}.get(place)
    train_data = Noisy(2 * BATCHES, folder, waits_at)
    valid_data = Noisy(8, folder, 5 if place == "validating" else None)
    history = model.fit_generator(
        DataLoader(train_data, 2, num_workers=2),
        DataLoader(valid_data, 2, num_workers=2),
        epochs=EPOCHS,
        callbacks=[TrainingCheckpoint(folder / "run", trigger=trigger), Awaiting(folder, place)],
        resume="auto",
        verbose=False,
    )
    losses = [[logs["loss"], logs["val_loss"]] for logs in history]
    weights = [value.tolist() for value in network.state_dict().values()]
    (folder / "learnt").write_text(json.dumps([losses, weights]), encoding="utf-8")


def begin(*arguments: Any, **options: Any) -> int:
    """Train in a process of its own group, which ends as any script does; return its number."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(STUCK)
        train(*arguments, **options)
        sys.exit()
    return child


def ended(child: int) -> int:
    """Return the exit code that a shell tells of a process, 128 + n where signal n has ended it."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 128 - code if code < 0 else code


def main() -> None:
    """Train straight through, and once for each signal and place; go on with each."""
    torch.set_num_threads(1)
    importlib.import_module("torch._dynamo")  # what each child would import, for seconds
    gc.collect()
    gc.freeze()  # or each child would copy all that is there
    root = Path(sys.argv[1])
    found: dict[str, list[Any]] = {}
    (root / "straight").mkdir()
    if ended(begin(root / "straight")):
        sys.exit("the straight run has failed")
    for name, number in SIGNALS.items():
        for place in PLACES:
            folder = root / f"{name} {place}"
            folder.mkdir()
            child = begin(folder, place)
            wait_for(folder / "ready")
            wait_for(folder / "loading")
            os.killpg(child, number)
            (folder / "sent").touch()
            code = ended(child)
            saved = None
            if (folder / "run").exists() and any((folder / "run").iterdir()):
                state = load_training(folder / "run")
                within = state["local"]["within"]
                saved = within and [within["epoch"], within["batch"]]
            again = ended(begin(folder, seed=99))
            learnt = [(each / "learnt").read_text("utf-8") for each in (folder, root / "straight")]
            found[f"{name} {place}"] = [code, saved, again, learnt[0] == learnt[1]]
            print(f"{name} {place}: {found[f'{name} {place}']}", flush=True)
    (root / "found.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
