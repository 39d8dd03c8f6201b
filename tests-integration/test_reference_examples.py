# SPDX-License-Identifier: MIT
"""Every example of the reference's page, with another import line and small data, as it stands."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Reported = list[dict[str, Any]]


class Answering(BaseHTTPRequestHandler):
    """Takes whatever is sent, and answers as a tracking server or a webhook would."""

    RUN: ClassVar = {
        "run": {"info": {"run_id": "r", "run_uuid": "r", "experiment_id": "7"}, "data": {}}
    }

    def do_GET(self) -> None:
        """Answer that there is such an experiment, or such a run."""
        experiment = {"experiment_id": "7", "name": "experiment", "lifecycle_stage": "active"}
        self._answer(self.RUN if "/runs/" in self.path else {"experiment": experiment})

    def do_POST(self) -> None:
        """Keep what was sent."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append({"path": self.path, **body})  # type: ignore[attr-defined]  # ours
        self._answer(self.RUN)

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server on loopback, with what was sent to it in ``taken``."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    made.taken = []  # type: ignore[attr-defined]  # ours
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let each example run in an empty folder, where its relative paths are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def network() -> nn.Module:
    """The network of the examples."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))


@pytest.fixture
def loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """A loader to train with, one to validate with."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(22, 6, generator=generator)
    y = (x[:, 0] + x[:, 1] > 0).long()
    return DataLoader(TensorDataset(x[:16], y[:16]), 4), DataLoader(
        TensorDataset(x[16:], y[16:]), 3
    )


Loaders = tuple[DataLoader[Any], DataLoader[Any]]


