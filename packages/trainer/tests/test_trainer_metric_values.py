# SPDX-License-Identifier: MIT
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import one_hot

from callbacks_trainer.metrics import (
    Accuracy,
    Agreement,
    BinaryAccuracy,
    BinaryScore,
    ClassScore,
    FunctionalMetric,
    GatheringMetric,
    MeanError,
    MetricSet,
    Perplexity,
    R2Score,
    SummingMetric,
    TopKAccuracy,
)

SCORES = ["f1", "precision", "recall", "jaccard", "specificity"]
AVERAGES = ["macro", "micro", "weighted"]


class Bias(SummingMetric):
    """A metric of one's own, whose count is known without the device."""

    def sums(self, y_pred, y_true):
        return (y_pred - y_true).sum(), y_pred.numel()

    def value(self, error, count):
        return {"bias": error / count, "count": count}


class MedianError(GatheringMetric):
    """A metric of one's own that needs all predictions."""

    def value(self, y_pred, y_true):
        return (y_pred - y_true).abs().median()


OF_CLASSES = [
    Accuracy(),
    TopKAccuracy(2),
    Perplexity(),
    *(ClassScore(score, average=average) for score in SCORES for average in AVERAGES),
    Agreement("cohen_kappa"),
    Agreement("matthews_corrcoef"),
]
OF_NUMBERS = [
    Bias(),
    MedianError(),
    BinaryAccuracy(),
    *(BinaryScore(score) for score in SCORES),
    *(MeanError(kind) for kind in ("mae", "mse", "rmse", "mape")),
    R2Score(),
    FunctionalMetric("pearson_corrcoef"),
]


def name_of(metric):
    return f"{type(metric).__name__}-{getattr(metric, '__name__', '')}"


def classes(size, seed, *shape):
    """Return scores of four classes and labels of three of them, some of which do not count."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(size, 4, *shape, generator=generator)
    labels = torch.randint(0, 3, (size, *shape), generator=generator)
    ignored = torch.rand(size, *shape, generator=generator) < 0.2
    return scores, labels.where(~ignored, -100)


def numbers(size, seed):
    """Return predictions and truths, of which about half are above zero."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(size, generator=generator)
    return truth + torch.randn(size, generator=generator), truth


def split_value(metric, y_pred, y_true, sizes):
    metric.reset()
    for parts in zip(y_pred.split(sizes), y_true.split(sizes), strict=True):
        metric.update(*parts)
    return metric.compute()


def numbers_of(result):
    return [float(value) for value in (result.values() if isinstance(result, dict) else [result])]


def same(one, other):
    return numbers_of(one) == pytest.approx(numbers_of(other), rel=1e-5, abs=1e-6, nan_ok=True)


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@pytest.mark.parametrize("metric", OF_CLASSES, ids=name_of)
@settings(max_examples=15)
@given(sizes=SIZES, seed=st.integers(0, 1000), shape=st.sampled_from([(), (3,), (2, 2)]))
def test_classes_however_the_epoch_is_cut(metric, sizes, seed, shape):
    """The value of an epoch is that of one batch as big as it, whatever counts in each batch."""
    y_pred, y_true = classes(sum(sizes), seed, *shape)
    assert same(split_value(metric, y_pred, y_true, sizes), metric.forward(y_pred, y_true))


@pytest.mark.parametrize("metric", OF_NUMBERS, ids=name_of)
@settings(max_examples=15)
@given(sizes=SIZES, seed=st.integers(0, 1000))
def test_numbers_however_the_epoch_is_cut(metric, sizes, seed):
    """The value of an epoch is that of one batch as big as it."""
    y_pred, y_true = numbers(sum(sizes) + 1, seed)  # one alone has no correlation
    found = split_value(metric, y_pred, y_true, [*sizes, 1])
    assert same(found, metric.forward(y_pred, y_true))


