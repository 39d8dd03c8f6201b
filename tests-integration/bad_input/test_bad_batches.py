# SPDX-License-Identifier: MIT
"""What torch finds wrong in the first batch, and what is said of it there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from callboard import Model

from ._case import (
    LABELS,
    VALUES,
    Case,
    X,
    batches,
    case,
    each,
    fit,
    model,
    regression,
    require_handled,
)

IN_THE_FIRST = "training batch 1 of epoch 1"
SHAPES = "inputs: float32 (4, 3)"


def _labels(labels: Any, loss: Any = "cross_entropy", outputs: int = 2) -> Callable[[Path], object]:
    return lambda folder: fit(X, labels, of=model(nn.Linear(3, outputs), "sgd", loss))


def _values(values: Any, loss: Any = "mse", outputs: int = 1) -> Callable[[Path], object]:
    return lambda folder: fit(X, values, of=regression(loss, outputs))


def _inputs(x: Any, network: nn.Module, y: Any = LABELS) -> Callable[[Path], object]:
    return lambda folder: batches((x, y), of=model(network))


def _network(forward: Callable[..., Any], **options: Any) -> Callable[[Path], object]:
    return lambda folder: fit(of=model(Calling(forward), **options))


def _loss(loss: Callable[..., Any]) -> Callable[[Path], object]:
    return _labels(LABELS, loss)


def _metric(metric: Callable[..., Any]) -> Callable[[Path], object]:
    return lambda folder: fit(of=model(batch_metrics=[("mine", metric)]))


def _step(step: Callable[..., Any], **options: Any) -> Callable[[Path], object]:
    return lambda folder: fit(of=model(training_step=step), **options)


class Calling(nn.Module):
    """A network that calls a function with itself and its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.function = function
        self.kept: Any = None

    def forward(self, *x: Any) -> Any:
        return self.function(self, *x)


