# SPDX-License-Identifier: MIT
"""What a new user gets wrong in a call of `fit`, `evaluate` or `predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data import TensorDataset as TorchDataset

from callboard import Callback, CSVLogger, EarlyStopping, TensorDataset, find_batch_size

from ._case import LABELS, Case, X, batches, case, classifier, each, fit, model, require_handled

PAIR = X[:4], LABELS[:4]


def _fit(*data: Any, **options: Any) -> Callable[[Path], object]:
    options = {"epochs": 1, "verbose": False} | options
    return lambda folder: model().fit(*data, **options)


def _fitting(**options: Any) -> Callable[[Path], object]:
    return lambda folder: fit(**options)


def _loader(*several: Any, **options: Any) -> Callable[[Path], object]:
    return lambda folder: batches(*several, **options)


def _given(method: str, *data: Any, **options: Any) -> Callable[[Path], object]:
    return lambda folder: getattr(model(), method)(*data, verbose=False, **options)


def _dataset() -> Dataset[Any]:
    return TorchDataset(X, LABELS)


def _data_loader() -> DataLoader[Any]:
    return DataLoader(_dataset(), 4)


def _generator() -> Iterator[tuple[Tensor, Tensor]]:
    yield PAIR
    yield PAIR


class Examples(Dataset[Any]):
    """A dataset whose examples are what they are."""

    def __init__(self, *examples: Any) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        return self.examples[index]


class Broken(Examples):
    """A dataset of files, one of which is not there."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def __getitem__(self, index: int) -> Any:
        raise FileNotFoundError("cat.png")


class Stopped(Callback):
    """A callback that is fine."""


DATA = [
    case("no targets", _fit(X), TypeError, "'y'"),
    case("targets none", _fit(X, None), TypeError, "`y`", "None"),
    case("inputs none", _fit(None, LABELS), TypeError, "`x`", "None"),
    case("lengths that differ", _fit(X, LABELS[:10]), ValueError, "x: 12", "y: 10"),
    case("lengths of several inputs", _fit((X, X[:5]), LABELS), ValueError, "x[1]: 5", "y: 12"),
    case(
        "lengths in the validation",
        _fit(X, LABELS, (X, LABELS[:3])),
        ValueError,
        "`validation_data`",
        "12",
        "3",
    ),
    case("a list of numbers", _fit(X, LABELS.tolist()), TypeError, "`y`", "[0, 1", "tensor"),
    case("text", _fit("data.csv", LABELS), TypeError, "`x`", "'data.csv'"),
    case(
        "a dict of tensors",
        _fit({"x": X}, LABELS),
        TypeError,
        "`x`",
        "dict",
        "fit_dataset",
    ),
    case("no examples", _fit(X[:0], LABELS[:0]), ValueError, "no example", "empty"),
    case("a scalar", _fit(torch.tensor(1.0), LABELS), TypeError, "`x`", "dimension"),
    case("a loader alone", _fit(_data_loader()), TypeError, "'y'"),
    case("loaders", _fit(_data_loader(), _data_loader()), TypeError, "`x`", "fit_generator"),
    case("datasets", _fit(_dataset(), _dataset()), TypeError, "`x`", "fit_dataset"),
    case(
        "a part for validation",
        _fit(X, LABELS, 0.2),
        TypeError,
        "`validation_data`",
        "pair",
        "0.2",
    ),
    case("epochs third", _fit(X, LABELS, 5), TypeError, "`validation_data`", "5", "epochs="),
    case(
        "validation inputs alone",
        _fit(X, LABELS, X),
        TypeError,
        "`validation_data`",
        "pair",
        "(12, 3)",
    ),
    case("validation of one", _fit(X, LABELS, (X,)), TypeError, "`validation_data`", "pair"),
    case(
        "validation of three",
        _fit(X, LABELS, (X, LABELS, X)),
        TypeError,
        "`validation_data`",
        "pair",
        "3",
    ),
    case(
        "validation loader",
        _fit(X, LABELS, _data_loader()),
        TypeError,
        "`validation_data`",
        "pair",
        "DataLoader",
    ),
    case("validation in two", _fit(X, LABELS, X, LABELS), TypeError, "positional arguments"),
    case("empty validation", _fit(X, LABELS, (X[:0], LABELS[:0])), ValueError, "no example"),
    case("a test without targets", _given("evaluate", X), TypeError, "'y'"),
    case("a test of nothing", _given("evaluate", X[:0], LABELS[:0]), ValueError, "`x` is empty"),
    case("a prediction of nothing", _given("predict", X[:0]), ValueError, "empty"),
    case("a prediction of none", _given("predict", None), TypeError, "`x`", "None"),
    case(
        "a prediction of a loader",
        _given("predict", _data_loader()),
        TypeError,
        "predict_generator",
    ),
    case(
        "a test of a loader",
        _given("evaluate", _data_loader(), None),
        TypeError,
        "evaluate_generator",
    ),
    case(
        "a prediction with targets",
        _given("predict", X, LABELS),
        TypeError,
        "positional arguments",
    ),
    case("nothing at all", lambda folder: TensorDataset(), ValueError, "at least one tensor"),
]

