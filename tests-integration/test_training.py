# SPDX-License-Identifier: MIT
"""Real trainings with every package at work: what they learn, and what they leave behind."""

from __future__ import annotations

import csv
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from callbacks_checkpoint import BestModelRestore, ModelCheckpoint
from callbacks_core import (
    Callback,
    CallbackList,
    DelayCallback,
    EarlyStopping,
    LambdaCallback,
    TerminateOnNaN,
)
from callbacks_logging import CSVLogger, MLFlowLogger, TensorBoardLogger
from callbacks_lr import ReduceLROnPlateau
from callbacks_notify import NotificationCallback
from callbacks_policies import ClipNorm, OptimizerPolicy, one_cycle_phases
from callbacks_trainer import Model, set_seeds

EPOCHS, CYCLE = 6, 5
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]

Part = tuple[Tensor, Tensor]


class Sent(NamedTuple):
    """A notification that was sent."""

    subject: str
    message: str


class Outbox:
    """A notificator that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Keep the message."""
        self.sent.append(Sent(subject or "", message))

    @property
    def subjects(self) -> list[str]:
        """The subjects, in the order in which they were sent."""
        return [sent.subject for sent in self.sent]


class Digits(NamedTuple):
    """Pixels of handwritten digits, with the digits, in three parts."""

    train: Part
    valid: Part
    test: Part


class Training:
    """A model, and one callback of every kind, that write into a folder."""

    def __init__(self, folder: Path, template: Path, digits: Digits, device: str) -> None:
        set_seeds(1)
        self.digits = digits
        network = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
        metrics = {"batch_metrics": ["accuracy"]}
        self.model = Model(network, optimizer, "cross_entropy", device=device, **metrics)
        self.best, self.last = folder / "best.pt", folder / "last.pt"
        self.csv, self.tensorboard = folder / "log.csv", folder / "tensorboard"
        self.outbox = Outbox()
        database = shutil.copy(template, folder / "mlflow.db")
        self.mlflow = MLFlowLogger("digits", tracking_uri=f"sqlite:///{database}")
        self.seen: list[int] = []
        self.history: list[dict[str, float]] = []

    def callbacks(self, stopping: EarlyStopping) -> list[Callback]:
        """Return the callbacks."""
        self.mlflow.log_config_params({"epochs": EPOCHS, "optimizer": {"name": "SGD"}})
        steps = CYCLE * -(-len(self.digits.train[1]) // 32)
        best = {"monitor": "val_accuracy", "mode": "max"}
        plateau = ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=0)
        return [
            OptimizerPolicy(one_cycle_phases(steps, lr=(0.02, 0.2), finetune_lr=0.002)),
            ClipNorm(list(self.model.network.parameters()), max_norm=1.0),
            DelayCallback(plateau, epoch_delay=CYCLE),
            stopping,
            TerminateOnNaN(),
            ModelCheckpoint(self.best, save_best_only=True, restore_best=True, **best),
            ModelCheckpoint(self.last),
            BestModelRestore(**best),
            CSVLogger(self.csv),
            TensorBoardLogger(self.tensorboard),
            self.mlflow,
            NotificationCallback(self.outbox, experiment_name="digits"),
            LambdaCallback(on_epoch_end=lambda epoch, logs: self.seen.append(epoch)),
        ]

    def run(self, *more: Callback, stopping: EarlyStopping | None = None) -> Training:
        """Train."""
        stopping = stopping or EarlyStopping(monitor="val_accuracy", mode="max", patience=4)
        self.history = self.model.fit(
            *self.digits.train,
            self.digits.valid,
            epochs=EPOCHS,
            callbacks=[*self.callbacks(stopping), *more],
        )
        return self

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the CSV file."""
        with open(self.csv, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def curve(self, chart: str, name: str) -> dict[int, float]:
        """Return the points of a curve as TensorBoard reads them."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(self.tensorboard / f"{chart}_{name}"))
        events.Reload()
        return {point.step: point.value for point in events.Scalars(chart)}

    def tracked(self) -> Any:
        """Return the run in MLflow's database."""
        return self._client().get_run(self.mlflow.run_id)

    def series(self, name: str) -> dict[int, float]:
        """Return the points of a metric as MLflow has them."""
        points = self._client().get_metric_history(self.mlflow.run_id, name)
        return {point.step: point.value for point in points}

    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.mlflow.tracking_uri)