class Two(nn.Module):
    """A network of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 2)

    def forward(self, left: Tensor, right: Tensor) -> Any:
        return self.layer(torch.cat([left, right], 1))


def _remembering(network: Any, x: Tensor) -> Tensor:
    network.kept = network.layer(x) + (0 if network.kept is None else network.kept)
    return network.kept  # type: ignore[no-any-return]


def _in_place(network: Any, x: Tensor) -> Tensor:
    out = network.layer(x).exp()
    result = out * out
    out += 1
    return result  # type: ignore[no-any-return]


def _changed_leaf(network: Any, x: Tensor) -> Tensor:
    network.layer.weight += 1
    return network.layer(x)  # type: ignore[no-any-return]


def _half_frozen(folder: Path) -> object:
    made = model()
    made.network.requires_grad_(False)
    return fit(of=made)


def _convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))


ONE_HOT = functional.one_hot(LABELS)

TARGETS = [
    case(
        "labels too large",
        _labels(LABELS * 12),
        IndexError,
        IN_THE_FIRST,
        SHAPES,
        "targets: int64 (4,)",
        "outputs: float32 (4, 2)",
        "2 outputs",
        "0 to 1",
        "0 to 12",
    ),
    case(
        "labels from one on",
        _labels(LABELS + 1),
        IndexError,
        "0 to 1",
        "1 to 2",
        "subtract 1",
    ),
    case("negative labels", _labels(-LABELS), IndexError, "-1 to 0", "0 to 1"),
    case(
        "one output for two classes",
        _labels(LABELS, outputs=1),
        IndexError,
        "1 output",
        "binary_cross_entropy_with_logits",
    ),
    case(
        "labels for floats",
        _labels(LABELS.float()),
        RuntimeError,
        IN_THE_FIRST,
        "targets: float32 (4,)",
        "int64",
        "long()",
    ),
    case("labels of 32 bits", _labels(LABELS.int()), RuntimeError, "int64", "long()"),
    case("truths for labels", _labels(LABELS.bool()), RuntimeError, "int64", "long()"),
    case(
        "a column of labels",
        _labels(LABELS[:, None]),
        RuntimeError,
        "targets: int64 (4, 1)",
        "squeeze(1)",
    ),
    case(
        "one-hot labels",
        _labels(ONE_HOT),
        RuntimeError,
        "targets: int64 (4, 2)",
        "argmax(1)",
    ),
    case(
        "one-hot labels of other classes",
        _labels(functional.one_hot(LABELS, 3).float()),
        RuntimeError,
        "targets: float32 (4, 3)",
        "outputs: float32 (4, 2)",
    ),
    case(
        "fewer labels than inputs",
        lambda folder: batches((X[:4], LABELS[:3])),
        ValueError,
        SHAPES,
        "targets: int64 (3,)",
        "4 examples",
        "3",
    ),
    case("labels as text", lambda folder: batches((X[:4], ["cat"] * 4)), TypeError, "str", "'cat'"),
    case("labels none", lambda folder: batches((X[:4], None)), TypeError, "targets: None"),
    case(
        "labels in a dict",
        lambda folder: batches((X[:4], {"label": LABELS[:4]})),
        TypeError,
        "targets: {'label': int64 (4,)}",
    ),
    case(
        "values beside a column",
        _values(VALUES),
        ValueError,
        IN_THE_FIRST,
        "(4, 1)",
        "(4,)",
        "unsqueeze(-1)",
    ),
    case(
        "a column for several outputs",
        _values(VALUES[:, None], outputs=3),
        ValueError,
        "(4, 3)",
        "(4, 1)",
    ),
    *(
        case(f"values beside a column, {name}", _values(VALUES, loss), ValueError, "(4, 1)", "(4,)")
        for name, loss in (
            ("l1", "l1"),
            ("smooth l1", "smooth_l1"),
            ("huber", "huber"),
            ("binary", "binary_cross_entropy"),
            ("with logits", "binary_cross_entropy_with_logits"),
            ("soft margin", "soft_margin"),
            ("a module", nn.MSELoss()),
            ("another module", nn.L1Loss()),
            ("a function", functional.mse_loss),
        )
    ),
    case(
        "values for another number",
        lambda folder: batches((X[:4], VALUES[:3, None]), of=regression()),
        ValueError,
        "(4, 1)",
        "(3, 1)",
    ),
    case(
        "whole numbers for truths",
        _values(LABELS[:, None], "binary_cross_entropy_with_logits"),
        RuntimeError,
        "float()",
    ),
    case(
        "scores for probabilities",
        _values(LABELS[:, None].float(), lambda p, y: functional.binary_cross_entropy(p + 5, y)),
        RuntimeError,
        "between 0 and 1",
        "binary_cross_entropy_with_logits",
        "sigmoid",
    ),
    case(
        "values that are no numbers",
        _values(VALUES[:, None] * float("nan")),
        UserWarning,
        "'loss'",
        "nan",
        "targets",
        "TerminateOnNaN",
    ),
]

INPUTS = [
    case(
        "features too many",
        _inputs(torch.rand(4, 5), nn.Sequential(nn.ReLU(), nn.Linear(3, 2)), LABELS[:4]),
        RuntimeError,
        IN_THE_FIRST,
        "inputs: float32 (4, 5)",
        "layer '1'",
        "Linear(in_features=3",
    ),
    case(
        "a missing dimension",
        _inputs(X[:, 0], nn.Linear(3, 2)),
        RuntimeError,
        "inputs: float32 (12,)",
        "Linear(in_features=3",
    ),
    case(
        "channels last",
        _inputs(torch.rand(4, 3, 3), _convolution(), LABELS[:4]),
        RuntimeError,
        "inputs: float32 (4, 3, 3)",
        "layer '0'",
        "Conv2d(3, 4",
    ),
    case(
        "grey images",
        _inputs(torch.rand(4, 1, 3, 3), _convolution(), LABELS[:4]),
        RuntimeError,
        "to have 3 channels",
        "layer '0'",
        "inputs: float32 (4, 1, 3, 3)",
    ),
    case(
        "images of another size",
        _inputs(torch.rand(4, 3, 8, 8), _convolution(), LABELS[:4]),
        RuntimeError,
        "layer '3'",
        "Linear(in_features=4",
        "inputs: float32 (4, 3, 8, 8)",
    ),
    case(
        "arrays of numpy",
        _inputs(X.double().numpy(), nn.Linear(3, 2), LABELS.numpy()),
        RuntimeError,
        "inputs: float64 (12, 3)",
        "weights are float32",
        "float()",
        'astype("float32")',
    ),
    case(
        "half precision",
        _inputs(X.half(), nn.Linear(3, 2)),
        RuntimeError,
        "inputs: float16 (12, 3)",
        "weights are float32",
        "precision=",
    ),
    case(
        "whole numbers",
        _inputs((X * 36).long(), nn.Linear(3, 2)),
        RuntimeError,
        "inputs: int64 (12, 3)",
        "float()",
    ),
    case(
        "numbers for words",
        _inputs(X, nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))),
        RuntimeError,
        "inputs: float32 (12, 3)",
        "Embedding(9, 4)",
        "long()",
    ),
    case(
        "words out of range",
        _inputs((X * 36).long(), nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))),
        IndexError,
        "Embedding(9, 4)",
        "0 to 8",
        "0 to 35",
    ),
    case(
        "another device",
        _inputs(X.to("meta"), nn.Linear(3, 2)),
        Exception,
        "inputs: float32 (12, 3) on meta",
        "weights are on cpu",
        "device=",
    ),
    case(
        "targets on another device",
        _inputs(X, nn.Linear(3, 2), LABELS.to("meta")),
        Exception,
        "targets: int64 (12,) on meta",
        "weights are on cpu",
    ),
    case(
        "one input of two",
        _inputs(X, Two()),
        TypeError,
        "'right'",
        "tuple",
        "arguments",
        "inputs: float32 (12, 3)",
    ),
    case(
        "an input too many",
        _inputs((X, X, X), Two()),
        TypeError,
        "inputs: (float32 (12, 3), float32 (12, 3), float32 (12, 3))",
        "arguments",
    ),
    case("text", _inputs(["a", "b"], nn.Linear(3, 2)), TypeError, "inputs: ['a', 'b']", "tensor"),
    case("none", _inputs(None, nn.Linear(3, 2)), TypeError, "inputs: None", "tensor"),
    case(
        "a single example",
        _inputs(X[:1], nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), LABELS[:1]),
        ValueError,
        "BatchNorm1d(3",
        "drop_last",
    ),
    case(
        "numbers that are none",
        lambda folder: fit(X * float("nan")),
        UserWarning,
        "'loss'",
        "nan",
        "inputs",
    ),
]

NETWORKS = [
    case(
        "no result",
        _network(lambda network, x: None),
        TypeError,
        IN_THE_FIRST,
        "outputs: None",
        "return",
    ),
    case(
        "several results",
        _network(lambda network, x: (network.layer(x), x)),
        TypeError,
        "outputs: (float32 (4, 2), float32 (4, 3))",
        "loss function",
    ),
    case(
        "a dict of results",
        _network(lambda network, x: {"logits": network.layer(x)}),
        TypeError,
        "outputs: {'logits': float32 (4, 2)}",
    ),
    case(
        "a mistake in forward",
        _network(lambda network, x: network.layr(x)),
        AttributeError,
        "layr",
        IN_THE_FIRST,
        SHAPES,
    ),
    case("frozen", _half_frozen, RuntimeError, "requires_grad", "frozen"),
    case(
        "without gradients",
        _network(torch.no_grad()(lambda network, x: network.layer(x))),
        RuntimeError,
        "no_grad",
        "detach",
    ),
    case(
        "a graph that is kept",
        _network(_remembering),
        RuntimeError,
        "training batch 2 of epoch 1",
        "detach()",
    ),
    case("changed in place", _network(_in_place), RuntimeError, "detect_anomaly"),
    case("a weight changed in place", _network(_changed_leaf), RuntimeError, "no_grad", "leaf"),
]

LOSSES = [
    case(
        "without reduction",
        _loss(nn.CrossEntropyLoss(reduction="none")),
        ValueError,
        "scalar",
        "(4,)",
        'reduction="none"',
        IN_THE_FIRST,
    ),
    case(
        "a number",
        _loss(lambda p, y: functional.cross_entropy(p, y).item()),
        TypeError,
        "tensor",
        "item()",
    ),
    case("none", _loss(lambda p, y: None), TypeError, "the loss", "tensor", "None"),
    case("a tuple", _loss(lambda p, y: (p.mean(), p.mean())), TypeError, "tensor", "tuple of 2"),
    case(
        "detached",
        _loss(lambda p, y: functional.cross_entropy(p.detach(), y)),
        RuntimeError,
        "detach",
        IN_THE_FIRST,
    ),
    case(
        "reversed",
        _loss(lambda p, y: functional.cross_entropy(y, p)),
        RuntimeError,
        IN_THE_FIRST,
        "outputs: float32 (4, 2)",
        "targets: int64 (4,)",
    ),
    case("of three arguments", _loss(lambda p, y, z: p.mean()), TypeError, "'z'", "prediction and"),
    case("of one argument", _loss(lambda p: p.mean()), TypeError, "prediction and"),
    case(
        "one that is no number",
        _loss(lambda p, y: p.sum() / 0 * 0),
        UserWarning,
        "'loss'",
        "nan",
        "TerminateOnNaN",
    ),
    case(
        "an infinite one",
        lambda folder: fit(batch_size=12, of=model(loss_function=lambda p, y: p.exp().sum() / 0)),
        UserWarning,
        "'loss'",
        "inf",
        "TerminateOnNaN",
    ),
]

METRICS = [
    case("a vector", _metric(lambda p, y: p.mean(1)), ValueError, "'mine'", "(4,)"),
    case("none", _metric(lambda p, y: None), ValueError, "'mine'", "None"),
    case("text", _metric(lambda p, y: "good"), ValueError, "'mine'", "'good'"),
    case(
        "one that is no number",
        _metric(lambda p, y: p.mean() * float("nan")),
        UserWarning,
        "'mine'",
        "NaN",
    ),
    case(
        "one that fails",
        _metric(lambda p, y: p.view(5)),
        RuntimeError,
        IN_THE_FIRST,
        "outputs: float32 (4, 2)",
        "the metric 'mine'",
    ),
    case(
        "of three arguments",
        _metric(lambda p, y, z: p.mean()),
        TypeError,
        "'z'",
        "the metric 'mine'",
    ),
    case(
        "an accuracy of values",
        lambda folder: fit(
            X, VALUES[:, None], of=Model(nn.Linear(3, 1), "sgd", "mse", batch_metrics=["accuracy"])
        ),
        ValueError,
        "accuracy",
        "(4, 1)",
    ),
    case(
        "a metric of labels out of range",
        lambda folder: fit(
            X,
            LABELS * 5,
            of=Model(nn.Linear(3, 2), "sgd", lambda p, y: p.mean(), batch_metrics=["f1"]),
        ),
        IndexError,
        "the label 5",
        "2 classes",
    ),
]

STEPS = [
    case("nothing", _step(lambda own, batch: None), TypeError, "training_step", "None"),
    case(
        "no loss", _step(lambda own, batch: {"los": torch.ones(())}), ValueError, "'loss'", "'los'"
    ),
    case(
        "no gradients",
        _step(lambda own, batch: torch.tensor(1.0)),
        ValueError,
        "without gradients",
        "model.optimize",
    ),
    case(
        "a vector",
        _step(lambda own, batch: own.network(batch[0]).mean(1)),
        ValueError,
        "scalar",
        "(4,)",
        IN_THE_FIRST,
    ),
    case(
        "a mistake in it",
        _step(lambda own, batch: own.network(batch)),
        TypeError,
        IN_THE_FIRST,
        "batch: [float32 (4, 3), int64 (4,)]",
    ),
    case("one argument", _step(lambda batch: None), TypeError, "training_step", "model"),
    case(
        "an unknown optimizer",
        _step(lambda own, batch: own.optimize(own.network(batch[0]).mean(), "generator")),
        KeyError,
        "'generator'",
        "a single one",
    ),
]

PLACES = [
    case(
        "in the second epoch's validation",
        lambda folder: model().fit_generator(
            [(X[:4], LABELS[:4])], [(X[:4], LABELS[:4] + 1)], epochs=2, verbose=False
        ),
        IndexError,
        "validation batch 1 of epoch 1",
        "1 to 2",
    ),
    case(
        "in a test",
        lambda folder: model().evaluate(X, LABELS + 1, batch_size=4, verbose=False),
        IndexError,
        "test batch 1",
        "1 to 2",
    ),
    case(
        "in a prediction",
        lambda folder: model().predict(X[:, :2], batch_size=4, verbose=False),
        RuntimeError,
        "prediction batch 1",
        "inputs: float32 (4, 2)",
    ),
    case(
        "in several batches of a step",
        lambda folder: fit(X, LABELS + 1, batches_per_step=2),
        IndexError,
        IN_THE_FIRST,
        "1 to 2",
    ),
    case(
        "in an optimizer with a closure",
        lambda folder: fit(X, LABELS + 1, of=model(optimizer="lbfgs")),
        IndexError,
        IN_THE_FIRST,
        "1 to 2",
    ),
    case(
        "in a single batch",
        lambda folder: model().train_on_batch(X, LABELS + 1),
        IndexError,
        "1 to 2",
        "inputs: float32 (12, 3)",
    ),
    case(
        "in a test of a single batch",
        lambda folder: model().evaluate_on_batch(X, LABELS + 1),
        IndexError,
        "1 to 2",
    ),
    case(
        "in a prediction of a single batch",
        lambda folder: model().predict_on_batch(X[:, :2]),
        RuntimeError,
        "inputs: float32 (12, 2)",
    ),
]


@each(TARGETS)
def test_targets(case: Case, tmp_path: Path) -> None:
    """Targets that do not fit are shown beside the outputs, with what would fit."""
    require_handled(case, tmp_path)


@each(INPUTS)
def test_inputs(case: Case, tmp_path: Path) -> None:
    """Inputs that do not fit are shown, with the layer that they do not fit."""
    require_handled(case, tmp_path)


@each(NETWORKS)
def test_networks(case: Case, tmp_path: Path) -> None:
    """A network that goes wrong is told of with its batch, and with what usually is the cause."""
    require_handled(case, tmp_path)


@each(LOSSES)
def test_losses(case: Case, tmp_path: Path) -> None:
    """So is a loss."""
    require_handled(case, tmp_path)


@each(METRICS)
def test_metrics(case: Case, tmp_path: Path) -> None:
    """A metric that goes wrong is named."""
    require_handled(case, tmp_path)


@each(STEPS)
def test_steps(case: Case, tmp_path: Path) -> None:
    """So is a training step of one's own."""
    require_handled(case, tmp_path)


@each(PLACES)
def test_places(case: Case, tmp_path: Path) -> None:
    """It is said where it has happened, wherever that is."""
    require_handled(case, tmp_path)