LOADERS = [
    case(
        "tensors as loaders",
        _given("fit_generator", X, LABELS, epochs=1),
        TypeError,
        "`train_generator`",
        "(12, 3)",
        "fit(x, y)",
    ),
    case(
        "arrays as loaders",
        _given("fit_generator", X.numpy(), LABELS.numpy(), epochs=1),
        TypeError,
        "`train_generator`",
        "fit(x, y)",
    ),
    case(
        "a tensor to validate with",
        _given("fit_generator", [PAIR], X, epochs=1),
        TypeError,
        "`valid_generator`",
        "(12, 3)",
    ),
    case(
        "a pair of tensors",
        _given("fit_generator", PAIR, epochs=1),
        TypeError,
        "`train_generator`",
        "[(x, y)]",
    ),
    case(
        "a dataset as a loader",
        _given("fit_generator", _dataset(), epochs=1),
        TypeError,
        "`train_generator`",
        "fit_dataset",
    ),
    case(
        "a dataset to evaluate",
        _given("evaluate_generator", TensorDataset(X, LABELS)),
        TypeError,
        "`generator`",
        "evaluate_dataset",
    ),
    case(
        "tensors to predict",
        _given("predict_generator", X),
        TypeError,
        "`generator`",
        "predict(x)",
    ),
    case(
        "a function",
        _given("fit_generator", _generator),
        TypeError,
        "function _generator",
        "call it",
    ),
    case("a number", _given("fit_generator", 3), TypeError, "`train_generator`", "3"),
    case("none", _given("fit_generator", None), TypeError, "`train_generator`", "None"),
    case(
        "a loader as a dataset",
        _given("fit_dataset", _data_loader(), epochs=1),
        TypeError,
        "`train_dataset`",
        "fit_generator",
    ),
    case(
        "tensors as datasets",
        _given("fit_dataset", X, LABELS, epochs=1),
        TypeError,
        "`train_dataset`",
        "fit(x, y)",
    ),
    case(
        "a loader to validate with",
        _given("fit_dataset", _dataset(), _data_loader(), epochs=1),
        TypeError,
        "`valid_dataset`",
        "DataLoader",
    ),
    case("an empty dataset", _given("fit_dataset", Examples()), ValueError, "no example", "empty"),
    case(
        "an empty one to validate with",
        _given("fit_dataset", _dataset(), Examples(), epochs=1),
        ValueError,
        "`valid_dataset`",
        "no example",
    ),
    case("an empty loader", _loader(), ValueError, "training loader", "no batch"),
    case(
        "fewer examples than a batch",
        _fitting(batch_size=32, dataloader_kwargs={"drop_last": True}),
        ValueError,
        "drop_last=True",
    ),
    case(
        "a generator for two epochs",
        _given("fit_generator", _generator(), epochs=2),
        ValueError,
        "epoch 2",
        "DataLoader",
    ),
    case(
        "a generator that runs dry",
        _given("fit_generator", _generator(), epochs=1, steps_per_epoch=5),
        ValueError,
        "ran dry after 2 of 5",
    ),
    case(
        "three things",
        _loader((X, LABELS, X)),
        TypeError,
        "pair",
        "a tuple of 3",
        "training batch 1",
        "training_step",
    ),
    case("inputs alone", _loader(X), TypeError, "pair", "(12, 3)", "training batch 1"),
    case("none in a loader", _loader(None), TypeError, "pair", "NoneType"),
    case(
        "dicts",
        _loader({"x": X, "y": LABELS}),
        TypeError,
        "pair",
        "dict",
        "'x': float32",
        "training_step",
    ),
    case("a later one", _loader(PAIR, PAIR, X), TypeError, "pair", "training batch 3 of epoch 1"),
    case(
        "pairs to predict",
        _given("predict_generator", [PAIR]),
        TypeError,
        "prediction batch 1",
        "has_ground_truth=True",
    ),
    case(
        "a dataset of pairs to predict",
        _given("predict_dataset", _dataset()),
        TypeError,
        "has_ground_truth=True",
    ),
    case(
        "truths that are not there",
        _given("predict_generator", [X], return_ground_truth=True),
        TypeError,
        "pair",
        "prediction batch 1",
    ),
    case(
        "examples of different shapes",
        _given("fit_dataset", Examples((X[0], 0), (X[0, :2], 1)), epochs=1),
        RuntimeError,
        "training batch 1 of epoch 1",
        "collate_fn",
    ),
    case(
        "examples that are none",
        _given("fit_dataset", Examples((None, 0), (None, 1)), epochs=1),
        TypeError,
        "training batch 1 of epoch 1",
        "collate_fn",
    ),
    case(
        "an example that cannot be loaded",
        _given("fit_dataset", Broken(), epochs=1),
        FileNotFoundError,
        "cat.png",
        "training batch 1 of epoch 1",
    ),
]