def test_many_batches(monkeypatch):
    """What waits to be added up is added up now and then, which changes nothing."""
    y_pred, y_true = classes(1000, 0)
    metric = ClassScore()
    found = split_value(metric, y_pred, y_true, 1)
    assert len(metric.state_dict()["waiting"]) < 128
    assert same(found, metric.forward(y_pred, y_true))
    many = ClassScore()
    for _ in range(3):  # so many classes that each batch is added up soon
        many.update(torch.zeros(1, 200_000), torch.zeros(1, dtype=torch.int64))
    assert len(many.state_dict()["waiting"]) < 3
    assert many.compute().item() == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("score", SCORES)
def test_scores_of_classes_are_those_of_torchmetrics(score, average, seed):
    """With a class that never occurs, and with labels that do not count."""
    from torchmetrics import functional

    y_pred, y_true = classes(30, seed, 2)
    name = {"f1": "f1_score", "jaccard": "jaccard_index"}.get(score, score)
    expected = getattr(functional, name)(
        y_pred, y_true, task="multiclass", num_classes=4, average=average, ignore_index=-100
    )
    found = ClassScore(score, average=average).forward(y_pred, y_true)
    assert found.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("kind", ["cohen_kappa", "matthews_corrcoef"])
def test_agreement_is_that_of_torchmetrics(kind):
    """Cohen's kappa and Matthews' correlation, of several classes."""
    from torchmetrics import functional

    y_pred, y_true = classes(50, 0)
    expected = getattr(functional, kind)(
        y_pred, y_true, task="multiclass", num_classes=4, ignore_index=-100
    )
    found = Agreement(kind).forward(y_pred, y_true)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("score", SCORES)
def test_binary_scores_are_those_of_torchmetrics(score):
    """Scores are logits: above zero is yes; a truth may be a float, as the loss wants it."""
    from torchmetrics import functional

    y_pred, y_true = numbers(50, 0)
    name = {"f1": "f1_score", "jaccard": "jaccard_index"}.get(score, score)
    expected = getattr(functional, name)(y_pred.sigmoid(), (y_true > 0).long(), task="binary")
    found = BinaryScore(score).forward(y_pred, (y_true > 0).float())
    assert found.item() == pytest.approx(expected.item())
    probable = BinaryScore(score, threshold=0.5).forward(y_pred.sigmoid(), y_true > 0)
    assert probable.item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (MeanError("mae"), "mean_absolute_error"),
        (MeanError("mse"), "mean_squared_error"),
        (MeanError("mape"), "mean_absolute_percentage_error"),
        (R2Score(), "r2_score"),
    ],
)
@pytest.mark.parametrize("shape", [(20,), (10, 2)])
def test_errors_are_those_of_torchmetrics(metric, name, shape):
    """Errors of one output and of two."""
    from torchmetrics import functional

    y_pred, y_true = (part.reshape(shape) for part in numbers(20, 0))
    expected = getattr(functional, name)(y_pred, y_true)
    assert metric.forward(y_pred, y_true).item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_root_is_taken_of_the_mean():
    """The root of the mean over the epoch is not the mean of the batches' roots."""
    metric, zero = MeanError("rmse"), torch.zeros(1)
    for error in (1.0, 7.0):
        assert metric.forward(torch.tensor([error]), zero).item() == error
    assert metric.compute().item() == 5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_added_up_in_more(dtype):
    """Sums that half precision could not hold, or would swallow, are right."""
    y_pred = torch.full((5000,), 3, dtype=dtype)
    metric = MeanError("mse")
    metric.update(y_pred, torch.zeros(5000))
    assert metric.compute().item() == 9


def test_perplexity_is_that_of_torchmetrics():
    """Tokens have their scores in the second dimension here, and in the last one there."""
    from torchmetrics.functional.text import perplexity

    y_pred, y_true = classes(6, 0, 5)
    expected = perplexity(y_pred.movedim(1, -1), y_true, ignore_index=-100)
    assert Perplexity().forward(y_pred, y_true).item() == pytest.approx(expected.item())


def test_the_first_k():
    """An answer is right if it is among the k with the highest scores."""
    y_pred = torch.tensor([[4.0, 3, 2, 1]] * 4)
    y_true = torch.tensor([0, 1, 2, 3])
    found = [TopKAccuracy(k).forward(y_pred, y_true).item() for k in (1, 2, 3, 4)]
    assert found == [25, 50, 75, 100]
    assert TopKAccuracy(1, ignore_index=0).forward(y_pred, y_true).item() == 0


