# SPDX-License-Identifier: MIT
"""Metrics of scikit-learn itself, in real trainings."""

import pytest
import torch
from sklearn import metrics as sklearn_metrics

from callbacks_trainer import Model, SKLearnMetrics


def f1_of_scores(y_true, y_pred, **kwargs):
    return sklearn_metrics.f1_score(y_true, y_pred.argmax(1), **kwargs)


def area(y_true, y_pred):
    return sklearn_metrics.roc_auc_score(y_true, y_pred[:, 1] - y_pred[:, 0])


def test_functions_of_scikit_learn(make_model, batches):
    """A score over the epoch is scikit-learn's over all predictions, and so are ours by name."""
    made = make_model()
    metrics = [
        SKLearnMetrics([f1_of_scores, area], kwargs=[{"average": "macro"}, None]),
        "f1",
        "mcc",
        "kappa",
        "auroc",
    ]
    model = Model(made.network, "sgd", "cross_entropy", epoch_metrics=metrics)
    logs, y_pred, y_true = model.evaluate_generator(
        batches, return_pred=True, return_ground_truth=True, return_dict_format=True, verbose=False
    )
    answers = y_pred.argmax(1)
    expected = {
        "f1_of_scores": sklearn_metrics.f1_score(y_true, answers, average="macro"),
        "area": area(y_true, y_pred),
        "fscore_macro": sklearn_metrics.f1_score(y_true, answers, average="macro"),
        "mcc": sklearn_metrics.matthews_corrcoef(y_true, answers),
        "kappa": sklearn_metrics.cohen_kappa_score(y_true, answers),
    }
    for name, value in expected.items():
        assert logs[f"test_{name}"] == pytest.approx(value), name
        assert type(logs[f"test_{name}"]) is float
    auroc = [
        sklearn_metrics.roc_auc_score(y_true == label, torch.tensor(y_pred).softmax(1)[:, label])
        for label in range(2)
    ]
    assert logs["test_auroc"] == pytest.approx(sum(auroc) / 2)
    history = model.fit_generator(batches, batches, epochs=2, verbose=False)
    assert {"f1_of_scores", "val_f1_of_scores", "area", "val_area"} <= set(history[-1])


def test_errors_are_those_of_scikit_learn():
    """Over several outputs, with an epoch in uneven batches."""
    torch.manual_seed(0)
    x, y = torch.randn(30, 4), torch.randn(30, 2)
    functions = [
        sklearn_metrics.r2_score,
        sklearn_metrics.mean_absolute_error,
        sklearn_metrics.root_mean_squared_error,
    ]
    model = Model(
        torch.nn.Linear(4, 2), None, "mse", epoch_metrics=["r2", "mae", "mse", *functions]
    )
    logs = model.evaluate(x, y, batch_size=7, return_dict_format=True, verbose=False)
    assert logs["test_r2"] == pytest.approx(logs["test_r2_score"], rel=1e-5)
    assert logs["test_mae"] == pytest.approx(logs["test_mean_absolute_error"], rel=1e-5)
    assert logs["test_mse"] == pytest.approx(logs["test_loss"], rel=1e-5)


@pytest.mark.parametrize("name", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("score", ["precision", "recall", "jaccard"])
def test_averages_are_those_of_scikit_learn(score, name):
    """With a class that is never true, and one that is never predicted."""
    from callbacks_trainer.metrics import ClassScore

    generator = torch.Generator().manual_seed(1)
    y_pred = torch.randn(40, 5, generator=generator)
    y_pred[:, 4] = -100
    y_true = torch.randint(1, 5, (40,), generator=generator)
    metric = ClassScore(score, average=name)
    for parts in zip(y_pred.split(9), y_true.split(9), strict=True):
        metric.update(*parts)
    function = getattr(sklearn_metrics, f"{score}_score")
    expected = function(y_true, y_pred.argmax(1), average=name, zero_division=0)
    assert metric.compute().item() == pytest.approx(expected)
