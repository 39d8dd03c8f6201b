# SPDX-License-Identifier: MIT
"""Files that somebody else has put in the place of ours, or that a disk has damaged."""

from __future__ import annotations

import io
import logging
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from callbacks_checkpoint import (
    LRSchedulerCheckpoint,
    ModelCheckpoint,
    OptimizerCheckpoint,
    TrainingCheckpoint,
    load_checkpoint,
    load_newest,
    load_random_states,
    load_sharded,
    load_training,
    save_checkpoint,
    save_random_states,
    save_sharded,
)
from callbacks_checkpoint.sealing import SealingWriter
from callbacks_core import ControlFile, TrainingLoop
from callbacks_core.testing import play
from callbacks_logging import CSVLogger, JSONLinesLogger
from callbacks_logging.mlflow_log.spool import Spool
from callbacks_lr import StepLR
from callbacks_trainer import Model
from callboard import Experiment

PLACES = 100
"""How often each file is cut off, and how often a bit of it is turned over."""


class Payload:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return Path.touch, (self._mark,)


def plain(payload: Payload) -> bytes:
    """Return a pickle."""
    return pickle.dumps(payload)


def archive(payload: Payload) -> bytes:
    """Return what `torch.save` makes."""
    file = io.BytesIO()
    torch.save({"network": payload, "format": 1}, file)
    return file.getvalue()


def sealed(payload: Payload) -> bytes:
    """Return the same with a seal that is right: it says that a file is whole, not who made it."""
    file = io.BytesIO()
    writer = SealingWriter(file, about={"epoch": 9, "started": 9}, sync=False)
    torch.save({"network": payload, "format": 1}, writer)
    writer.finish()
    return file.getvalue()


ATTACKS = {"pickle": plain, "torch.save": archive, "sealed": sealed}


def model() -> Model:
    """Return a small classifier."""
    torch.manual_seed(0)
    return Model(nn.Linear(3, 2), {"optim": "adam", "lr": 0.1}, "cross_entropy")


def fit(*callbacks: Any, resume: Any = None) -> Model:
    """Train for two epochs."""
    made = model()
    x, y = torch.randn(8, 3), torch.tensor([0, 1] * 4)
    options = {"epochs": 2, "batch_size": 4, "verbose": False, "resume": resume}
    made.fit(x, y, callbacks=list(callbacks), **options)
    return made


def experiment(folder: Path) -> Experiment:
    """Return an experiment, not trained yet."""
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    return Experiment(folder / "experiment", network, loss_function="cross_entropy")


class Loader(NamedTuple):
    """How a file is made, and how it is loaded."""

    make: Callable[[Path], Path]
    """Makes it in a folder."""
    load: Callable[[Path], object]
    notices: bool = True
    """Whether whatever is damaged is noticed."""
    is_text: bool = False
    """Whether it is a text: then nothing has to be raised."""


def _weights(folder: Path) -> Path:
    fit(ModelCheckpoint(folder / "weights.pt"))
    return folder / "weights.pt"


def _optimizer(folder: Path) -> Path:
    fit(OptimizerCheckpoint(folder / "optimizer.pt"))
    return folder / "optimizer.pt"


def _run(folder: Path) -> Path:
    fit(TrainingCheckpoint(folder / "run"))
    newest = max((folder / "run").iterdir())
    for other in (folder / "run").iterdir():
        if other != newest:
            other.unlink()
    return newest


def _schedule(folder: Path) -> Path:
    fit(LRSchedulerCheckpoint(StepLR(1), folder / "schedule.pt"))
    return folder / "schedule.pt"


def _saved(folder: Path) -> Path:
    save_checkpoint({"a": torch.arange(9.0)}, folder / "saved.pt")
    return folder / "saved.pt"


def _random(folder: Path) -> Path:
    save_random_states(folder / "random.pt")
    return folder / "random.pt"


def _best(folder: Path) -> Path:
    made = experiment(folder)
    x, y = torch.randn(8, 3), torch.tensor([0, 1] * 4)
    made.train_data(x, y, (x, y), epochs=1, batch_size=4, verbose=False, disable_tensorboard=True)
    return made.directory / "checkpoint.ckpt"


def _part(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        save_sharded({"a": torch.arange(9.0), "epoch": 3}, folder / "sharded")
        return next(path for path in sorted((folder / "sharded").rglob(name)) if path.is_file())

    return make


def _sharded(path: Path) -> object:
    folder = next(parent for parent in path.parents if parent.name == "sharded")
    return load_sharded({"a": torch.zeros(9), "epoch": 0}, folder)


def _by_hand(path: Path) -> None:
    network = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters())
    with TrainingLoop(network, optimizer, resume=path) as loop:
        list(loop.epochs(3))


