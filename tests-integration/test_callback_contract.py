# SPDX-License-Identifier: MIT
"""What every public callback of every package must stand: they are found, not listed.

A new callback fails `test_every_callback_can_be_made` until it has a line in `FACTORIES`.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from callbacks_core import Callback, CallbackList, TrainingLoop
from callbacks_core.testing import Recorder
from callbacks_trainer import Model

Batches = list[tuple[Tensor, Tensor]]
Make = Callable[[Path, Model], Callback]

MODULES = (
    "callbacks_core",
    "callbacks_checkpoint",
    "callbacks_lr",
    "callbacks_policies",
    "callbacks_logging",
    "callbacks_notify",
    "callbacks_trainer",
)


class Task(NamedTuple):
    """Something to train, and where to write."""

    batches: Batches
    model: Callable[[], Model]
    folder: Path

    def another_folder(self) -> Path:
        """Return a new folder, with an MLflow database of its own."""
        folder = self.folder / "another"
        folder.mkdir()
        shutil.copy(self.folder / "mlflow.db", folder)
        return folder


@pytest.fixture
def task(batches: Batches, make_model: Callable[[], Model], tmp_path: Path, database: Path) -> Task:
    """The small classifier and its data, in a folder with an MLflow database."""
    assert database.parent == tmp_path
    return Task(batches, make_model, tmp_path)


def discovered() -> dict[str, type[Callback]]:
    """Return every concrete callback class among the public names."""
    found = {}
    for module in MODULES:
        package = importlib.import_module(module)
        for name in package.__all__:
            value = getattr(package, name)
            is_callback = inspect.isclass(value) and issubclass(value, Callback)
            if is_callback and value is not Callback and not inspect.isabstract(value):
                found[name] = value
    return found


class Silent:
    """A notificator that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[str | None] = []

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Keep the subject."""
        self.sent.append(subject)


def print_nothing(*arguments: object) -> None:
    """A hook that can be pickled."""


def write_losses(file: Any, epoch_number: int, logs: Any) -> None:
    """A function that writes a file and can be pickled."""
    file.write(f"{epoch_number} {logs['loss']}")


def one_over(step: int) -> float:
    """A schedule that can be pickled."""
    return 1 / (1 + step)


def make(name: str) -> Make:
    """Return what makes a callback of that name, ready to run without validation."""
    cls = discovered()[name]

    def build(folder: Path, model: Model) -> Callback:
        return FACTORIES[name](cls, folder, model)

    return build


FACTORIES: dict[str, Callable[[Any, Path, Model], Callback]] = {
    "AdaptiveClip": lambda cls, folder, model: cls(list(model.network.parameters())),
    "BestModelRestore": lambda cls, folder, model: cls(monitor="loss"),
    "AtomicCSVGradientLogger": lambda cls, folder, model: cls(folder / "atomic-{}.csv"),
    "AtomicCSVLogger": lambda cls, folder, model: cls(
        folder / "atomic.csv", batch_granularity=True
    ),
    "CSVGradientLogger": lambda cls, folder, model: cls(
        folder / "gradients.csv", append=True, update_ratio=True
    ),
    "CSVLogger": lambda cls, folder, model: cls(folder / "log.csv", append=True),
    "CallbackList": lambda cls, folder, model: cls([Recorder()]),
    "CallbackTimer": lambda cls, folder, model: cls(verbose=False),
    "ChainedScheduler": lambda cls, folder, model: cls(
        [discovered()["ConstantLR"](), discovered()["ExponentialLR"](0.9)]
    ),
    "ClipNorm": lambda cls, folder, model: cls(
        list(model.network.parameters()), 1.0, log_name="grad_norm"
    ),
    "ClipValue": lambda cls, folder, model: cls(list(model.network.parameters()), 0.5),
    "ConstantLR": lambda cls, folder, model: cls(total_iters=2),
    "CosineAnnealingLR": lambda cls, folder, model: cls(3),
    "CosineAnnealingWarmRestarts": lambda cls, folder, model: cls(2),
    "CyclicLR": lambda cls, folder, model: cls(0.01, 0.1, 4, cycle_momentum=True),
    "ControlFile": lambda cls, folder, model: cls(folder / "control"),
    "DelayCallback": lambda cls, folder, model: cls(
        [discovered()["EarlyStopping"](monitor="loss", patience=9)], batch_delay=3
    ),
    "DeviceMemoryMonitor": lambda cls, folder, model: cls(),
    "EMA": lambda cls, folder, model: cls(0.9),
    "EarlyStopping": lambda cls, folder, model: cls(monitor="loss", patience=9),
    "ExponentialLR": lambda cls, folder, model: cls(0.5),
    "HistoryLogger": lambda cls, folder, model: cls(batch_granularity=True),
    "HTMLReport": lambda cls, folder, model: cls(folder / "report.html"),
    "JSONLinesLogger": lambda cls, folder, model: cls(folder / "log.jsonl", append=True),
    "Freeze": lambda cls, folder, model: cls("0", until_epoch=2),
    "GradualUnfreezing": lambda cls, folder, model: cls(["0"]),
    "LRMonitor": lambda cls, folder, model: cls(batches=True),
    "LRSchedulerCheckpoint": lambda cls, folder, model: cls(
        discovered()["StepLR"](1, gamma=0.5), folder / "lr-{epoch}.pt"
    ),
    "LambdaCallback": lambda cls, folder, model: cls(on_epoch_end=print_nothing),
    "LambdaLR": lambda cls, folder, model: cls(one_over),
    "LinearLR": lambda cls, folder, model: cls(total_iters=2),
    "MLFlowLogger": lambda cls, folder, model: cls(
        "contract", tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", batch_granularity=True
    ),
    "MemoryGradientLogger": lambda cls, folder, model: cls(every=2, update_ratio=True),
    "ModelCheckpoint": lambda cls, folder, model: cls(
        folder / "best.pt", monitor="loss", save_best_only=True, restore_best=True
    ),
    "MultiStepLR": lambda cls, folder, model: cls([1, 2]),
    "MultiplicativeLR": lambda cls, folder, model: cls(one_over),
    "NotificationCallback": lambda cls, folder, model: cls(Silent()),
    "OneCycleLR": lambda cls, folder, model: cls(0.1, 50),
    "OptimizerPolicy": lambda cls, folder, model: cls(
        importlib.import_module("callbacks_policies").one_cycle_phases(20)
    ),
    "OptimizerCheckpoint": lambda cls, folder, model: cls(
        folder / "optimizer.pt", monitor="loss", save_best_only=True, restore_best=True
    ),
    "PeriodicSaveLambda": lambda cls, folder, model: cls(
        write_losses, folder / "losses-{epoch}.txt", open_mode="w"
    ),
    "PlainProgress": lambda cls, folder, model: cls(),
    "PolynomialLR": lambda cls, folder, model: cls(3),
    "ProgressionCallback": lambda cls, folder, model: cls(),
    "RandomStatesCheckpoint": lambda cls, folder, model: cls(folder / "random.pt"),
    "ReduceLROnPlateau": lambda cls, folder, model: cls(monitor="loss", patience=0),
    "SWA": lambda cls, folder, model: cls(2),
    "SequentialLR": lambda cls, folder, model: cls(
        [discovered()["LinearLR"](total_iters=1), discovered()["CosineAnnealingLR"](2)], [1]
    ),
    "StateCheckpoint": lambda cls, folder, model: cls(
        {"stopping": discovered()["EarlyStopping"](monitor="loss")}, folder / "states.pt"
    ),
    "StepLR": lambda cls, folder, model: cls(2, gamma=0.5),
    "TensorBoardGradientLogger": lambda cls, folder, model: cls(folder / "gradients"),
    "TensorBoardGradientTracker": lambda cls, folder, model: cls(folder / "distributions"),
    "TensorBoardLogger": lambda cls, folder, model: cls(folder / "runs"),
    "TerminateOnNaN": lambda cls, folder, model: cls(),
    "ThroughputMonitor": lambda cls, folder, model: cls(),
    "WandBLogger": lambda cls, folder, model: cls(mode="disabled"),
    "TrainingCheckpoint": lambda cls, folder, model: cls(folder / "generations"),
    "Warmup": lambda cls, folder, model: cls(then=discovered()["StepLR"](1), steps=2),
    "WarmupStableDecay": lambda cls, folder, model: cls(
        warmup_steps=2, decay_steps=3, total_steps=12
    ),
}

every_callback = pytest.mark.parametrize("name", sorted(discovered()))


def fit(model: Model, batches: Batches, *callbacks: Callback, **options: Any) -> list[Any]:
    """Train three epochs unless told otherwise, without a display."""
    options = {"epochs": 3, "verbose": False, **options}
    return model.fit_generator(batches, callbacks=list(callbacks), **options)


def through_a_file(state: Any) -> Any:
    """Return a state as it comes back from a checkpoint that may hold no code."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_every_callback_can_be_made() -> None:
    """Each public callback has a factory here, and nothing else has."""
    assert sorted(FACTORIES) == sorted(discovered())