@pytest.fixture(scope="module")
def digits() -> Digits:
    """The digits that ship with scikit-learn: 1,200 to train, 297 to validate, 300 to test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = torch.randperm(len(bunch.target), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(bunch.data, dtype=torch.float32)[order] / 16
    y = torch.tensor(bunch.target)[order]
    sizes = [1200, 297, 300]
    return Digits(*zip(x.split(sizes), y.split(sizes), strict=True))


@pytest.fixture(scope="module", params=DEVICES)
def trained(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    empty_database: Path,
    digits: Digits,
) -> Training:
    """A training that has run to its end."""
    folder = tmp_path_factory.mktemp("trained")
    return Training(folder, empty_database, digits, request.param).run()


@pytest.fixture(params=DEVICES)
def training(
    request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path, digits: Digits
) -> Training:
    """A training that has not begun."""
    return Training(tmp_path, empty_database, digits, request.param)


def test_it_learns(trained: Training) -> None:
    """Digits that were never seen are recognized far better than by chance, which is 10 %."""
    logs = trained.model.evaluate(*trained.digits.test, return_dict_format=True, verbose=False)
    assert logs["test_accuracy"] > 90
    predicted = trained.model.predict(trained.digits.test[0], verbose=False).argmax(1)
    right = (torch.as_tensor(predicted) == trained.digits.test[1]).double().mean().item()
    assert 100 * right == pytest.approx(logs["test_accuracy"])
    assert trained.history[-1]["loss"] < trained.history[0]["loss"] / 2


def test_the_csv_file_has_a_row_for_each_epoch(trained: Training) -> None:
    """The rows are the history, with the learning rate beside it."""
    rows = trained.rows()
    names = ["epoch", "time", "lr", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [list(row) for row in rows] == [names] * EPOCHS
    for row, logs in zip(rows, trained.history, strict=True):
        assert {name: float(row[name]) for name in logs} == pytest.approx(logs)
        assert 0 < float(row["lr"]) <= 0.2
    assert len({row["lr"] for row in rows}) > 1


def test_tensorboard_reads_every_curve(trained: Training) -> None:
    """Losses, accuracies and the learning rate have a point for each epoch."""
    for chart in ("loss", "accuracy"):
        for name in (chart, f"val_{chart}"):
            expected = {logs["epoch"]: logs[name] for logs in trained.history}
            assert trained.curve(chart, name) == pytest.approx(expected, rel=1e-6)
    rates = {int(row["epoch"]): float(row["lr"]) for row in trained.rows()}
    assert trained.curve("lr", "lr") == pytest.approx(rates, rel=1e-6)


def test_mlflow_has_the_run(trained: Training) -> None:
    """The run is finished, with its parameters, and a point of each metric for each epoch."""
    found = trained.tracked()
    assert found.info.status == "FINISHED"
    assert found.data.params == {"epochs": str(EPOCHS), "optimizer.name": "SGD"}
    assert found.data.metrics["last-epoch"] == EPOCHS
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        expected = {logs["epoch"]: logs[name] for logs in trained.history}
        assert trained.series(name) == pytest.approx(expected)
    assert trained.series("lr").keys() == set(range(1, EPOCHS + 1))


def test_the_best_weights_are_restored(trained: Training) -> None:
    """The best file, the network and the best accuracy of the history are one."""
    weights = trained.model.get_weight_copies()
    best = torch.load(trained.best, weights_only=True, map_location="cpu")
    assert best.keys() == weights.keys()
    assert all(torch.equal(best[name], weights[name]) for name in weights)
    found = trained.model.evaluate(*trained.digits.valid, verbose=False)[1]
    assert found == pytest.approx(max(logs["val_accuracy"] for logs in trained.history))


def test_the_last_weights_are_those_of_the_last_epoch(trained: Training) -> None:
    """The last file holds what the last epoch was validated with."""
    model = Model(trained.model.network, None, "cross_entropy", device=trained.model.device)
    kept = model.get_weight_copies()
    try:
        model.load_weights(trained.last)
        loss = model.evaluate(*trained.digits.valid, verbose=False)
    finally:
        model.set_weights(kept)
    assert loss == pytest.approx(trained.history[-1]["val_loss"], rel=1e-5)


def test_notifications_come_in_order(trained: Training) -> None:
    """Beginning, every epoch and the end are told, with the epoch's values."""
    epochs = range(1, EPOCHS + 1)
    assert trained.outbox.subjects == [
        "Start of the training for digits.",
        *(f"Epoch {number} is done for digits." for number in epochs),
        "End of the training for digits.",
    ]
    assert f"val_loss: {trained.history[0]['val_loss']}" in trained.outbox.sent[1].message
    assert trained.seen == list(epochs)