def tags(folder: str) -> dict[str, list[int]]:
    """Return the tags in a folder of TensorBoard events, and the steps of each."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, list[int]] = {}
    for path in sorted(Path(folder).rglob("events.*")):
        events = EventAccumulator(str(path))
        events.Reload()
        for tag in events.Tags()["scalars"]:
            found.setdefault(tag, []).extend(event.step for event in events.Scalars(tag))
    return found


def test_the_logs_of_a_callback(network: nn.Module, loaders: Loaders) -> None:
    """The logs that the reference shows for each hook have these keys, in this order."""
    from callboard import Callback, Model

    class Reporting(Callback):
        def __init__(self) -> None:
            self.reported: dict[str, list[str]] = {}

        def on_epoch_end(self, epoch_number: int, logs: dict[str, float]) -> None:
            self.reported["on_epoch_end"] = list(logs)
            assert self.params["epoch"] == 2
            assert self.params["steps_per_epoch"] == 4

        def on_train_batch_end(self, batch_number: int, logs: dict[str, float]) -> None:
            self.reported["on_train_batch_end"] = list(logs)

        def on_valid_batch_end(self, batch_number: int, logs: dict[str, float]) -> None:
            self.reported["on_valid_batch_end"] = list(logs)

        def on_valid_end(self, logs: dict[str, float]) -> None:
            self.reported["on_valid_end"] = list(logs)

        def on_test_batch_end(self, batch_number: int, logs: dict[str, float]) -> None:
            self.reported["on_test_batch_end"] = list(logs)

        def on_test_end(self, logs: dict[str, float]) -> None:
            self.reported["on_test_end"] = list(logs)
            assert self.params["steps"] == 2

    reporting = Reporting()
    model = Model(
        network, "sgd", "cross_entropy", batch_metrics=["acc"], epoch_metrics=["fscore_micro"]
    )
    model.fit_generator(*loaders, epochs=2, callbacks=[reporting], verbose=False)
    model.evaluate_generator(loaders[1], callbacks=[reporting], verbose=False)
    measured = ["acc", "fscore_micro"]
    assert reporting.reported == {
        "on_train_batch_end": ["batch", "size", "time", "loss", "acc"],
        "on_valid_batch_end": ["batch", "size", "time", "val_loss", "val_acc"],
        "on_valid_end": ["time", "val_loss", *[f"val_{name}" for name in measured]],
        "on_epoch_end": [
            *["epoch", "time", "loss", *measured, "val_loss"],
            *[f"val_{name}" for name in measured],
        ],
        "on_test_batch_end": ["batch", "size", "time", "test_loss", "test_acc"],
        "on_test_end": ["time", "test_loss", *[f"test_{name}" for name in measured]],
    }


def test_tensorboard_logger(network: nn.Module, loaders: Loaders) -> None:
    """Using TensorBoardLogger."""
    from torch.utils.tensorboard import SummaryWriter

    from callboard import Model, TensorBoardLogger

    writer = SummaryWriter("runs")
    tb_logger = TensorBoardLogger(writer)

    model = Model(network, "sgd", "cross_entropy", batch_metrics=["acc"])
    model.fit_generator(*loaders, epochs=2, callbacks=[tb_logger], verbose=False)

    writer.close()
    found = tags("runs")
    assert {"loss", "acc", "lr"} <= set(found)
    assert found["loss"] == [1, 2] * 2  # that of the training, and that of the validation


def test_tensorboard_gradient_tracker(network: nn.Module, loaders: Loaders) -> None:
    """Using TensorBoardGradientTracker."""
    from torch.utils.tensorboard import SummaryWriter

    from callboard import Model, TensorBoardGradientTracker

    writer = SummaryWriter("runs")
    tb_tracker = TensorBoardGradientTracker(writer)

    model = Model(network, "sgd", "cross_entropy")
    model.fit_generator(*loaders, epochs=2, callbacks=[tb_tracker], verbose=False)

    writer.close()
    assert set(tags("runs")) == {
        f"{kind}/{layer}.weight"
        for kind in ("gradient_distributions", "other_gradient_stats")
        for layer in (0, 2)
    }


def _experiment(network: nn.Module) -> Any:
    from callboard import Experiment

    def accuracy(y_pred: Tensor, y_true: Tensor) -> Tensor:
        return (y_pred.argmax(1) == y_true).float().mean() * 100

    saving_directory, device = "saved", "cpu"
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    cross_entropy_loss = nn.CrossEntropyLoss()
    return Experiment(
        directory=saving_directory,
        network=network,
        device=device,
        optimizer=optimizer,
        loss_function=cross_entropy_loss,
        batch_metrics=[accuracy],
    )


CONFIG = {"lr": 0.1, "data": {"name": "small", "sizes": [16, 6]}}


def test_mlflow_with_a_store_of_files(
    network: nn.Module, loaders: Loaders, database: Path, empty_folder: Path
) -> None:
    """Using file store: a database on the disk, which MLflow has instead of a folder now."""
    from mlflow.tracking import MlflowClient

    from callboard import MLFlowLogger

    train_loader, valid_loader = loaders
    cfg_dict = CONFIG
    mlflow_logger = MLFlowLogger(experiment_name="experiment", tracking_uri=f"sqlite:///{database}")
    mlflow_logger.log_config_params(config_params=cfg_dict)  # logging the config dictionary

    # our experiment
    experiment = _experiment(network)

    # Using the MLflow logger callback during training
    experiment.train(
        train_generator=train_loader,
        valid_generator=valid_loader,
        epochs=1,
        seed=42,
        callbacks=[mlflow_logger],
        verbose=False,
    )

    client = MlflowClient(f"sqlite:///{database}")
    stored = client.get_experiment_by_name("experiment")
    assert stored is not None
    [run] = client.search_runs([stored.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "lr": "0.1",
        "data.name": "small",
        "data.sizes.0": "16",
        "data.sizes.1": "6",
    }
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "last-epoch"} <= set(run.data.metrics)
    assert Path("saved/log.tsv").exists()


def test_mlflow_with_values_of_ones_own(database: Path) -> None:
    """log_param, log_metric."""
    from mlflow.tracking import MlflowClient

    from callbacks_core.testing import play
    from callboard import MLFlowLogger
    from callboard import SimpleModel as Model

    mlflow_logger = MLFlowLogger("experiment", f"sqlite:///{database}")
    mlflow_logger.log_param("param_name", 3)
    mlflow_logger.log_metric("metric_name", 0.5, step=4)
    play(mlflow_logger, [{"loss": 1.0}], model=Model(nn.Linear(1, 1)))

    client = MlflowClient(f"sqlite:///{database}")
    stored = client.get_experiment_by_name("experiment")
    assert stored is not None
    [run] = client.search_runs([stored.experiment_id])
    assert run.data.params["param_name"] == "3"
    [metric] = client.get_metric_history(run.info.run_id, "metric_name")
    assert (metric.value, metric.step) == (0.5, 4)


def test_mlflow_with_a_server(
    network: nn.Module, loaders: Loaders, server: ThreadingHTTPServer
) -> None:
    """Using server tracking."""
    from callboard import MLFlowLogger

    train_loader, valid_loader = loaders
    cfg_dict = CONFIG
    ip_address, port = server.server_address[:2]
    mlflow_logger = MLFlowLogger(
        experiment_name="experiment", tracking_uri=f"http://{ip_address!s}:{port}"
    )
    mlflow_logger.log_config_params(config_params=cfg_dict)  # logging the config dictionary

    # our experiment
    experiment = _experiment(network)

    # Using the MLflow logger callback during training
    experiment.train(
        train_generator=train_loader,
        valid_generator=valid_loader,
        epochs=1,
        seed=42,
        callbacks=[mlflow_logger],
        verbose=False,
    )

    taken: Reported = server.taken  # type: ignore[attr-defined]  # ours
    params = [param["key"] for body in taken for param in body.get("params", ())]
    metrics = [metric["key"] for body in taken for metric in body.get("metrics", ())]
    assert {"lr", "data.name"} <= set(params)
    assert {"loss", "val_loss"} <= set(metrics)
    assert taken[-1]["path"].endswith("runs/update")
    assert taken[-1]["status"] == "FINISHED"


@pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")
def test_notification_callback(
    network: nn.Module, loaders: Loaders, server: ThreadingHTTPServer
) -> None:
    """A notificator of the package notif, which posts to a webhook."""
    notificator = pytest.importorskip("notif.notificator")

    from callboard import Model, NotificationCallback

    webhook_url = "http://{}:{}/".format(*server.server_address[:2])
    slack_notif = notificator.SlackNotificator(webhook_url=webhook_url)

    notif_callback = NotificationCallback(notificator=slack_notif)

    model = Model(network, "sgd", "cross_entropy")
    model.fit_generator(*loaders, epochs=2, callbacks=[notif_callback], verbose=False)

    taken: Reported = server.taken  # type: ignore[attr-defined]  # ours
    assert [body["text"].partition("\n")[0] for body in taken] == [
        "*Start of the training.*",
        "*Epoch 1 is done.*",
        "*Epoch 2 is done.*",
        "*End of the training.*",
    ]


def test_a_notificator_of_ones_own(network: nn.Module, loaders: Loaders) -> None:
    """The interface: one method; an experiment's name and a frequency."""
    from callboard import Model, NotificationCallback, Notificator

    class Kept(Notificator):
        def __init__(self) -> None:
            self.subjects: list[str | None] = []

        def send_notification(self, message: str, *, subject: str | None = None) -> None:
            self.subjects.append(subject)

    kept = Kept()
    model = Model(network, "sgd", "cross_entropy")
    model.fit_generator(
        *loaders,
        epochs=4,
        callbacks=[NotificationCallback(kept, alert_frequency=2, experiment_name="small")],
        verbose=False,
    )
    assert kept.subjects == [
        "Start of the training for small.",
        "Epoch 2 is done for small.",
        "Epoch 4 is done for small.",
        "End of the training for small.",
    ]