@every_callback
def test_it_trains_with_and_without_validation(name: str, task: Task) -> None:
    """A training of three epochs runs to its end, validated or not."""
    model = task.model()
    assert len(fit(model, task.batches, make(name)(task.folder, model))) == 3
    model = task.model()
    callback = make(name)(task.another_folder(), model)
    history = model.fit_generator(
        task.batches, task.batches, epochs=3, verbose=False, callbacks=[callback]
    )
    assert [logs["epoch"] for logs in history] == [1, 2, 3]
    assert all("val_accuracy" in logs for logs in history)


@every_callback
def test_it_can_be_used_twice(name: str, task: Task) -> None:
    """A second training with the same instance is like one with a new one."""
    results = []
    model = task.model()
    used = make(name)(task.folder, model)
    for callback in (used, used):
        model = task.model()
        if "Clip" in name:  # which is made for the parameters of one network
            callback = make(name)(task.folder, model)
        history = fit(model, task.batches, callback)
        results.append([logs["loss"] for logs in history])
    assert results[0] == results[1]


@every_callback
def test_it_tests_and_predicts(name: str, task: Task) -> None:
    """Evaluating and predicting with it give what they give without it."""
    model = task.model()
    callback = make(name)(task.folder, model)
    expected = model.evaluate_generator(task.batches, verbose=False)
    assert model.evaluate_generator(task.batches, verbose=False, callbacks=[callback]) == expected
    inputs = [x for x, _ in task.batches]
    predicted = model.predict_generator(inputs, verbose=False, callbacks=[callback])
    assert predicted.shape == (22, 2)