def _text(name: str, content: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(content, encoding="utf-8")
        return folder / name

    return make


def _control(path: Path) -> None:
    control = ControlFile(path, look_every=0)
    control._take()
    play(control, [{}])


LOADERS = {
    "load_checkpoint": Loader(_saved, load_checkpoint),
    "load_newest": Loader(_weights, lambda path: load_newest(path.parent)),
    "load_training": Loader(_run, load_training),
    "load_training, folder": Loader(_run, lambda path: load_training(path.parent)),
    "Model.fit, resume": Loader(_run, lambda path: fit(resume=path)),
    "Model.fit, resume auto": Loader(
        _run, lambda path: fit(TrainingCheckpoint(path.parent), resume="auto")
    ),
    "TrainingLoop, resume": Loader(_run, _by_hand),
    "load_random_states": Loader(_random, load_random_states),
    "Experiment.load_checkpoint": Loader(
        _best, lambda path: experiment(path.parents[1]).load_checkpoint("last")
    ),
    "load_sharded": Loader(_part("*.distcp"), _sharded),
    "load_sharded, index": Loader(_part(".metadata"), _sharded),
    "Model.load_weights": Loader(_weights, lambda path: model().load_weights(path), notices=False),
    "Model.load_optimizer_state": Loader(
        _optimizer, lambda path: model().load_optimizer_state(path), notices=False
    ),
    "schedule.load_state": Loader(
        _schedule, lambda path: StepLR(1).load_state(path), notices=False
    ),
    "CSVLogger, append": Loader(
        _text("log.csv", "epoch,loss\n1,2.0\n"),
        lambda path: play(CSVLogger(path, append=True), [{"loss": 1.0}]),
        notices=False,
        is_text=True,
    ),
    "JSONLinesLogger, append": Loader(
        _text("log.jsonl", '{"epoch": 1}\n'),
        lambda path: play(JSONLinesLogger(path, append=True), [{"loss": 1.0}]),
        notices=False,
        is_text=True,
    ),
    "MLflow spool": Loader(
        _text("run-000001.jsonl", "[]\n"),
        lambda path: [list(spool.read()) for spool in Spool.found(path.parent, "there")],
        notices=False,
        is_text=True,
    ),
    "ControlFile": Loader(_text("control", "stop\n"), _control, notices=False, is_text=True),
}


class Result(NamedTuple):
    """How often a kind of harm was done to a file, and what did not stand it."""

    loader: str
    harm: str
    tried: int
    lost: list[str]


def attack(name: str, folder: Path) -> Result:
    """Put payloads in the place of a file: each must be refused, and none may run."""
    loader, lost, mark = LOADERS[name], [], folder / "mark"
    path = loader.make(folder)
    for kind, attacked in ATTACKS.items():
        path.write_bytes(attacked(Payload(mark)))
        refused = _raises(loader, path)
        if mark.exists():
            lost.append(f"{name}: a payload ({kind}) was run")
            mark.unlink()
        elif not refused and not loader.is_text:
            lost.append(f"{name}: a payload ({kind}) was taken for what it is not")
    return Result(name, "payload", len(ATTACKS), lost)


def damage(name: str, folder: Path, *, places: int = PLACES) -> Iterator[Result]:
    """Cut a file off, and turn bits over, at random places: each must be noticed."""
    loader = LOADERS[name]
    path = loader.make(folder)
    good = path.read_bytes()
    chosen = random.Random(name)
    lost = []
    for place in (chosen.randrange(len(good)) for _ in range(places)):
        path.write_bytes(good[:place])
        if not _raises(loader, path):
            lost.append(f"{name}: cut off at byte {place} of {len(good)}, and not noticed")
    yield Result(name, "cut off", places, lost)
    lost = []
    for place in (chosen.randrange(8 * len(good)) for _ in range(places)):
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        path.write_bytes(bad)
        if not _raises(loader, path):
            lost.append(f"{name}: bit {place} turned over, and not noticed")
    yield Result(name, "bit turned over", places, lost)
    path.write_bytes(good)
    if _raises(loader, path):
        raise RuntimeError(f"{name}: what was saved cannot be loaded, so that nothing was shown")


def _raises(loader: Loader, path: Path) -> bool:
    logging.disable(logging.CRITICAL)
    try:
        loader.load(path)
    except Exception:
        return True
    finally:
        logging.disable(logging.NOTSET)
    return False


__all__ = ["LOADERS", "Result", "attack", "damage"]