def test_periodic_save_callback(network: nn.Module, loaders: Loaders, empty_folder: Path) -> None:
    """A filename with the epoch's number and a value of its logs."""
    from callboard import Model, PeriodicSaveCallback

    class Notes(PeriodicSaveCallback):
        def save_file(self, fd: Any, epoch_number: int, logs: dict[str, float]) -> None:
            fd.write(f"{epoch_number}".encode())

    model = Model(network, "sgd", "cross_entropy")
    history = model.fit_generator(
        *loaders,
        epochs=2,
        callbacks=[Notes("weights.{epoch:02d}-{val_loss:.2f}.txt")],
        verbose=False,
    )
    assert sorted(path.name for path in empty_folder.iterdir()) == [
        f"weights.{logs['epoch']:02d}-{logs['val_loss']:.2f}.txt" for logs in history
    ]


def test_periodic_save_lambda(network: nn.Module, loaders: Loaders) -> None:
    """A function of a file, the epoch's number and its logs."""
    from callboard import Model, PeriodicSaveLambda

    def func(fd: Any, epoch_number: int, logs: dict[str, float]) -> None:
        print(epoch_number, logs["val_loss"], file=fd)

    saving = PeriodicSaveLambda(func, "last.epoch", open_mode="w")
    model = Model(network, "sgd", "cross_entropy")
    history = model.fit_generator(*loaders, epochs=2, callbacks=[saving], verbose=False)
    assert Path("last.epoch").read_text() == f"2 {history[-1]['val_loss']}\n"


def _parts() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    network = nn.Linear(6, 2)
    return network, torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)


