# SPDX-License-Identifier: MIT
import re
import subprocess
import sys
from functools import partial

import pytest
import torch

from callbacks_trainer import accuracy
from callbacks_trainer.metrics import (
    Accuracy,
    Agreement,
    BinaryAccuracy,
    BinaryScore,
    ClassScore,
    FunctionalMetric,
    MeanError,
    MetricSet,
    Perplexity,
    R2Score,
    TopKAccuracy,
)
from callbacks_trainer.metrics._named import _ALIASES, NAMED, named_metric

LOGGED = {
    "acc": "acc",
    "accuracy": "accuracy",
    "bin_acc": "bin_acc",
    "binary_accuracy": "binary_accuracy",
    "f1": "fscore_macro",
    "fscore": "fscore_macro",
    "f1_micro": "fscore_micro",
    "f1-weighted": "fscore_weighted",
    "f1_score": "fscore_macro",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "recall_micro": "recall_micro",
    "iou": "jaccard_macro",
    "specificity": "specificity_macro",
    "bin_f1": "bin_fscore",
    "binary_f1": "bin_fscore",
    "binary_precision": "bin_precision",
    "bin_recall": "bin_recall",
    "topk": "topk",
    "top1": "top1",
    "top5": "top5",
    "top_10_accuracy": "top_10_accuracy",
    "auroc": "auroc",
    "roc_auc": "roc_auc",
    "average_precision": "average_precision",
    "mae": "mae",
    "mean_squared_error": "mean_squared_error",
    "rmse": "rmse",
    "r2": "r2",
    "r2_score": "r2_score",
    "perplexity": "perplexity",
    "mcc": "mcc",
    "kappa": "kappa",
    "pearson": "pearson",
}
SCORED = torch.randn(6, 10), torch.arange(6)
REAL = torch.tensor([1.0, 2, 4]), torch.tensor([1.0, 3, 3])


@pytest.mark.parametrize(("name", "logged"), LOGGED.items())
@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
def test_names_in_the_logs(argument, name, logged):
    """A metric is logged by the name it was asked for; scores of classes tell their average."""
    assert MetricSet(**{argument: [name]}).names == [logged]


def test_a_name_of_ones_own_goes_first():
    """``(name, "f1")`` is logged by that name."""
    assert MetricSet([("score", "f1"), "f1", "f1"]).names == [
        "score",
        "fscore_macro1",
        "fscore_macro2",
    ]


@pytest.mark.parametrize("name", [*NAMED, *_ALIASES, "top3"])
@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
def test_every_name_is_a_metric(argument, name):
    """Whatever can be asked for by name has a value for a batch that fits it."""
    metrics = MetricSet(**{argument: [name]})
    _, metric = named_metric(name)
    of_numbers = isinstance(metric, BinaryScore | BinaryAccuracy | MeanError | R2Score)
    if isinstance(metric, FunctionalMetric):
        of_numbers = metric.function not in ("auroc", "average_precision", "calibration_error")
    batch = REAL if of_numbers else SCORED
    if isinstance(metric, FunctionalMetric) and not of_numbers:
        batch = torch.tensor([0.3, 0.6, 0.8]), torch.tensor([0, 1, 0])
    metrics.update(*batch)
    [(logged, value)] = metrics.compute().items()
    assert logged == metrics.names[0]
    assert torch.isfinite(value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("accuracy", Accuracy),
        ("kappa", Agreement),
        ("f1", ClassScore),
        ("bin_f1", BinaryScore),
        ("auroc", FunctionalMetric),
        ("mse", MeanError),
        ("perplexity", Perplexity),
        ("top5", TopKAccuracy),
    ],
)
def test_a_name_makes_a_metric_for_each_set(name, kind):
    """Two models share no metric, though they ask for the same name."""
    one, other = (named_metric(name)[1] for _ in range(2))
    assert type(one) is type(other) is kind
    assert one is not other


def test_only_accuracies_are_in_percent():
    """Right answers are in percent, and nothing else."""
    y_pred, y_true = torch.eye(3), torch.arange(3)
    names = ["accuracy", "top1", "f1", "precision", "recall", "mcc", "kappa"]
    found = {name: float(value) for name, value in MetricSet(names).update(y_pred, y_true).items()}
    assert list(found.values()) == pytest.approx([100, 100, 1, 1, 1, 1, 1])
    yes = torch.ones(3)
    found = MetricSet(["bin_acc", "bin_f1"]).update(yes, yes)
    assert [float(value) for value in found.values()] == [100, 1]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("acuracy", "accuracy"),
        ("f1_makro", "f1_macro"),
        ("precison", "precision"),
        ("binary_accurcy", "binary_accuracy"),
        ("pearsn", "pearson"),
        ("topp5", "top5"),
        ("perplexty", "perplexity"),
        ("mean_square_error", "mean_squared_error"),
    ],
)
def test_a_misspelt_name(name, near):
    """The error names the nearest name there is."""
    with pytest.raises(ValueError, match=f"no metric {name!r}; did you mean '{near}'"):
        MetricSet([name])


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: TopKAccuracy(0), ValueError, "`k` must be at least 1, not 0"),
        (lambda: TopKAccuracy("5"), TypeError, "`k` must be a whole number, not '5'"),
        (lambda: MetricSet(["top0"]), ValueError, "`k` must be at least 1"),
        (lambda: ClassScore("f11"), ValueError, "`score` must be one of .*did you mean 'f1'"),
        (lambda: ClassScore(average="makro"), ValueError, "did you mean 'macro'"),
        (lambda: BinaryScore("recal"), ValueError, "did you mean 'recall'"),
        (lambda: Agreement("kappa"), ValueError, "did you mean 'cohen_kappa'"),
        (lambda: MeanError("rms"), ValueError, "did you mean 'rmse'"),
        (lambda: FunctionalMetric("aurok"), ValueError, "did you mean 'auroc'"),
    ],
)
def test_a_wrong_setting(make, kind, message):
    """What is wrong is told when the metric is made."""
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("name", ["accuracy", "top2", "f1", "kappa", "mcc", "perplexity", "auroc"])
@pytest.mark.parametrize("label", [3, 7, -1])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_a_label_out_of_range(name, label, dtype):
    """The error shows the label and the classes that there are."""
    metrics = MetricSet([name])
    y_true = torch.tensor([0, label, -100, 2], dtype=dtype)
    with pytest.raises(IndexError, match=rf"the label {label}, .* 3 classes, 0 to 2; .*ignore"):
        metrics.update(torch.randn(4, 3), y_true)