@every_callback
def test_it_can_be_copied_and_pickled(name: str, task: Task) -> None:
    """A copy, deep or through pickle, made before training trains like the original."""
    losses = []
    for duplicate in (lambda it: it, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
        model = task.model()
        callback = duplicate(make(name)(task.folder, model))
        if "Clip" in name:  # a copy clips the parameters it was copied with
            assert type(callback) is discovered()[name]
            continue
        losses.append([logs["loss"] for logs in fit(model, task.batches, callback)])
    assert losses == losses[:1] * len(losses)


@every_callback
def test_its_state_survives_a_checkpoint(name: str, task: Task) -> None:
    """The state holds plain types and tensors, and a new instance that loads it has it too."""
    model = task.model()
    callback = make(name)(task.folder, model)
    fit(model, task.batches, callback)
    state = through_a_file(callback.state_dict())
    fresh = make(name)(task.folder, model)
    fresh.load_state_dict(copy.deepcopy(state))
    fresh.set_model(model)
    again = fresh.state_dict()
    assert flat(again) == flat(callback.state_dict())
    assert CallbackList([callback]).state_dict().keys() <= {callback.state_key}


def flat(state: Any) -> Any:
    """Return a state with its tensors as lists, to be compared."""
    if isinstance(state, dict):
        return {key: flat(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [flat(value) for value in state]
    return state.tolist() if isinstance(state, Tensor) else state


@every_callback
def test_it_works_in_a_loop_written_by_hand(name: str, task: Task) -> None:
    """The same callback in a plain loop gives the numbers that the trainer gives."""
    model = task.model()
    expected = fit(model, task.batches, make(name)(task.folder, model))
    model = task.model()
    network, optimizer = model.network, model.optimizer
    assert optimizer is not None
    callback = make(name)(task.another_folder(), model)
    with TrainingLoop(network, optimizer, callbacks=[callback]) as loop:
        for epoch in loop.epochs(3):
            for x, y in epoch.train(task.batches):
                loss = torch.nn.functional.cross_entropy(network(x), y)
                optimizer.zero_grad()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)
    assert [logs["loss"] for logs in loop.history] == [logs["loss"] for logs in expected]


@every_callback
@pytest.mark.parametrize("error", [RuntimeError("the network broke"), KeyboardInterrupt()])
def test_it_is_closed_when_training_breaks(
    name: str,
    error: BaseException,
    task: Task,
) -> None:
    """A broken training raises what broke it, and the callback can be used again afterwards."""
    model = task.model()
    callback = make(name)(task.folder, model)

    def breaking(batch: int) -> None:
        if batch == 3:
            raise error

    breaker = importlib.import_module("callbacks_core").LambdaCallback(on_backward_end=breaking)
    with pytest.raises(type(error)):
        fit(model, task.batches, callback, breaker)
    assert len(fit(model, task.batches, callback, epochs=1)) == 1
