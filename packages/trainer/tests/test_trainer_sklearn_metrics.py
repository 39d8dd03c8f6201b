# SPDX-License-Identifier: MIT
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_trainer.metrics import MetricSet, SKLearnMetrics


def share_right(y_true, y_pred, *, sample_weight=None, normalize=True):
    """What scikit-learn's functions look like."""
    assert isinstance(y_true, np.ndarray)
    assert isinstance(y_pred, np.ndarray)
    right = np.average(y_true == y_pred, weights=sample_weight)
    return right if normalize else right * len(y_true)


def highest(y_true, y_pred):
    return y_pred.max()


def fails(y_true, y_pred):
    raise ValueError("a mix of binary and continuous targets")


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 10), st.booleans())
def test_functions_see_the_whole_epoch(right, size, weighted):
    """However the epoch is cut, a function is called with all of it, weights included."""
    y_true = torch.tensor(right).long()
    y_pred = torch.ones_like(y_true)
    weight = torch.arange(1, len(right) + 1)
    metric = SKLearnMetrics([share_right, share_right], [None, {"normalize": False}])
    for parts in zip(y_pred.split(size), y_true.split(size), weight.split(size), strict=True):
        metric.update(parts[0], (parts[1], parts[2]) if weighted else parts[1])
    weights = weight.numpy() if weighted else None
    share = share_right(y_true.numpy(), y_pred.numpy(), sample_weight=weights)
    assert metric.compute() == [share, share * len(right)]


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        (SKLearnMetrics(highest), ["highest"]),
        (SKLearnMetrics([highest]), ["highest"]),
        (SKLearnMetrics([highest, share_right]), ["highest", "share_right"]),
        (SKLearnMetrics(partial(highest)), ["highest"]),
        (SKLearnMetrics(highest, names="top"), ["top"]),
        (SKLearnMetrics(highest, names=["top"]), ["top"]),
        (SKLearnMetrics([highest, highest], names=["one", "two"]), ["one", "two"]),
        (SKLearnMetrics((highest, highest), names=("one", "two")), ["one", "two"]),
        (("mine", SKLearnMetrics(highest)), ["mine"]),
        ((["a", "b"], SKLearnMetrics([highest, highest])), ["a", "b"]),
    ],
)
def test_names_of_functions(metric, names):
    """The names are those that were given, or the functions' own; each has a value."""
    metrics = MetricSet(epoch_metrics=[metric])
    assert metrics.names == names
    metrics.update(torch.ones(2), torch.ones(2))
    assert metrics.compute() == dict.fromkeys(names, 1.0)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        (None, [0.5, 0.5]),
        ([{"normalize": False}, None], [1.0, 0.5]),
        ([{"normalize": False}, {"normalize": False}], [1.0, 1.0]),
    ],
)
def test_arguments_of_functions(kwargs, expected):
    """Each function has arguments of its own."""
    metric = SKLearnMetrics([share_right, share_right], kwargs)
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert metric.compute() == expected


def test_arguments_of_one_function():
    """For one function they are a mapping."""
    metric = SKLearnMetrics(share_right, kwargs={"normalize": False})
    metric.update(torch.tensor([0, 0]), torch.tensor([0, 0]))
    assert metric.compute() == 2


@pytest.mark.parametrize(
    ("funcs", "options", "kind", "message"),
    [
        ("f1", {}, TypeError, "`funcs` must be a function.* not 'f1'"),
        ([highest, 3], {}, TypeError, "`funcs` must be a function.* not 3"),
        ([], {}, ValueError, "`funcs` must have one function at least"),
        ([highest], {"kwargs": {"a": 1}}, TypeError, "`kwargs` must be a mapping for each"),
        ([highest], {"kwargs": [{}, {}]}, ValueError, "each of the 1 functions, not 2"),
        (highest, {"kwargs": [{}]}, TypeError, "`kwargs` must be a mapping"),
        (highest, {"names": 3}, TypeError, "`names` must be a name"),
        (highest, {"names": [3]}, TypeError, "`names` must be a name"),
        ([highest, highest], {"names": "one"}, ValueError, "each of the 2 functions, not 1"),
    ],
)
def test_wrong_arguments(funcs, options, kind, message):
    """What does not fit is refused when the metric is made."""
    with pytest.raises(kind, match=message):
        SKLearnMetrics(funcs, **options)


def test_an_error_of_a_function_tells_the_shapes():
    """The note says which function it was, and what it was given."""
    metric = SKLearnMetrics(fails)
    metric.update(torch.ones(2, 3), torch.ones(2))
    with pytest.raises(ValueError, match="a mix of") as raised:
        metric.compute()
    assert raised.value.__notes__ == ["fails was given a truth and a prediction of (2,) and (2, 3)"]


def test_predictions_that_numpy_has_no_type_for():
    """Half precision of the kind that NumPy does not know comes as single precision."""
    metric = SKLearnMetrics(highest)
    metric.update(torch.full((2,), 3, dtype=torch.bfloat16), torch.ones(2))
    assert metric.compute() == 3


@pytest.mark.parametrize("function", [highest, partial(highest)])
def test_a_function_of_sklearn_by_itself(monkeypatch, function):
    """Among epoch metrics it needs no wrapper; among batch metrics it is refused."""
    monkeypatch.setattr(highest, "__module__", "sklearn.metrics._ranking")
    metrics = MetricSet(epoch_metrics=[function])
    metrics.update(torch.ones(2), torch.zeros(2))
    assert metrics.compute() == {"highest": 1}
    with pytest.raises(TypeError, match="'highest' of scikit-learn takes arrays, and the truth"):
        MetricSet(batch_metrics=[function])