def test_a_training_that_is_stopped_early(training: Training) -> None:
    """It ends well, after fewer epochs, and everything that was written says so."""
    training.run(stopping=EarlyStopping(monitor="val_loss", min_delta=10, patience=2))
    epochs = [1, 2, 3]
    assert [logs["epoch"] for logs in training.history] == epochs
    assert [int(row["epoch"]) for row in training.rows()] == epochs
    assert list(training.curve("loss", "val_loss")) == epochs
    found = training.tracked()
    assert found.info.status == "FINISHED"
    assert found.data.metrics["last-epoch"] == 3
    assert training.outbox.subjects[-1] == "End of the training for digits."
    assert "stopped after epoch 3" in training.outbox.sent[-1].message
    assert training.best.exists()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT raise `KeyboardInterrupt`, which a job in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def fail() -> None:
    """Raise an error."""
    raise ArithmeticError("what nobody expected")


def interrupt() -> None:
    """Do what Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("action", "error", "status", "told"),
    [
        (fail, ArithmeticError, "FAILED", "failed"),
        (interrupt, KeyboardInterrupt, "KILLED", "interrupted"),
    ],
    ids=["exception", "Ctrl-C"],
)
def test_a_training_that_breaks_off(
    training: Training,
    action: Callable[[], None],
    error: type[BaseException],
    status: str,
    told: str,
) -> None:
    """In the middle of epoch 3, everything about epochs 1 and 2 is complete and closed."""

    class Breaks(Callback):
        epoch = 0

        def on_epoch_begin(self, epoch_number: int, logs: dict[str, float]) -> None:
            self.epoch = epoch_number

        def on_train_batch_end(self, batch_number: int, logs: dict[str, float]) -> None:
            if (self.epoch, batch_number) == (3, 4):
                action()

    with pytest.raises(error):
        training.run(Breaks())
    assert training.seen == [1, 2]
    assert [int(row["epoch"]) for row in training.rows()] == [1, 2]
    assert list(training.curve("accuracy", "val_accuracy")) == [1, 2]
    found = training.tracked()
    assert found.info.status == status
    assert found.info.end_time is not None
    assert found.data.metrics["last-epoch"] == 2
    assert list(training.series("val_loss")) == [1, 2]
    assert training.outbox.subjects[:-1] == [
        "Start of the training for digits.",
        "Epoch 1 is done for digits.",
        "Epoch 2 is done for digits.",
    ]
    assert told in training.outbox.subjects[-1]
    model = Model(training.model.network, None, "cross_entropy", device=training.model.device)
    for path in (training.best, training.last):
        model.load_weights(path)
    loss = model.evaluate(*training.digits.valid, verbose=False)
    assert loss == pytest.approx(training.series("val_loss")[2], rel=1e-5)


def test_the_time_of_each_callback_is_known(training: Training) -> None:
    """A list given as one callback tells, afterwards, what took how long."""
    callbacks = CallbackList(training.callbacks(EarlyStopping(monitor="val_loss")))
    training.model.fit(
        *training.digits.train, training.digits.valid, epochs=1, callbacks=callbacks, verbose=False
    )
    table = callbacks.time_table()
    for name in ("CSVLogger.on_epoch_end", "ClipNorm.on_backward_end", "ModelCheckpoint.on_"):
        assert name in table


@pytest.mark.gpu
@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_steps_never_wait_for_the_gpu(
    tmp_path: Path, empty_database: Path, digits: Digits, batches_per_step: int
) -> None:
    """With callbacks that look at epochs, no step of an epoch makes the host wait."""
    training = Training(tmp_path, empty_database, digits, "cuda")
    on_device = [
        (x.cuda(), y.cuda())
        for x, y in zip(*(part.split(32) for part in digits.train), strict=True)
    ]
    every_epoch = [
        callback
        for callback in training.callbacks(EarlyStopping(monitor="val_loss", patience=EPOCHS))
        if not isinstance(callback, TerminateOnNaN)  # which looks at losses now and then
    ]

    def watch(level: str) -> Callable[..., None]:
        return lambda *arguments: torch.cuda.set_sync_debug_mode(level)

    first = LambdaCallback(on_train_batch_begin=watch("error"), on_valid_begin=watch("default"))
    training.model.fit_generator(on_device, epochs=1, verbose=False)  # setting up may wait
    try:
        history = training.model.fit_generator(
            on_device,
            [digits.valid],
            epochs=2,
            batches_per_step=batches_per_step,
            callbacks=[first, *every_epoch],
            verbose=False,
        )
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(history) == 2