OPTIONS = [
    case("epochs as text", _fitting(epochs="5"), TypeError, "`epochs`", "'5'"),
    case("epochs in parts", _fitting(epochs=2.5), TypeError, "`epochs`", "2.5"),
    case("no epochs", _fitting(epochs=None), TypeError, "`epochs`", "None"),
    case("negative epochs", _fitting(epochs=-1), ValueError, "`epochs`", "-1"),
    case("epochs misspelt", _fitting(epoch=3), TypeError, "'epoch'", "mean 'epochs'"),
    case("callback", _fitting(callback=[Stopped()]), TypeError, "mean 'callbacks'"),
    case(
        "an option of another library",
        _fitting(validation_split=0.2),
        TypeError,
        "'validation_split'",
        "fit()",
    ),
    case(
        "epochs below the first one",
        _fitting(epochs=3, initial_epoch=6),
        ValueError,
        "`epochs`",
        "last epoch",
        "3",
        "6",
        "epochs=8",
    ),
    case("an epoch before the first", _fitting(initial_epoch=0), ValueError, "at least 1", "0"),
    case("a first epoch as text", _fitting(initial_epoch="1"), TypeError, "`initial_epoch`", "'1'"),
    case("no steps", _fitting(steps_per_epoch=0), ValueError, "`steps_per_epoch`", "0"),
    case("negative steps", _fitting(steps_per_epoch=-3), ValueError, "`steps_per_epoch`", "-3"),
    case("steps as text", _fitting(steps_per_epoch="3"), TypeError, "`steps_per_epoch`", "'3'"),
    case("half steps", _fitting(steps_per_epoch=12 / 4), TypeError, "`steps_per_epoch`", "3.0"),
    case("validation steps", _fitting(validation_steps=0), ValueError, "`validation_steps`", "0"),
    case("accumulating none", _fitting(batches_per_step=0), ValueError, "`batches_per_step`", "0"),
    case("accumulating text", _fitting(batches_per_step="2"), TypeError, "`batches_per_step`"),
    case("test steps", _given("evaluate", X, LABELS, steps=0), ValueError, "`steps`", "0"),
    case("steps to predict", _given("predict", X, steps="2"), TypeError, "`steps`", "'2'"),
    case("a batch of none", _fitting(batch_size=0), ValueError, "`batch_size`", "0"),
    case("a negative batch", _fitting(batch_size=-4), ValueError, "`batch_size`", "-4"),
    case("a batch as text", _fitting(batch_size="32"), TypeError, "`batch_size`", "'32'"),
    case("a batch in parts", _fitting(batch_size=2.5), TypeError, "`batch_size`", "2.5"),
    case("batch size misspelt", _fitting(batchsize=4), TypeError, "mean 'batch_size'"),
    case(
        "workers as text",
        _given("fit_dataset", _dataset(), epochs=1, num_workers="2"),
        TypeError,
        "`num_workers`",
        "'2'",
    ),
    case(
        "negative workers",
        _given("fit_dataset", _dataset(), epochs=1, num_workers=-1),
        ValueError,
        "`num_workers`",
        "-1",
    ),
    case(
        "an argument of the loader misspelt",
        _fitting(dataloader_kwargs={"drop_lsat": True}),
        TypeError,
        "`dataloader_kwargs`",
        "'drop_lsat'",
        "mean 'drop_last'",
    ),
    case(
        "arguments of the loader in a list",
        _fitting(dataloader_kwargs=["shuffle"]),
        TypeError,
        "`dataloader_kwargs`",
        "mapping",
        "['shuffle']",
    ),
    case(
        "to collate with a number",
        _given("fit_dataset", _dataset(), epochs=1, collate_fn=3),
        TypeError,
        "`collate_fn`",
        "3",
    ),
    case("a limit of none", _fitting(limit_batches=0), ValueError, "`limit_batches`", "0"),
    case("a limit beyond one", _fitting(limit_batches=1.5), ValueError, "`limit_batches`", "1.5"),
    case("a limit as text", _fitting(limit_batches="3"), TypeError, "`limit_batches`", "'3'"),
    case("to overfit none", _fitting(overfit_batches=0), ValueError, "`overfit_batches`", "0"),
    case("a fast run of -1", _fitting(fast_dev_run=-1), ValueError, "`fast_dev_run`", "-1"),
    case("a fast run as text", _fitting(fast_dev_run="yes"), TypeError, "`fast_dev_run`", "'yes'"),
    case(
        "progress misspelt",
        _fitting(verbose=True, progress_options={"colouring": False}),
        TypeError,
        "`progress_options`",
        "'colouring'",
        "mean 'coloring'",
    ),
    case(
        "progress in a list",
        _fitting(verbose=True, progress_options=["coloring"]),
        TypeError,
        "`progress_options`",
        "mapping",
    ),
    case(
        "a colour misspelt",
        _fitting(verbose=True, progress_options={"coloring": {"text_colour": "RED"}}),
        ValueError,
        "'text_colour'",
        "'text_color'",
    ),
    case(
        "what to return misspelt",
        _given("evaluate", X, LABELS, return_preds=True),
        TypeError,
        "'return_preds'",
        "mean 'return_pred'",
    ),
    case(
        "what to return of a prediction",
        _given("predict", X, return_dict_format=True),
        TypeError,
        "'return_dict_format'",
        "predict()",
    ),
    case(
        "a batch size to begin with",
        lambda folder: find_batch_size(model(), _dataset(), start=0),
        ValueError,
        "`start`",
        "0",
    ),
    case(
        "a batch size of no dataset",
        lambda folder: find_batch_size(model(), X),  # type: ignore[arg-type]  # the mistake
        TypeError,
        "dataset",
    ),
    case(
        "a batch without targets",
        lambda folder: model().train_on_batch(X),  # type: ignore[call-arg]  # the mistake
        TypeError,
        "'y'",
    ),
    case(
        "a batch for a step of one's own",
        lambda folder: model(training_step=lambda own, batch: None).train_on_batch(*PAIR),
        ValueError,
        "training step",
        "fit_generator([batch]",
    ),
]

