# SPDX-License-Identifier: MIT
"""What a new user gets wrong when making a model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sklearn.metrics
import torch
import torchmetrics
from torch import nn

from callboard import Model, set_seeds, summarize

from ._case import Case, case, classifier, each, fit, mistake, model, require_handled


def _with(**arguments: Any) -> Callable[[Path], object]:
    return lambda folder: model(**arguments)


def _made(*arguments: Any, **options: Any) -> Callable[[Path], object]:
    return lambda folder: Model(*arguments, **options)


def _optimizer_of(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.1)


def _frozen() -> nn.Module:
    return classifier().requires_grad_(False)


def _schedule() -> object:
    return torch.optim.lr_scheduler.StepLR(_optimizer_of(classifier()), 3)


def _of_a_copy(folder: Path) -> object:
    network = classifier()
    return Model(copy.deepcopy(network), _optimizer_of(network), "mse")


class Score:
    """A metric of one's own, whose class is passed instead of an object."""

    def __call__(self, y_pred: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
        return y_pred.mean()


NETWORKS = [
    case("a class", _made(nn.Linear, "sgd", "mse"), TypeError, "class Linear", "Linear(...)"),
    case("no network", _made(None, "sgd", "mse"), TypeError, "`network`", "Module", "NoneType"),
    case("a function", _made(abs, "sgd", "mse"), TypeError, "`network`", "Module", "builtin"),
    case(
        "weights for a network",
        _made(classifier().state_dict(), "sgd", "mse"),
        TypeError,
        "`network`",
        "Module",
        "OrderedDict",
    ),
    case(
        "a list of layers",
        _made([nn.Linear(3, 4), nn.ReLU()], "sgd", "mse"),
        TypeError,
        "`network`",
        "list",
        "nn.Sequential(*layers)",
    ),
    case(
        "a model in a model",
        _made(model(), "sgd", "mse"),
        TypeError,
        "`network`",
        "Module",
        "Model",
    ),
    case(
        "optimizer first",
        _made(_optimizer_of(classifier()), classifier(), "mse"),
        TypeError,
        "`network`",
        "SGD",
    ),
    case("a network alone", _made(classifier()), TypeError, "'optimizer' and 'loss_function'"),
    case("an argument misspelt", _with(batch_metric=["acc"]), TypeError, "argument 'batch_metric'"),
]

OPTIMIZERS = [
    case("misspelt", _with(optimizer="adma"), ValueError, "no optimizer 'adma'", "adam, "),
    case(
        "loss and optimizer reversed",
        _made(classifier(), "cross_entropy", "mse"),
        ValueError,
        "no optimizer 'cross_entropy'",
        "name of a loss",
        "Model(network, optimizer, loss_function)",
    ),
    case(
        "a class",
        _with(optimizer=torch.optim.Adam),
        TypeError,
        "class Adam",
        "network.parameters()",
    ),
    case("a number", _with(optimizer=0.01), TypeError, "`optimizer`", "0.01", "{'optim': "),
    case(
        "parameters",
        _with(optimizer=classifier().parameters()),
        TypeError,
        "`optimizer`",
        "torch.optim.Adam(network.parameters())",
    ),
    case(
        "a schedule",
        _with(optimizer=_schedule()),
        TypeError,
        "`optimizer`",
        "StepLR",
        "callback",
    ),
    case("nothing to name it", _with(optimizer={"lr": 0.1}), ValueError, "'optim'", "'lr'"),
    case("an empty mapping", _with(optimizer={}), ValueError, "'optim'"),
    case(
        "another word for optim",
        _with(optimizer={"name": "sgd", "lr": 0.1}),
        ValueError,
        "'optim'",
        "'name'",
    ),
    case(
        "an argument misspelt",
        _with(optimizer={"optim": "sgd", "momentun": 0.1}),
        TypeError,
        "sgd",
        "'momentun'",
        "'momentum'",
    ),
    case(
        "learning_rate for lr",
        _with(optimizer={"optim": "adam", "learning_rate": 0.1}),
        TypeError,
        "adam",
        "'learning_rate'",
        "'lr'",
    ),
    case(
        "a learning rate as text",
        _with(optimizer={"optim": "sgd", "lr": "0.1"}),
        TypeError,
        "sgd",
        "lr='0.1'",
    ),
    case(
        "a negative learning rate",
        _with(optimizer={"optim": "sgd", "lr": -1.0}),
        ValueError,
        "learning rate",
        "-1.0",
    ),
    case(
        "a class under optim",
        _with(optimizer={"optim": torch.optim.SGD}),
        TypeError,
        "'optim'",
        "str",
        "SGD",
    ),
    case(
        "of another network",
        _with(optimizer=_optimizer_of(classifier())),
        ValueError,
        "does not belong",
        "2 of its 2 parameters",
        "(2, 3)",
    ),
    case("of what was copied", _of_a_copy, ValueError, "does not belong", "copied"),
    case(
        "of a frozen network",
        _with(network=_frozen()),
        ValueError,
        "requires_grad",
        "'sgd'",
        "optimizer=None",
    ),
    case(
        "of no weights",
        _with(network=nn.Flatten()),
        ValueError,
        "no parameters",
        "Flatten",
        "optimizer=None",
    ),
    case(
        "several, one by its name",
        _with(optimizer={"one": _optimizer_of(classifier()), "other": "adam"}),
        TypeError,
        "'other'",
        "str",
    ),
    case(
        "lbfgs with scaled gradients",
        _with(optimizer="lbfgs", precision="fp16"),
        ValueError,
        "LBFGS",
        '"bf16"',
    ),
]

LOSSES = [
    case(
        "misspelt",
        _with(loss_function="cross_entorpy"),
        ValueError,
        "no loss 'cross_entorpy'",
        "mean 'cross_entropy'",
    ),
    case(
        "named as its class",
        _with(loss_function="CrossEntropyLoss"),
        ValueError,
        "no loss 'CrossEntropyLoss'",
        "mean 'cross_entropy'",
    ),
    case("short for l1", _with(loss_function="mae"), ValueError, "no loss 'mae'", "mean 'l1'"),
    case(
        "short for binary",
        _with(loss_function="bce"),
        ValueError,
        "no loss 'bce'",
        "mean 'binary_cross_entropy'",
    ),
    case("empty", _with(loss_function=""), ValueError, "no loss ''", "cross_entropy, "),
    case("a class", _with(loss_function=nn.MSELoss), TypeError, "class MSELoss", "MSELoss()"),
    case("a number", _with(loss_function=0.5), TypeError, "`loss_function`", "0.5"),
    case(
        "a value of it",
        _with(loss_function=torch.tensor(0.5)),
        TypeError,
        "`loss_function`",
        "tensor(0.5",
    ),
    case("a list", _with(loss_function=["mse", "l1"]), TypeError, "`loss_function`", "['mse'"),
]

METRICS = [
    case(
        "misspelt",
        _with(batch_metrics=["acuracy"]),
        ValueError,
        "'acuracy'",
        "mean 'accuracy'",
    ),
    case("misspelt, of the epoch", _with(epoch_metrics=["aurco"]), ValueError, "mean 'auroc'"),
    case("a class", _with(batch_metrics=[Score]), TypeError, "class Score", "Score(...)"),
    case(
        "a class of torchmetrics",
        _with(epoch_metrics=[torchmetrics.MeanMetric]),
        TypeError,
        "class MeanMetric",
        "MeanMetric(...)",
    ),
    case("a number", _with(batch_metrics=[3]), TypeError, "`batch_metrics`", "3"),
    case("none", _with(batch_metrics=[None]), TypeError, "`batch_metrics`", "None"),
    case("a mapping", _with(batch_metrics={"acc": "accuracy"}), TypeError, "(name, metric)"),
    case(
        "a function for the epoch",
        _with(epoch_metrics=[lambda y_pred, y_true: 0.0]),
        TypeError,
        "update, compute and reset",
        "batch_metrics",
    ),
    case(
        "of scikit-learn for the batch",
        _with(batch_metrics=[sklearn.metrics.f1_score]),
        TypeError,
        "f1_score",
        "epoch_metrics",
    ),
    case(
        "three in a tuple",
        _with(batch_metrics=[("a", "accuracy", "f1")]),
        TypeError,
        "(name, metric)",
        "'f1'",
    ),
    case("called loss", _with(batch_metrics=[("loss", "accuracy")]), ValueError, "'loss'"),
    case("called epoch", _with(batch_metrics=[("epoch", "accuracy")]), ValueError, "'epoch'"),
    case("called nothing", _with(batch_metrics=[("", "accuracy")]), ValueError, "name", "''"),
    case(
        "an object that is no metric",
        _with(epoch_metrics=[object()]),
        TypeError,
        "update, compute and reset",
    ),
]

OTHERS = [
    case("a gpu by its kind", _with(device="gpu"), RuntimeError, "'gpu'", "mean 'cuda'"),
    case("a device misspelt", _with(device="cuad:0"), RuntimeError, "'cuad:0'", "mean 'cuda"),
    case("a gpu too many", _with(device="cuda:99"), RuntimeError, "no device cuda:99", "GPUs"),
    case("a number of no gpu", _with(device=99), RuntimeError, "99"),
    case("a negative device", _with(device=-1), (RuntimeError), "-1"),
    case("a device of no kind", _with(device=0.5), TypeError, "`device`", "0.5"),
    case("an empty device", _with(device=""), RuntimeError, "''"),
    case(
        "several devices",
        _with(device=["cuda:0", "cuda:1"]),
        TypeError,
        "`device`",
        "torchrun",
    ),
    case("all devices", _with(device="all"), RuntimeError, "'all'", "torchrun"),
    case("a device for later", lambda folder: model().to("gpu"), RuntimeError, "mean 'cuda'"),
    case("a precision", _with(precision="fp8"), ValueError, "`precision`", "'fp16'", "'fp8'"),
    case("bits", _with(precision=16), (ValueError), "`precision`", "'bf16'", "16"),
    case("to compile or not", _with(compile="yes"), TypeError, "`compile`", "'yes'"),
    case(
        "how to compile", _with(compile={"moed": "x"}), (TypeError), "`compile`", "'moed'", "'mode'"
    ),
    case("channels", _with(channels_last="yes"), TypeError, "`channels_last`", "'yes'"),
    case("a strategy", _with(strategy="dpp"), ValueError, "'dpp'", "mean 'ddp'"),
    case("a strategy in numbers", _with(strategy=2), TypeError, "`strategy`", "2"),
    case("a step that is none", _with(training_step=3), TypeError, "`training_step`", "3"),
    case(
        "to optimize outside of a step",
        lambda folder: model().optimize(torch.tensor(1.0)),
        RuntimeError,
        "training step",
    ),
    case("a seed as text", lambda folder: set_seeds(mistake("42")), TypeError, "`seed`", "'42'"),
    case("a negative seed", lambda folder: set_seeds(-1), ValueError, "seed", "-1"),
    case("to summarize a class", lambda folder: summarize(mistake(nn.Linear)), TypeError, "Linear"),
    case(
        "to summarize a model",
        lambda folder: summarize(mistake(model())),
        TypeError,
        "Module",
        "Model",
    ),
    case(
        "to train without optimizer",
        lambda folder: fit(of=model(optimizer=None)),
        ValueError,
        "without an optimizer",
    ),
    case(
        "to train without loss",
        lambda folder: fit(of=model(loss_function=None)),
        ValueError,
        "without a loss function",
    ),
]


@each(NETWORKS)
def test_networks(case: Case, tmp_path: Path) -> None:
    """What is no network, or no model, is refused as the model is made."""
    require_handled(case, tmp_path)


@each(OPTIMIZERS)
def test_optimizers(case: Case, tmp_path: Path) -> None:
    """An optimizer that cannot train the network is refused as the model is made."""
    require_handled(case, tmp_path)


@each(LOSSES)
def test_losses(case: Case, tmp_path: Path) -> None:
    """What is no loss function is refused as the model is made."""
    require_handled(case, tmp_path)


@each(METRICS)
def test_metrics(case: Case, tmp_path: Path) -> None:
    """What is no metric is refused as the model is made."""
    require_handled(case, tmp_path)


@each(OTHERS)
def test_others(case: Case, tmp_path: Path) -> None:
    """So is all else that a model is made with."""
    require_handled(case, tmp_path)