@pytest.mark.parametrize("metric", [ClassScore(), Agreement()])
def test_a_label_that_nobody_looked_at(metric):
    """Where a look would have to wait for the device, the score of the epoch is NaN."""
    metric.reset()
    sums = metric.sums(torch.randn(4, 3), torch.tensor([0, 1, 2, 0]))
    assert metric.value(*sums).isfinite()
    assert metric.value(sums[0], torch.tensor(1)).isnan()


@pytest.mark.gpu
@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_on_a_gpu(label):
    """Nothing is written where it does not belong, and the score of the epoch is NaN."""
    metrics = MetricSet(["f1", "mcc"])
    metrics.update(torch.randn(4, 3).cuda(), torch.tensor([0, label, -100, 2]).cuda())
    assert all(value.isnan() for value in metrics.compute().values())


@pytest.mark.parametrize("name", ["accuracy", "top1", "f1", "mcc", "perplexity"])
@pytest.mark.parametrize(("scores", "labels"), [((4, 3), (3,)), ((4, 3), (4, 3)), ((4,), (4,))])
def test_scores_and_labels_that_do_not_fit(name, scores, labels):
    """The error shows both shapes."""
    with pytest.raises(ValueError, match=re.escape(f"not {scores} and {labels}")):
        MetricSet([name]).update(torch.zeros(scores), torch.zeros(labels, dtype=torch.int64))


@pytest.mark.parametrize("name", ["accuracy", "f1"])
@pytest.mark.parametrize(
    ("scores", "labels", "hint"),
    [
        ((4,), (4,), "; for one score an example there is 'binary_{name}'"),
        ((4, 1), (4, 1), "; for one score an example there is 'binary_{name}'"),
        ((4, 3), (4, 1), "; take the truth's squeeze(1)"),
        ((4, 3), (4, 3), "; of truths with a share for each class take the argmax(1)"),
        ((4, 3), (5,), ""),
        ((), (), "; for one score an example there is 'binary_{name}'"),
    ],
)
def test_what_was_most_likely_meant(name, scores, labels, hint):
    """The error ends with what would help, if that can be told from the shapes."""
    with pytest.raises(ValueError, match="needs scores of shape") as raised:
        MetricSet([name]).update(torch.zeros(scores), torch.zeros(labels, dtype=torch.int64))
    assert str(raised.value).endswith(f"{scores} and {labels}{hint.format(name=name)}")


@pytest.mark.parametrize("name", ["mse", "r2", "binary_accuracy", "bin_f1", "pearson"])
def test_numbers_are_not_broadcast(name):
    """A column beside a row would make a table of errors, and a value that means nothing."""
    with pytest.raises(ValueError, match=r"same shape, not \(4, 1\) and \(4,\); .*squeeze"):
        MetricSet([name]).update(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize(
    ("name", "y_pred", "y_true", "kind", "message"),
    [
        ("f1", torch.zeros(2, 2), torch.zeros(2), TypeError, "f1 needs labels that are whole"),
        ("top5", torch.zeros(2, 3), torch.zeros(2).long(), ValueError, "top5 needs 5 classes"),
        ("mse", [1.0], torch.zeros(1), TypeError, "mse needs a tensor .* not list"),
        ("accuracy", torch.zeros(2, 2), {"y": 1}, TypeError, "accuracy needs .* not dict"),
    ],
)
def test_what_a_metric_cannot_use(name, y_pred, y_true, kind, message):
    """The error names the metric, and what it wants."""
    with pytest.raises(kind, match=message):
        MetricSet([name]).update(y_pred, y_true)


@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
@pytest.mark.parametrize("metric", [accuracy, partial(accuracy, ignore_index=1)])
def test_the_function_adds_up(argument, metric):
    """Given as a function, accuracy is weighted by what counts as well."""
    metrics = MetricSet(**{argument: [metric]})
    ignored = metric.keywords["ignore_index"] if isinstance(metric, partial) else -100
    right = torch.tensor([[1.0, 0.0, 0.0]] * 4)
    metrics.update(right, torch.tensor([0, ignored, ignored, ignored]))
    metrics.update(right, torch.tensor([2, 2, 2, 2]))
    assert metrics.names == ["accuracy"]
    assert metrics.compute()["accuracy"] == 20


def test_torchmetrics_is_imported_when_it_is_needed():
    """Neither importing the trainer nor naming a metric takes the second that it takes."""
    code = (
        "import sys; from callbacks_trainer.metrics import MetricSet, SKLearnMetrics\n"
        "metrics = MetricSet(['accuracy', 'f1'], ['auroc', 'mse']); metrics.reset()\n"
        "print('torchmetrics' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
