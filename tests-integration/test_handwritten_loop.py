# SPDX-License-Identifier: MIT
"""A loop written by hand, with callbacks, does what `Model.fit_generator` does."""

import csv
import difflib
import inspect
import re
import textwrap
from pathlib import Path

import pytest
import torch
from torch.nn.functional import mse_loss

from callbacks_checkpoint import ModelCheckpoint
from callbacks_core import EarlyStopping, TrainingLoop
from callbacks_logging import CSVLogger
from callbacks_lr import StepLR
from callbacks_trainer import Model

EPOCHS = 30
README = Path(__file__).parents[1] / "packages" / "callbacks-core" / "README.md"


def plain(network, optimizer, train_loader, valid_loader):
    for _ in range(EPOCHS):
        network.train()
        for x, y in train_loader:
            loss = mse_loss(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            for x, y in valid_loader:
                loss = mse_loss(network(x), y)
    return loss


def with_callbacks(network, optimizer, train_loader, valid_loader, callbacks):
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(EPOCHS):
            for x, y in epoch.train(train_loader):
                loss = mse_loss(network(x), y)
                optimizer.zero_grad()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)
            for x, y in epoch.valid(valid_loader):
                loss = mse_loss(network(x), y)
                loop.log(loss=loss)
    return loop.history


def with_the_trainer(network, optimizer, train_loader, valid_loader, callbacks):
    return Model(network, optimizer, mse_loss).fit_generator(
        train_loader, valid_loader, epochs=EPOCHS, callbacks=callbacks, verbose=False
    )


class Run:
    """What a training leaves behind in a folder of its own."""

    def __init__(self, train, folder):
        torch.manual_seed(0)
        x = torch.randn(90, 4)
        y = x.sum(1, keepdim=True).sin() + 0.5 * torch.randn(90, 1)
        loader = list(zip(x.split(16), y.split(16), strict=True))  # the last batch is smaller
        network = torch.nn.Sequential(
            torch.nn.Linear(4, 16), torch.nn.Dropout(0.2), torch.nn.ReLU(), torch.nn.Linear(16, 1)
        )
        optimizer = torch.optim.SGD(network.parameters(), lr=0.3, momentum=0.9)
        self.stopping = EarlyStopping(patience=3)
        folder.mkdir()
        callbacks = [
            StepLR(step_size=2, gamma=0.5),
            self.stopping,
            ModelCheckpoint(folder / "best.pt", save_best_only=True),
            CSVLogger(folder / "log.csv"),
        ]
        history = train(network, optimizer, loader[:4], loader[4:], callbacks)
        self.history = [without_time(logs) for logs in history]
        self.weights = network.state_dict()
        self.optimizer = optimizer.state_dict()
        self.best = torch.load(folder / "best.pt", weights_only=True)
        with open(folder / "log.csv", encoding="utf-8", newline="") as file:
            self.rows = [without_time(row) for row in csv.DictReader(file)]


def without_time(values):
    return {name: value for name, value in values.items() if name != "time"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    ours = Run(with_callbacks, folder / "by-hand")
    theirs = Run(with_the_trainer, folder / "trainer")
    return ours, theirs


def test_the_training_puts_every_callback_to_work(runs):
    """The rate is stepped, training stops early, and the best weights are not the last ones."""
    run, _ = runs
    assert 3 < len(run.history) < EPOCHS
    assert run.stopping.stopped_epoch == len(run.history)
    assert len({row["lr"] for row in run.rows}) > 1
    assert any(not torch.equal(run.best[name], run.weights[name]) for name in run.weights)


def test_the_history_is_that_of_the_trainer(runs):
    """Every value of every epoch is the same, to the last bit, but for the time."""
    ours, theirs = runs
    assert ours.history == theirs.history
    assert list(ours.history[0]) == ["epoch", "loss", "val_loss"]


def test_the_files_are_those_of_the_trainer(runs):
    """Every row of the CSV file is the same but for the time, and so is the best checkpoint."""
    ours, theirs = runs
    assert ours.rows == theirs.rows
    assert [row["epoch"] for row in ours.rows] == [str(logs["epoch"]) for logs in ours.history]
    torch.testing.assert_close(ours.best, theirs.best, rtol=0, atol=0)


def test_weights_and_optimizer_are_those_of_the_trainer(runs):
    """After training everything that moves is where the trainer leaves it, to the last bit."""
    ours, theirs = runs
    torch.testing.assert_close(ours.weights, theirs.weights, rtol=0, atol=0)
    torch.testing.assert_close(ours.optimizer, theirs.optimizer, rtol=0, atol=0)


def test_callbacks_cost_a_plain_loop_eight_lines():
    """With the import, no more than eight lines are new or changed; indentation does not count."""
    before, after = (lines_of(function) for function in (plain, with_callbacks))
    changed = [line[2:] for line in difflib.ndiff(before, after) if line.startswith("+ ")]
    assert len(changed) + len(["from callbacks_core import TrainingLoop"]) <= 8, changed


def test_the_readme_shows_this_loop():
    """Line for line, with its own number of epochs; and it marks the eight lines."""
    text = README.read_text(encoding="utf-8")
    shown = [re.sub(r"  # <-.*", "", line.strip()) for line in text.splitlines()]
    loop = "\n".join(lines_of(with_callbacks)).replace("EPOCHS", "10")
    assert f"\n{loop}\n" in "\n".join(shown)
    assert len(re.findall(r"  # <-", text)) == 8


def lines_of(function):
    """Return the lines of a function's body, without its signature, return and indentation."""
    source = textwrap.dedent(inspect.getsource(function)).splitlines()[1:]
    return [line.strip() for line in source if not line.strip().startswith("return ")]