@pytest.mark.parametrize("accuracy", ["accuracy", Accuracy()])
def test_a_batch_weighs_as_much_as_counts_in_it(accuracy):
    """With labels that do not count, an average over examples would be another number."""
    metrics = MetricSet([accuracy])
    right = one_hot(torch.tensor([0, 1, 0, 1])).float()
    first = metrics.update(right, torch.tensor([0, -100, -100, -100]))
    second = metrics.update(right, torch.tensor([1, 0, 1, -100]))
    nothing = metrics.update(right, torch.tensor([-100] * 4))
    assert [first["accuracy"], second["accuracy"]] == [100, 0]
    assert math.isnan(nothing["accuracy"])
    assert metrics.compute()["accuracy"] == 25


@pytest.mark.parametrize(
    "metric", [metric for metric in OF_CLASSES if not isinstance(metric, Perplexity)], ids=name_of
)
def test_nothing_that_counts_is_nan(metric):
    """A score of nothing is no number, and never zero."""
    metric.reset()
    assert math.isnan(metric.compute())
    nothing = metric.forward(torch.randn(3, 4), torch.full((3,), -100))
    assert nothing.isnan()


@pytest.mark.parametrize(
    ("shapes", "task"),
    [
        (((40,), (40,)), {"task": "binary"}),
        (((40, 1), (40, 1)), {"task": "binary"}),
        (((40, 1), (40,)), {"task": "binary"}),
        (((40, 3), (40,)), {"task": "multiclass", "num_classes": 3}),
        (((10, 3, 4), (10, 4)), {"task": "multiclass", "num_classes": 3}),
        (((20, 2), (20, 2)), {"task": "multilabel", "num_labels": 2}),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["auroc", "average_precision"])
def test_areas_under_curves(name, shapes, task):
    """What is asked is told by the shapes, and the value is torchmetrics' over the epoch."""
    from torchmetrics import functional

    generator = torch.Generator().manual_seed(0)
    y_pred = torch.randn(shapes[0], generator=generator) / 4 + 0.4  # some batches look probable
    high = task.get("num_classes", 2)
    y_true = torch.randint(0, high, shapes[1], generator=generator)
    flat = (y_pred.flatten(), y_true.flatten()) if task["task"] == "binary" else (y_pred, y_true)
    expected = getattr(functional, name)(*flat, **task)
    found = split_value(FunctionalMetric(name), y_pred, y_true, 5)
    assert found.item() == pytest.approx(expected.item())


def test_functions_of_torchmetrics_are_there():
    """Each name that is handed on to torchmetrics is one of its functions."""
    from callbacks_trainer.metrics._functional import CLASSIFICATION, REGRESSION

    for name in (*CLASSIFICATION, *REGRESSION):
        y_pred, y_true = numbers(30, 0)
        y_true = (y_true > 0).long() if name in CLASSIFICATION else y_true.abs()
        if name not in CLASSIFICATION:
            y_pred = y_pred.abs()
        value = FunctionalMetric(name).forward(y_pred, y_true)
        assert value.isfinite()


def test_predictions_keep_no_history():
    """A metric that is used by itself holds no graph of the network, either."""
    y_pred, y_true = numbers(4, 0)
    y_pred.requires_grad_()
    for metric in (MeanError("mse"), MedianError()):
        metric.update(y_pred * 2, y_true)
        assert not metric.compute().requires_grad


def test_a_fresh_metric_copies_no_predictions():
    """What was added up is not copied to be forgotten; what one was made with is kept."""

    class Huge(torch.Tensor):
        def __deepcopy__(self, memo):
            pytest.fail("predictions were copied")

    huge = torch.ones(3).as_subclass(Huge)
    metrics = MetricSet(epoch_metrics=[MedianError(), MeanError("mae")])
    metrics.update(huge, huge)
    other = metrics.fresh()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(math.isnan(value) for value in other.compute().values())
    other.update(torch.ones(2), torch.zeros(2))
    assert [float(value) for value in other.compute().values()] == [1, 1]
    assert [float(value) for value in metrics.compute().values()] == [0, 0]
