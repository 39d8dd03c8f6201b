# SPDX-License-Identifier: MIT
"""What a new user gets wrong with files: weights, runs to go on with, experiments."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from callboard import Experiment, Model, TrainingCheckpoint, load_checkpoint

from ._case import LABELS, Case, X, case, classifier, each, fit, mistake, model, require_handled


def _other() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def _saved_weights(folder: Path) -> Path:
    model().save_weights(path := folder / "weights")
    return path


def _saved_optimizer(folder: Path) -> Path:
    model(optimizer="adam").save_optimizer_state(path := folder / "optimizer")
    return path


def _text(folder: Path) -> Path:
    (path := folder / "notes.txt").write_text("these are no weights")
    return path


def _dangerous(folder: Path) -> Path:
    (path := folder / "weights.pkl").write_bytes(pickle.dumps(print))
    return path


def _run(folder: Path, of: Model | None = None) -> Path:
    fit(of=of, callbacks=[TrainingCheckpoint(folder / "run")])
    return folder / "run"


def _resuming(of: Callable[[], Model]) -> Callable[[Path], object]:
    return lambda folder: fit(of=of(), epochs=2, resume=_run(folder))


def _experiment(folder: Path, **options: Any) -> Experiment:
    return Experiment(folder / "experiment", classifier(), loss_function="cross_entropy", **options)


def _trained(folder: Path, **options: Any) -> Experiment:
    made = _experiment(folder, **options)
    made.train_data(X, LABELS, (X, LABELS), epochs=1, batch_size=4, verbose=False)
    return made


def _testing(**options: Any) -> Callable[[Path], object]:
    return lambda folder: _trained(folder).test_data(X, LABELS, verbose=False, **options)


def _training(**options: Any) -> Callable[[Path], object]:
    options = {"epochs": 1, "verbose": False} | options
    return lambda folder: _experiment(folder).train_data(X, LABELS, **options)


WEIGHTS = [
    case(
        "of another network",
        lambda folder: model(_other()).load_weights(_saved_weights(folder)),
        RuntimeError,
        "Missing key",
        '"0.weight"',
        '"weight"',
    ),
    case(
        "of another shape",
        lambda folder: model(nn.Linear(3, 5)).load_weights(_saved_weights(folder)),
        RuntimeError,
        "weight",
        "[2, 3]",
        "[5, 3]",
    ),
    case(
        "not there",
        lambda folder: model().load_weights(folder / "wieghts"),
        FileNotFoundError,
        "wieghts",
    ),
    case("text", lambda folder: model().load_weights(_text(folder)), Exception, "notes.txt"),
    case("code", lambda folder: model().load_weights(_dangerous(folder)), Exception, "weights.pkl"),
    case("a folder", lambda folder: model().load_weights(folder), OSError, "directory"),
    case("none", lambda folder: model().load_weights(None), TypeError, "None"),  # type: ignore[arg-type]  # the mistake
    case(
        "of an optimizer",
        lambda folder: model().load_weights(_saved_optimizer(folder)),
        RuntimeError,
        "param_groups",
    ),
    case(
        "an optimizer of another network",
        lambda folder: model(_other()).load_optimizer_state(_saved_optimizer(folder)),
        ValueError,
        "parameter group",
    ),
    case(
        "weights for an optimizer",
        lambda folder: model().load_optimizer_state(_saved_weights(folder)),
        (KeyError, ValueError, TypeError),
        "no state of the optimizer",
        "'state'",
    ),
    case("no weights", lambda folder: model().set_weights({}), RuntimeError, "Missing key"),
    case(
        "a list of weights",
        lambda folder: model().set_weights([torch.zeros(2, 3)]),  # type: ignore[arg-type]  # the mistake
        TypeError,
        "list",
    ),
    case("a file that is not there", lambda folder: load_checkpoint(folder / "x"), OSError, "x"),
]

RUNS = [
    case(
        "of another network",
        _resuming(lambda: model(_other())),
        Exception,
        "network",
        "0.weight",
        "weight",
    ),
    case(
        "of another shape",
        _resuming(lambda: model(nn.Linear(3, 5), "sgd")),
        Exception,
        "network",
        "(2, 3)",
        "(5, 3)",
    ),
    case(
        "of another kind of optimizer",
        _resuming(lambda: model(optimizer="adam")),
        Exception,
        "optimizer",
    ),
    case(
        "of a network that is only partly the same",
        _resuming(
            lambda: Model(_Both(), "sgd", "cross_entropy"),
        ),
        Exception,
        "network",
        "more.weight",
    ),
    case(
        "nobody saves",
        lambda folder: fit(resume="auto"),
        ValueError,
        '"auto"',
        "TrainingCheckpoint",
    ),
    case(
        "not there",
        lambda folder: fit(resume=folder / "rnu"),
        FileNotFoundError,
        "rnu",
    ),
    case("misspelt", lambda folder: fit(resume="atuo"), FileNotFoundError, "atuo", "'auto'"),
    case("a number", lambda folder: fit(resume=3), TypeError, "resume", "3"),
    case("true", lambda folder: fit(resume=True), TypeError, "resume", '"auto"'),
    case("text", lambda folder: fit(resume=_text(folder)), Exception, "notes.txt"),
    case(
        "weights alone",
        lambda folder: fit(resume=_saved_weights(folder)),
        Exception,
        "TrainingCheckpoint",
        "weights",
    ),
]

EXPERIMENTS = [
    case(
        "a task misspelt",
        lambda folder: _experiment(folder, task="clasification"),
        ValueError,
        "'clasification'",
        "classification",
    ),
    case(
        "a mode misspelt",
        lambda folder: _experiment(folder, monitor_mode="mn"),
        ValueError,
        "'mn'",
        "'min'",
    ),
    case(
        "no directory",
        lambda folder: Experiment(mistake(None), classifier()),
        TypeError,
        "directory",
        "None",
    ),
    case(
        "a file for a directory",
        lambda folder: Experiment(_text(folder), classifier(), loss_function="mse").train_data(
            X, X[:, :2], epochs=1, verbose=False
        ),
        OSError,
        "notes.txt",
    ),
    case(
        "reversed",
        lambda folder: Experiment(mistake(classifier()), mistake(folder)),
        TypeError,
        "directory",
    ),
    case(
        "no loss",
        lambda folder: Experiment(folder / "e", classifier()).train_data(
            X, LABELS, epochs=1, verbose=False
        ),
        ValueError,
        "loss",
    ),
    case("an option misspelt", _training(epoch=1), TypeError, "'epoch'", "mean 'epochs'"),
    case("a class for a schedule", _training(lr_schedulers=[nn.Linear]), ValueError, "Linear"),
    case("a seed as text", _training(seed="x"), TypeError, "`seed`", "'x'"),
    case("a checkpoint misspelt", _testing(checkpoint="bset"), Exception, "bset", "best"),
    case("an epoch that was not saved", _testing(checkpoint=99), FileNotFoundError, "99", "1"),
    case("no dict", _testing(return_dict_format=False), ValueError, "dict"),
    case("a name with a folder", _testing(name="a/b"), ValueError, "name", "a/b"),
    case(
        "a test before a training",
        lambda folder: _experiment(folder).test_data(X, LABELS, verbose=False),
        FileNotFoundError,
        "train",
    ),
    case(
        "to monitor a validation that is none",
        lambda folder: _experiment(folder, monitor_metric="val_loss").train_data(
            X, LABELS, epochs=1, verbose=False
        ),
        ValueError,
        "val_loss",
        "validation",
    ),
    case(
        "another network in the directory",
        lambda folder: (
            _trained(folder),
            Experiment(folder / "experiment", _other(), loss_function="cross_entropy").train_data(
                X, LABELS, (X, LABELS), epochs=2, verbose=False
            ),
        ),
        Exception,
        "network",
        "0.weight",
    ),
]


class _Both(nn.Linear):
    """A network of the same weights, and more."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.more = nn.Linear(2, 2)


@each(WEIGHTS)
def test_weights(case: Case, tmp_path: Path) -> None:
    """A file that does not hold what it should is named, or the weights that do not fit are."""
    require_handled(case, tmp_path)


@each(RUNS)
def test_runs(case: Case, tmp_path: Path) -> None:
    """A run is gone on with only by what has begun it."""
    require_handled(case, tmp_path)


@each(EXPERIMENTS)
def test_experiments(case: Case, tmp_path: Path) -> None:
    """An experiment refuses what it cannot do."""
    require_handled(case, tmp_path)
