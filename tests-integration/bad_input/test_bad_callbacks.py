# SPDX-License-Identifier: MIT
"""What a new user gets wrong when making a callback, and what only a training shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import callboard
from callboard import Callback

from ._case import LABELS, Case, X, case, classifier, each, fit, require_handled


def _made(name: str, *arguments: Any, **options: Any) -> Callable[[Path], object]:
    return lambda folder: getattr(callboard, name)(*arguments, **options)


def _used(name: str, *arguments: Any, **options: Any) -> Callable[[Path], object]:
    def train(folder: Path) -> object:
        callback = getattr(callboard, name)(*arguments, **options)
        return fit(callbacks=[callback], validation_data=(X, LABELS))

    return train


def _in_folder(name: str, filename: str, **options: Any) -> Callable[[Path], object]:
    def train(folder: Path) -> object:
        (folder / "file").write_text("here already")
        callback = getattr(callboard, name)(folder / filename, **options)
        return fit(callbacks=[callback], validation_data=(X, LABELS))

    return train


def _optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD(classifier().parameters(), lr=0.1)


def _schedule() -> object:
    return torch.optim.lr_scheduler.ExponentialLR(_optimizer(), 0.9)


class Careless(Callback):
    """A callback whose hook takes an argument too few."""

    def on_epoch_end(self, epoch_number: int) -> None:  # type: ignore[override]  # the mistake
        """Do nothing."""


class Misspelt(Callback):
    """A callback with a hook that nobody will ever call."""

    def on_epoch_ended(self, epoch_number: int, logs: Any) -> None:
        """Do nothing."""


class Mute:
    """A notificator that cannot send."""


WATCHING = [
    case("patience as text", _made("EarlyStopping", patience="3"), TypeError, "`patience`", "'3'"),
    case("negative patience", _made("EarlyStopping", patience=-1), ValueError, "`patience`", "-1"),
    case("half patience", _made("EarlyStopping", patience=2.5), TypeError, "`patience`", "2.5"),
    case("mode misspelt", _made("EarlyStopping", mode="mni"), ValueError, "'mni'", "mean 'min'"),
    case("negative delta", _made("EarlyStopping", min_delta=-0.1), ValueError, "min_delta", "-0.1"),
    case("delta as text", _made("EarlyStopping", min_delta="0.1"), TypeError, "min_delta", "'0.1'"),
    case("no monitor", _made("EarlyStopping", monitor=None), TypeError, "`monitor`", "None"),
    case("by position", _made("EarlyStopping", "val_loss"), TypeError, "positional"),
    case("an argument misspelt", _made("EarlyStopping", patients=3), TypeError, "'patients'"),
    case(
        "monitor misspelt",
        _used("EarlyStopping", monitor="val_los"),
        KeyError,
        "'val_los'",
        "mean 'val_loss'",
    ),
    case(
        "without a validation",
        lambda folder: fit(callbacks=[callboard.EarlyStopping()]),
        KeyError,
        "'val_loss'",
        "validation loader",
    ),
    case("best mode", _made("BestModelRestore", mode="maximum"), ValueError, "'maximum'", "'max'"),
    case(
        "best monitor",
        _used("BestModelRestore", monitor="val_acc"),
        KeyError,
        "'val_acc'",
        "'val_loss'",
    ),
    case("NaN never looked for", _made("TerminateOnNaN", every=0), ValueError, "`every`", "0"),
    case("delay of nothing", _made("DelayCallback", None), TypeError, "callbacks", "None"),
    case(
        "delay of a class",
        _made("DelayCallback", callboard.EarlyStopping, epoch_delay=1),
        TypeError,
        "EarlyStopping",
    ),
    case(
        "delay before the first",
        _made("DelayCallback", Careless(), epoch_delay=-1),
        ValueError,
        "`epoch_delay`",
        "-1",
    ),
    case(
        "delay as text",
        _made("DelayCallback", Careless(), batch_delay="9"),
        TypeError,
        "`batch_delay`",
    ),
    case(
        "a hook misspelt",
        _made("LambdaCallback", on_epoch_edn=print),
        (TypeError, ValueError),
        "'on_epoch_edn'",
        "mean 'on_epoch_end'",
    ),
    case(
        "a hook that is no function",
        _made("LambdaCallback", on_epoch_end=3),
        TypeError,
        "on_epoch_end",
        "3",
    ),
    case(
        "a hook of fewer arguments",
        lambda folder: fit(callbacks=[Careless()]),
        TypeError,
        "Careless.on_epoch_end",
    ),
    case(
        "a hook that nobody calls",
        lambda folder: fit(callbacks=[Misspelt()]),
        UserWarning,
        "Misspelt.on_epoch_ended",
        "mean 'on_epoch_end'",
    ),
    case(
        "a limit as text",
        _made("ClipNorm", classifier().parameters(), "1"),
        TypeError,
        "max_norm",
        "'1'",
    ),
    case(
        "a negative limit",
        _made("ClipNorm", classifier().parameters(), -1),
        ValueError,
        "max_norm",
        "-1",
    ),
    case("no limit", _made("ClipNorm", classifier().parameters()), TypeError, "'max_norm'"),
    case(
        "a network to clip",
        _made("ClipNorm", classifier(), 1.0),
        TypeError,
        "parameters()",
        "module",
    ),
    case("nothing to clip", _made("ClipNorm", [], 1.0), ValueError, "parameter"),
    case(
        "arguments reversed",
        _made("ClipNorm", 1.0, classifier().parameters()),
        TypeError,
        "parameters",
        "1.0",
    ),
    *(
        case(
            f"parameters of another network, {name}",
            _used(name, list(classifier().parameters()), 0.1),
            RuntimeWarning,
            name,
            "another network",
        )
        for name in ("ClipNorm", "ClipValue", "AdaptiveClip")
    ),
    case(
        "a negative value",
        _made("ClipValue", classifier().parameters(), -1),
        ValueError,
        "clip_value",
        "-1",
    ),
    case(
        "no value",
        _made("ClipValue", classifier().parameters(), None),
        TypeError,
        "clip_value",
        "None",
    ),
]

LOGGING = [
    case("no file", _made("CSVLogger", None), TypeError, "filename", "None"),
    case("a number for a file", _made("CSVLogger", 3), TypeError, "filename", "3"),
    case("an empty name", _made("CSVLogger", ""), ValueError, "filename"),
    case(
        "no separator", _made("CSVLogger", "log.csv", separator=""), ValueError, "separator", "''"
    ),
    case(
        "two separators",
        _made("CSVLogger", "log.csv", separator=", "),
        ValueError,
        "separator",
        "', '",
    ),
    case("a folder for a file", _in_folder("CSVLogger", ""), OSError, "folder"),
    case("a file for a folder", _in_folder("CSVLogger", "file/log.csv"), OSError, "file"),
    case(
        "other columns",
        _in_folder("CSVLogger", "file", append=True),
        Exception,
        "columns",
        "here already",
    ),
    case("no file, atomic", _made("AtomicCSVLogger", None), TypeError, "filename", "None"),
    case("no file for json", _made("JSONLinesLogger", 3), TypeError, "filename", "3"),
    case("no writer", _made("TensorBoardLogger", None), TypeError, "writer", "None"),
    case("a writer that is none", _made("TensorBoardLogger", 3), TypeError, "writer", "int"),
    case(
        "no writer to track", _made("TensorBoardGradientTracker", None), TypeError, "writer", "None"
    ),
    case("no experiment", _made("MLFlowLogger", None), TypeError, "experiment_name", "None"),
    case("an empty experiment", _made("MLFlowLogger", ""), ValueError, "experiment_name"),
    case(
        "a scheme misspelt",
        _made("MLFlowLogger", "digits", "htp://localhost:5000"),
        ValueError,
        "tracking_uri",
        "'htp://'",
        "mean 'http'",
    ),
    case(
        "coloring misspelt",
        _made("ProgressionCallback", coloring={"text_colour": "RED"}),
        ValueError,
        "'text_colour'",
        "'text_color'",
    ),
    case(
        "a colour misspelt",
        _made("ProgressionCallback", coloring={"text_color": "PURPEL"}),
        ValueError,
        "'PURPEL'",
    ),
    case(
        "steps misspelt",
        _made("ProgressionCallback", show_every_n_train_steps="al"),
        ValueError,
        "show_every_n_train_steps",
        "'al'",
        "'all'",
    ),
    case(
        "no steps",
        _made("ProgressionCallback", show_every_n_valid_steps=0),
        ValueError,
        "show_every_n_valid_steps",
        "0",
    ),
    case("norms", _made("MemoryGradientLogger", norm_type="2"), TypeError, "norm_type", "'2'"),
    case("a report of no file", _made("HTMLReport", None), TypeError, "filename", "None"),
    case(
        "no notificator",
        _made("NotificationCallback", None),
        TypeError,
        "notificator",
        "send_notification",
        "None",
    ),
    case(
        "one that cannot send",
        _made("NotificationCallback", Mute()),
        TypeError,
        "send_notification",
        "Mute",
    ),
    case(
        "a class of one",
        _made("NotificationCallback", callboard.ConsoleNotificator),
        TypeError,
        "ConsoleNotificator",
        "class",
    ),
    case(
        "an address",
        _made("NotificationCallback", "https://example.com/hook"),
        TypeError,
        "send_notification",
    ),
    case(
        "never",
        _made("NotificationCallback", callboard.ConsoleNotificator(), alert_frequency=0),
        ValueError,
        "alert_frequency",
        "0",
    ),
    case(
        "a metric nobody logs",
        _made("plot_metric", [{"epoch": 1, "loss": 1.0}], "los"),
        (KeyError, ValueError),
        "'los'",
        "'loss'",
    ),
]

SAVING = [
    case("no file", _made("ModelCheckpoint"), TypeError, "'filename'"),
    case("none", _made("ModelCheckpoint", None), TypeError, "filename", "None"),
    case("a number", _made("ModelCheckpoint", 3), TypeError, "filename", "3"),
    case("never", _made("ModelCheckpoint", "w", period=0), ValueError, "`period`", "0"),
    case(
        "a period as text", _made("ModelCheckpoint", "w", period="2"), TypeError, "`period`", "'2'"
    ),
    case("mode", _made("ModelCheckpoint", "w", mode="mx"), ValueError, "'mx'", "mean 'max'"),
    case(
        "to keep what is not best",
        _made("ModelCheckpoint", "w", keep_only_last_best=True),
        ValueError,
        "keep_only_last_best",
        "save_best_only",
    ),
    case(
        "to restore what is not best",
        _made("ModelCheckpoint", "w", restore_best=True),
        ValueError,
        "restore_best",
        "save_best_only",
    ),
    case(
        "an option misspelt",
        _made("ModelCheckpoint", "w", save_best=True),
        TypeError,
        "'save_best'",
    ),
    case("a brace too few", _made("ModelCheckpoint", "w{epoch"), ValueError, "w{epoch"),
    case("a format", _made("ModelCheckpoint", "w{epoch:02q}"), ValueError, "02q"),
    case(
        "a field by its attribute",
        _made("ModelCheckpoint", "w{epoch.real}"),
        ValueError,
        "epoch.real",
    ),
    case(
        "a value misspelt",
        _in_folder("ModelCheckpoint", "w{val_los:.2f}"),
        KeyError,
        "'val_los'",
        "mean 'val_loss'",
    ),
    case(
        "a monitor misspelt",
        _in_folder("ModelCheckpoint", "w", save_best_only=True, monitor="val_lss"),
        KeyError,
        "'val_lss'",
        "mean 'val_loss'",
    ),
    case("a file for a folder", _in_folder("ModelCheckpoint", "file/w"), OSError, "file"),
    case(
        "a mode to open with",
        _made("PeriodicSaveLambda", print, "w", open_mode="rb"),
        ValueError,
        "open_mode",
        "'rb'",
    ),
    case("reversed", _made("PeriodicSaveLambda", "file", print), TypeError, "'file'"),
    case(
        "a schedule of torch",
        _made("LRSchedulerCheckpoint", _schedule(), "lr"),
        (TypeError, ValueError),
        "ExponentialLR",
    ),
    case(
        "schedule and file reversed",
        _made("LRSchedulerCheckpoint", "lr", callboard.StepLR(3)),
        (TypeError, ValueError),
        "'lr'",
    ),
    case("no states", _made("StateCheckpoint", {"a": 3}, "w"), TypeError, "'a'", "state_dict"),
    case("to keep none", _made("Retention", best=-1), ValueError, "`best`", "-1"),
    case("every none", _made("EveryEpochs", 0), ValueError, "0"),
    case("no minutes", _made("EveryMinutes", 0), ValueError, "minutes", "0"),
    case("no folder", _made("TrainingCheckpoint", None), TypeError, "folder", "None"),
]

SCHEDULES = [
    case("an optimizer", _made("StepLR", _optimizer(), 3), ValueError, "optimizer", "StepLR"),
    case(
        "an optimizer by name",
        _made("StepLR", 3, optimizer=_optimizer()),
        (ValueError, TypeError),
        "optimizer",
    ),
    case("no steps", _made("StepLR", 0), ValueError, "step_size", "0"),
    case("steps as text", _made("StepLR", "3"), TypeError, "'3'"),
    case("nothing", _made("StepLR"), TypeError, "'step_size'"),
    case("misspelt", _made("StepLR", 3, gama=0.1), TypeError, "'gama'"),
    case(
        "stepped when",
        _made("StepLR", 3, step_on="step"),
        ValueError,
        "step_on",
        "'batch'",
        "'step'",
    ),
    case("no function", _made("LambdaLR", 0.5), TypeError, "0.5"),
    case("gamma as text", _made("ExponentialLR", "0.9"), TypeError, "'0.9'"),
    case("a single milestone", _made("MultiStepLR", 5), TypeError, "5"),
    case("no period", _made("CosineAnnealingLR", 0), (ValueError, ZeroDivisionError), "T_max", "0"),
    case("no cycle", _made("OneCycleLR", 0.1, epochs=3), ValueError, "steps_per_epoch"),
    case("plateau mode", _made("ReduceLROnPlateau", "mim"), ValueError, "'mim'", "'min'"),
    case("plateau factor", _made("ReduceLROnPlateau", factor=2.0), ValueError, "2.0"),
    case(
        "plateau monitor",
        _used("ReduceLROnPlateau", monitor="val_los"),
        KeyError,
        "'val_los'",
        "'val_loss'",
    ),
    case("no schedules", _made("SequentialLR", [], []), ValueError, "at least one schedule"),
    case(
        "schedules of torch", _made("ChainedScheduler", [_schedule()]), TypeError, "ExponentialLR"
    ),
    case("an empty phase", _made("Phase"), ValueError, "lr"),
    case(
        "phases of two lengths", _made("Phase", lr=[1.0, 2.0], momentum=[0.9]), ValueError, "2", "1"
    ),
    case("a phase of text", _made("Phase", lr="0.1"), TypeError, "'0.1'"),
    case("a phase alone", _made("OptimizerPolicy", callboard.Phase(lr=[0.1])), TypeError, "Phase"),
    case("no phases", _made("OptimizerPolicy", []), ValueError, "phase"),
    case("rates for phases", _made("OptimizerPolicy", [0.1, 0.2]), TypeError, "Phase", "0.1"),
    case(
        "a step before the first",
        _made("OptimizerPolicy", [callboard.Phase(lr=[0.1])], initial_step=-1),
        ValueError,
        "initial_step",
        "-1",
    ),
    case("a space as text", _made("linspace", 0, 1, "3"), TypeError, "steps", "'3'"),
    case("a space in parts", _made("linspace", 0, 1, 2.5), TypeError, "steps", "2.5"),
    case("less than no space", _made("cosinespace", 0, 1, -1), ValueError, "steps", "-1"),
    case("a cycle of none", _made("one_cycle_phases", 0), ValueError, "steps", "0"),
    case("one rate for two", _made("one_cycle_phases", 10, lr=0.1), TypeError, "lr", "0.1"),
    case(
        "a part beyond one",
        _made("one_cycle_phases", 10, finetune_fraction=2),
        ValueError,
        "finetune_fraction",
        "2",
    ),
    case("no cycles", _made("sgdr_phases", 4, 0), ValueError, "cycles", "0"),
    case("a decay beyond one", _made("EMA", decay=2.0), ValueError, "decay", "2.0"),
    case("averages before the first", _made("SWA", 0), ValueError, "start_epoch", "0"),
    case("what is not there to freeze", _used("Freeze", "encoder.*"), ValueError, "encoder.*"),
    case("no stages", _made("GradualUnfreezing", []), ValueError, "stages"),
    case(
        "rates to find reversed",
        _made("LRFinder", start_lr=1.0, end_lr=0.1),
        ValueError,
        "start_lr",
        "end_lr",
    ),
]


@each(WATCHING)
def test_watching(case: Case, tmp_path: Path) -> None:
    """Callbacks that steer a training refuse what they cannot do."""
    require_handled(case, tmp_path)


@each(LOGGING)
def test_logging(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So do those that log it."""
    monkeypatch.chdir(tmp_path)
    require_handled(case, tmp_path)


@each(SAVING)
def test_saving(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So do those that save it."""
    monkeypatch.chdir(tmp_path)
    require_handled(case, tmp_path)


@each(SCHEDULES)
def test_schedules(case: Case, tmp_path: Path) -> None:
    """So do schedules and policies."""
    require_handled(case, tmp_path)