CALLBACKS = [
    case("a class", _fitting(callbacks=[EarlyStopping]), TypeError, "EarlyStopping", "instance"),
    case("a class by itself", _fitting(callbacks=CSVLogger), TypeError, "CSVLogger", "(...)"),
    case("none in the list", _fitting(callbacks=[None]), TypeError, "callbacks[0]", "None"),
    case("a name", _fitting(callbacks="EarlyStopping"), TypeError, "`callbacks`", "EarlyStopping"),
    case("a name in a list", _fitting(callbacks=["csv"]), TypeError, "callbacks[0]", "'csv'"),
    case("a list in a list", _fitting(callbacks=[[Stopped()]]), TypeError, "callbacks[0]", "list"),
    case(
        "a dict",
        _fitting(callbacks={"stop": Stopped()}),
        TypeError,
        "`callbacks`",
        "{'stop'",
    ),
    case(
        "a function",
        _fitting(callbacks=[lambda epoch, logs: None]),
        TypeError,
        "callbacks[0]",
        "LambdaCallback",
    ),
    case("a number", _fitting(callbacks=3), TypeError, "`callbacks`", "3"),
    case(
        "a schedule of torch",
        _fitting(
            callbacks=[
                torch.optim.lr_scheduler.ExponentialLR(
                    torch.optim.SGD(classifier().parameters()), 0.9
                )
            ]
        ),
        TypeError,
        "callbacks[0]",
        "ExponentialLR",
    ),
    case("a model", _fitting(callbacks=[model()]), TypeError, "callbacks[0]", "Model"),
    case("before a training", lambda folder: Stopped().model, AttributeError, "Stopped", "model"),
]


@each(DATA)
def test_data(case: Case, tmp_path: Path) -> None:
    """Data that cannot be trained with are refused before the first batch."""
    require_handled(case, tmp_path)


@each(LOADERS)
def test_loaders(case: Case, tmp_path: Path) -> None:
    """What is no loader is refused; what a loader yields is named by its number."""
    require_handled(case, tmp_path)


@each(OPTIONS)
def test_options(case: Case, tmp_path: Path) -> None:
    """An option that is wrong is refused before the first batch."""
    require_handled(case, tmp_path)


@each(CALLBACKS)
def test_callbacks(case: Case, tmp_path: Path) -> None:
    """What is no callback is refused before the first batch."""
    require_handled(case, tmp_path)