def test_going_on_from_checkpoints(loaders: Loaders) -> None:
    """Weights, optimizer and schedule saved apart and loaded again give an unbroken run's end."""
    from callboard import (
        ExponentialLR,
        LRSchedulerCheckpoint,
        Model,
        ModelCheckpoint,
        OptimizerCheckpoint,
    )

    def savers() -> list[Any]:
        lr_scheduler = ExponentialLR(gamma=0.5)
        if Path("lr").exists():
            lr_scheduler.load_state("lr")
        return [
            LRSchedulerCheckpoint(lr_scheduler, "lr"),
            ModelCheckpoint("weights"),
            OptimizerCheckpoint("optimizer"),
        ]

    train_loader, valid_loader = loaders
    options: dict[str, Any] = {"verbose": False}
    model = Model(*_parts(), "cross_entropy")
    model.fit_generator(train_loader, valid_loader, epochs=3, callbacks=savers(), **options)

    model = Model(*_parts(), "cross_entropy")
    model.load_weights("weights")
    model.load_optimizer_state("optimizer")
    model.fit_generator(
        train_loader, valid_loader, initial_epoch=4, epochs=6, callbacks=savers(), **options
    )

    unbroken = Model(*_parts(), "cross_entropy")
    unbroken.fit_generator(
        train_loader, valid_loader, epochs=6, callbacks=[ExponentialLR(gamma=0.5)], **options
    )
    for name, weight in unbroken.get_weights().items():
        assert torch.equal(weight, model.get_weights()[name])
    assert model.optimizer is not None
    assert model.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**6)


def test_best_only(network: nn.Module, loaders: Loaders, empty_folder: Path) -> None:
    """ModelCheckpoint with the best alone, restored in the end; BestModelRestore in memory."""
    from callboard import BestModelRestore, Model, ModelCheckpoint

    model = Model(network, {"optim": "sgd", "lr": 5.0}, "cross_entropy")
    saving = ModelCheckpoint(
        "best.{epoch:d}.ckpt", save_best_only=True, keep_only_last_best=True, restore_best=True
    )
    history = model.fit_generator(
        *loaders, epochs=5, callbacks=[saving, BestModelRestore()], verbose=False
    )
    best = min(history, key=lambda logs: logs["val_loss"])
    assert [path.name for path in empty_folder.iterdir()] == [f"best.{best['epoch']}.ckpt"]
    loss = model.evaluate_generator(loaders[1], verbose=False)
    assert loss == pytest.approx(best["val_loss"])


SCHEDULERS: list[tuple[str, dict[str, Any], list[float]]] = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.5**epoch}, [1.0, 0.5, 0.25]),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.5}, [1.0, 0.5, 0.25]),
    ("StepLR", {"step_size": 2, "gamma": 0.1}, [1.0, 1.0, 0.1]),
    ("MultiStepLR", {"milestones": [1], "gamma": 0.1}, [1.0, 0.1, 0.1]),
    ("ExponentialLR", {"gamma": 0.9}, [1.0, 0.9, 0.81]),
    ("CosineAnnealingLR", {"T_max": 2}, [1.0, 0.5, 0.0]),
    ("CosineAnnealingWarmRestarts", {"T_0": 2}, [1.0, 0.5, 1.0]),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.3, "step_size_up": 2, "cycle_momentum": False},
        [0.1, 0.1, 0.1],
    ),
    ("ReduceLROnPlateau", {"patience": 1, "threshold": 1e9}, [1.0, 1.0, 0.1]),
]


@pytest.mark.parametrize(
    ("name", "options", "rates"), SCHEDULERS, ids=[row[0] for row in SCHEDULERS]
)
def test_schedulers(
    name: str, options: dict[str, Any], rates: list[float], network: nn.Module, loaders: Loaders
) -> None:
    """Each takes the arguments of torch's own, without the optimizer."""
    import callboard
    from callboard import LambdaCallback, Model

    found: list[float] = []
    model = Model(network, {"optim": "sgd", "lr": 1.0}, "cross_entropy")
    look: Callable[..., None] = lambda number, logs: found.append(  # noqa: E731  # the example's own
        model.optimizer.param_groups[0]["lr"]  # type: ignore[union-attr]  # there is one
    )
    schedule = getattr(callboard, name)(**options)
    model.fit_generator(
        *loaders, epochs=3, callbacks=[schedule, LambdaCallback(on_epoch_begin=look)], verbose=False
    )
    assert found == pytest.approx(rates)


def test_one_cycle_lr(network: nn.Module, loaders: Loaders) -> None:
    """OneCycleLR has as many steps as there are batches."""
    from callboard import Model, OneCycleLR

    model = Model(network, {"optim": "sgd", "lr": 1.0, "momentum": 0.9}, "cross_entropy")
    one_cycle = OneCycleLR(max_lr=0.1, epochs=2, steps_per_epoch=4)
    model.fit_generator(*loaders, epochs=2, callbacks=[one_cycle], verbose=False)
    assert model.optimizer is not None
    assert model.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 25 / 1e4)


