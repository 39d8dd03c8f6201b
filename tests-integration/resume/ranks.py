# SPDX-License-Identifier: MIT
"""Two processes that torchrun has started, and that a signal ends: a child of the tests.

ranks.py FOLDER first|second
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import torch
from torch import nn
from torch.distributed import all_gather_object, get_world_size
from torch.utils.data import DataLoader, TensorDataset

from callbacks_checkpoint import (
    EveryEpochs,
    OnControl,
    OnSignal,
    TrainingCheckpoint,
    Trigger,
    load_training,
)
from callbacks_core import Callback, ControlFile, rank
from callbacks_core.signals import a_signal_waits
from callbacks_trainer import Model

EPOCHS = 3
BATCHES = 6
DEADLINE = 300  # seconds, which no machine is so busy as to need


class At(Callback):
    """Does something in one process when a batch, counted over all epochs, has begun."""

    def __init__(self, batch: int, who: int, action: Any) -> None:
        self._left, self._who, self._action = batch, who, action

    def on_train_batch_begin(self, batch_number: int, logs: Any) -> None:
        self._left -= 1
        if self._left == 0 and rank() == self._who:
            self._action()


class InRankOne(Trigger):
    """Goes off in one process alone, after its third batch."""

    within_epochs = True

    def __init__(self) -> None:
        self._batches = 0

    def after_batch(self) -> bool:
        self._batches += 1
        return rank() == 1 and self._batches == 3


def trained(*callbacks: Callback, resume: str | None = None) -> Any:
    """Train, and return what was learnt: weights, losses, and the learning rate."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCHES * 8, 3, generator=generator)
    examples = TensorDataset(x, (x.sum(1) > 0).long())
    torch.manual_seed(3 if resume is None else 99)
    network = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.3), nn.Linear(16, 2))
    optimizer = {"optim": "sgd", "lr": 0.2, "momentum": 0.9}
    model = Model(network, optimizer, "cross_entropy", precision="bf16")
    history = model.fit_generator(
        DataLoader(examples, 4, shuffle=True),
        DataLoader(TensorDataset(*examples[:6]), 2),
        epochs=EPOCHS,
        callbacks=list(callbacks),
        resume=resume,
        verbose=False,
    )
    losses = [[logs["loss"], logs["val_loss"]] for logs in history]
    weights = [value.tolist() for value in model.network.state_dict().values()]
    assert model.optimizer is not None
    return [losses, weights, model.optimizer.param_groups[0]["lr"]]


def same(value: Any) -> None:
    """Check that all processes have the same."""
    values = [None] * get_world_size()
    all_gather_object(values, value)
    assert all(other == values[0] for other in values), values


def tell_launcher() -> None:
    """Have the launcher told to end, and wait for what it hands on."""
    os.kill(os.getppid(), signal.SIGTERM)
    deadline = monotonic() + 180
    while not a_signal_waits() and monotonic() < deadline:
        sleep(0.01)


def ended_by(*callbacks: Callback) -> int | None:
    """Train, and return the code with which the training ends the process."""
    try:
        trained(*callbacks)
    except SystemExit as error:
        return int(str(error.code))
    return None


def saved_within(folder: Path) -> Any:
    """Return the epoch and batch of the newest file, once all processes have come here."""
    same(None)
    within = load_training(folder)["local"]["within"]
    return within and (within["epoch"], within["batch"])


def control(folder: Path) -> None:
    """Every word of a control file is obeyed by both after the same batch."""
    file, run = folder / "control", folder / "controlled"
    steering = ControlFile(file, look_every=0, agree_every=2)
    saver = TrainingCheckpoint(run, trigger=EveryEpochs(1) | OnControl(steering))
    learnt = trained(
        At(2, 0, lambda: file.write_text("lr 0.05\nsave\n", encoding="utf-8")),
        At(BATCHES, 0, lambda: file.write_text("stop\n", encoding="utf-8")),
        steering,
        saver,
    )
    same(learnt)
    assert learnt[2] == 0.05
    assert len(learnt[0]) == 1
    same(steering.save_requests)
    assert sorted(os.listdir(run))[0] == "checkpoint-00001-0000002.pt"


def one_alone(folder: Path) -> None:
    """What comes to one process, or goes off in it, makes both save after the same batch."""
    term = At(BATCHES + 4, 1, lambda: signal.raise_signal(signal.SIGTERM))
    code = ended_by(
        TrainingCheckpoint(folder / "signal", trigger=OnSignal(deadline=DEADLINE)), term
    )
    same(code)
    assert code == 143
    assert saved_within(folder / "signal") == (2, 4)
    saver = TrainingCheckpoint(folder / "own", trigger=InRankOne() | OnSignal(deadline=DEADLINE))
    term = At(4, 0, lambda: signal.raise_signal(signal.SIGTERM))
    assert ended_by(saver, term) == 143
    assert saved_within(folder / "own") == (1, 4)
    assert len(os.listdir(folder / "own")) == 2


def main() -> None:
    """Train straight through, try the rest, and end by a signal; or go on from there."""
    logging.disable(logging.WARNING)
    signal.alarm(500)
    folder, part = Path(sys.argv[1]), sys.argv[2]
    told = folder / f"{part}-{rank()}.json"
    if part == "second":
        found = trained(TrainingCheckpoint(folder / "run"), resume="auto")
        told.write_text(json.dumps(found), encoding="utf-8")
        return
    straight = trained()
    control(folder)
    one_alone(folder)
    interrupt = At(BATCHES + 3, 1, tell_launcher)
    trigger = EveryEpochs(1) | OnSignal(deadline=DEADLINE)
    code = ended_by(TrainingCheckpoint(folder / "run", trigger=trigger), interrupt)
    told.write_text(json.dumps([straight, code, signal.getsignal(15) == 0]), encoding="utf-8")
    sys.exit(code)


if __name__ == "__main__":
    main()