def test_delay_callback(network: nn.Module, loaders: Loaders) -> None:
    """One callback delayed by epochs, several by batches."""
    from callboard import CSVLogger, DelayCallback, EarlyStopping, Model

    model = Model(network, {"optim": "sgd", "lr": 0.0}, "cross_entropy")
    delayed = [
        DelayCallback(EarlyStopping(patience=1), epoch_delay=2),
        DelayCallback([CSVLogger("log.csv")], batch_delay=4),
    ]
    history = model.fit_generator(*loaders, epochs=9, callbacks=delayed, verbose=False)
    assert len(history) == 4  # the third is the first that is seen, and the fourth no better
    rows = Path("log.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[0] for row in rows] == ["2", "3", "4"]


def test_clipping_and_stopping(network: nn.Module, loaders: Loaders) -> None:
    """ClipNorm, ClipValue and TerminateOnNaN, and the two kinds of CSV files."""
    from callboard import AtomicCSVLogger, ClipNorm, ClipValue, CSVLogger, Model, TerminateOnNaN

    callbacks = [
        ClipNorm(network.parameters(), 0.1),
        ClipValue(network.parameters(), 0.01),
        TerminateOnNaN(),
        CSVLogger("log.tsv", separator="\t", batch_granularity=True),
        AtomicCSVLogger("atomic.csv", temporary_filename="atomic.csv.part"),
    ]
    model = Model(network, "sgd", "cross_entropy")
    model.fit_generator(*loaders, epochs=2, callbacks=callbacks, verbose=False)
    assert all(
        weight.grad is not None and weight.grad.abs().max() <= 0.01
        for weight in network.parameters()
    )
    assert len(Path("log.tsv").read_text().splitlines()) == 1 + 2 * (4 + 1)
    assert len(Path("atomic.csv").read_text().splitlines()) == 1 + 2


def test_progression_callback(
    network: nn.Module, loaders: Loaders, capsys: pytest.CaptureFixture[str]
) -> None:
    """By progress_options, and by itself with verbose=False."""
    from callboard import Model, ProgressionCallback

    model = Model(network, "sgd", "cross_entropy")
    options: dict[str, Any] = {
        "coloring": False,
        "progress_bar": False,
        "equal_weights": True,
        "show_on_valid": False,
        "show_every_n_train_steps": 2,
        "show_every_n_valid_steps": "none",
        "show_every_n_test_steps": "all",
    }
    model.fit_generator(*loaders, epochs=1, progress_options=options)
    first = capsys.readouterr().out
    model.fit_generator(
        *loaders, epochs=1, verbose=False, callbacks=[ProgressionCallback(**options)]
    )
    second = capsys.readouterr().out
    assert first.count("Train steps: 4 Val steps: 2") == 1
    assert second.count("Train steps: 4 Val steps: 2") == 1


def test_spaces() -> None:
    """The doctests of linspace and cosinespace."""
    from callboard import cosinespace, linspace

    assert list(linspace(0, 1, 3)) == [0.0, 0.5, 1.0]
    assert list(cosinespace(0, 1, 3)) == [0.0, 0.5, 1.0]


def test_policies(network: nn.Module, loaders: Loaders) -> None:
    """Phases in a policy; one cycle; SGDR with the steps that its formula tells."""
    from callboard import (
        Model,
        OptimizerPolicy,
        Phase,
        linspace,
        one_cycle_phases,
        sgdr_phases,
    )

    phases = [
        Phase(lr=linspace(0.1, 0.2, 3), momentum=linspace(0.9, 0.8, 3)),
        Phase(lr=linspace(0.2, 0.05, 5)),
    ]
    model = Model(network, {"optim": "sgd", "momentum": 0.9}, "cross_entropy")
    model.fit_generator(*loaders, epochs=2, callbacks=[OptimizerPolicy(phases)], verbose=False)
    assert model.optimizer is not None
    [group] = model.optimizer.param_groups
    assert (group["lr"], group["momentum"]) == (pytest.approx(0.05), pytest.approx(0.8))

    policy = OptimizerPolicy(one_cycle_phases(steps=8), initial_step=4)
    model.fit_generator(*loaders, epochs=1, callbacks=[policy], verbose=False)
    assert sum(len(list(phase)) for phase in one_cycle_phases(steps=100)) == 100

    base_cycle_length, cycles, cycle_mult = 4, 3, 2
    total_steps = sum(base_cycle_length * (cycle_mult**i) for i in range(cycles))
    restarts = sgdr_phases(base_cycle_length, cycles, lr=(1.0, 0.1), cycle_mult=cycle_mult)
    assert sum(len(list(phase)) for phase in restarts) == total_steps
    model.fit_generator(*loaders, epochs=1, callbacks=[OptimizerPolicy(restarts)], verbose=False)
    assert math.isclose(group["lr"], 0.1)
