# SPDX-License-Identifier: MIT
from functools import partial

import numpy as np
import pytest
import torch
import torchmetrics
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from callbacks_core.testing import Recorder
from callbacks_trainer import Metric, Model, accuracy
from callbacks_trainer.metrics import MetricSet

RESERVED = ["batch", "epoch", "loss", "size", "time", "val_loss", "val_anything"]


def half(y_pred, y_true):
    return 0.5


def pair(y_pred, y_true):
    return y_pred.mean(), y_pred.max()


def mapping(y_pred, y_true):
    return {"low": y_pred.min(), "high": y_pred.max()}


class RightAnswers(Metric):
    """The share of right answers."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.right = self.seen = 0

    def update(self, y_pred, y_true):
        self.right = self.right + (y_pred.argmax(1) == y_true).sum()
        self.seen += len(y_true)

    def compute(self):
        return self.right / self.seen


class ByDuck:
    """An epoch metric with nothing but the three methods it needs."""

    __name__ = "examples"

    def reset(self):
        self.seen = 0

    def update(self, y_pred, y_true):
        self.seen += len(y_true)

    def compute(self):
        return self.seen


class Several:
    """A metric that brings its names along."""

    __name__ = ("low", "high")

    def __call__(self, y_pred, y_true):
        return y_pred.min(), y_pred.max()


def class_accuracy():
    return torchmetrics.classification.MulticlassAccuracy(num_classes=2, average="micro")


@pytest.fixture
def evaluated(make_model, batches):
    """Evaluates with metrics, and returns their values by name, and the model."""

    def run(**metrics):
        model = make_model(**metrics)
        logs = model.evaluate_generator(batches, return_dict_format=True, verbose=False)
        values = {name.removeprefix("test_"): value for name, value in logs.items()}
        return {name: values[name] for name in values if name not in ("time", "loss")}, model

    return run


@pytest.fixture
def whole(make_model, batches):
    """The predictions and the truths of all examples."""
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return make_model().network(x).detach(), y


def share(whole):
    return (whole[0].argmax(1) == whole[1]).double().mean().item()


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        (accuracy, ["accuracy"]),
        ("accuracy", ["accuracy"]),
        ("acc", ["acc"]),
        (("score", "acc"), ["score"]),
        (("score", half), ["score"]),
        (partial(accuracy, ignore_index=0), ["accuracy"]),
        (partial(partial(half)), ["half"]),
        ((["mean", "max"], pair), ["mean", "max"]),
        ((("mean", "max"), pair), ["mean", "max"]),
        (Several(), ["low", "high"]),
        (nn.CrossEntropyLoss(), ["cross_entropy_loss"]),
        (nn.MSELoss(), ["mse_loss"]),
        (RightAnswers(), ["right_answers"]),
        (class_accuracy(), ["multiclass_accuracy"]),
        (torchmetrics.AUROC(task="binary"), ["binary_auroc"]),
        (("f1", RightAnswers()), ["f1"]),
    ],
)
def test_names_of_metrics(make_model, metric, names):
    """A name that was given goes first, then the function's, then the class's in snake case."""
    assert make_model(batch_metrics=[metric]).metrics_names == names


def test_batch_metrics_come_first(make_model):
    """`metrics_names` has batch metrics, then epoch metrics."""
    model = make_model(batch_metrics=["acc", half], epoch_metrics=[ByDuck(), RightAnswers()])
    assert model.metrics_names == ["acc", "half", "examples", "right_answers"]


@pytest.mark.parametrize(
    ("given_names", "expected"),
    [
        (["f1", "f1"], ["f11", "f12"]),
        (["a", "b", "a", "a"], ["a1", "b", "a2", "a3"]),
        (["f1", "f1", "f11"], ["f12", "f13", "f11"]),
        ([["a", "b"], "a"], ["a1", "b", "a2"]),
    ],
)
def test_names_that_come_twice_are_numbered(given_names, expected):
    """Each metric of a name gets a number, and never the name of another."""
    metrics = [(name, half) for name in given_names]
    assert MetricSet(metrics).names == expected


@given(st.lists(st.text("a1", min_size=1, max_size=3), max_size=8))
def test_no_two_metrics_have_one_name(names):
    """Whatever the names, those in the logs are different; a name that is unique is kept."""
    found = MetricSet([(name, half) for name in names]).names
    assert len(set(found)) == len(names)
    assert all(new == old for new, old in zip(found, names, strict=True) if names.count(old) == 1)


@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_are_refused(make_model, argument, name):
    """A name that the logs need for something else is refused when the model is made."""
    with pytest.raises(ValueError, match=rf"cannot be called '{name}'.*\('my_{name}', metric\)"):
        make_model(**{argument: [(name, RightAnswers())]})
    with pytest.raises(ValueError, match=f"cannot be called '{name}'"):
        make_model(**{argument: [(["fine", name], RightAnswers())]})


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_keys_are_refused(make_model, batches, name):
    """A metric that returns a mapping cannot overwrite what is in the logs either."""

    def metric(y_pred, y_true):
        return {name: 1.0}

    with pytest.raises(ValueError, match=f"cannot be called '{name}'"):
        make_model(batch_metrics=[metric]).fit_generator(batches, verbose=False)


@pytest.mark.parametrize(
    ("metrics", "kind", "message"),
    [
        (["acuracy"], ValueError, "no metric 'acuracy'.*did you mean 'accuracy'"),
        (["nonsense"], ValueError, "by name there are 'acc', 'accuracy'.*any function"),
        (["loss"], ValueError, "no metric 'loss'"),
        ([class_accuracy().__class__], TypeError, r"the class MulticlassAccuracy, not an instance"),
        (RightAnswers, TypeError, r"write RightAnswers\(\.\.\.\)"),
        ([3], TypeError, "functions, torchmetrics objects or names, not 3"),
        (3, TypeError, "functions, torchmetrics objects or names, not 3"),
        ([None], TypeError, "not None"),
        ([("a", half, half)], TypeError, r"is \(name, metric\), not"),
        ([ByDuck()], TypeError, "functions, torchmetrics objects or names"),
        ({"half": half}, TypeError, r"`batch_metrics` must be a list, in which \(name, metric\)"),
    ],
)
def test_what_is_no_batch_metric(make_model, metrics, kind, message):
    """What is no metric is refused when the model is made."""
    with pytest.raises(kind, match=message):
        make_model(batch_metrics=metrics)


@pytest.mark.parametrize("metric", [half, nn.MSELoss()])
def test_what_is_no_epoch_metric(make_model, metric):
    """A plain function cannot add up over an epoch, and the error says where it belongs."""
    with pytest.raises(TypeError, match=r"needs update, compute and reset.*there is batch_metrics"):
        make_model(epoch_metrics=[metric])


@pytest.mark.parametrize("metrics", [half, "accuracy", RightAnswers()])
def test_a_single_metric_needs_no_list(make_model, metrics):
    """One metric may be given as it is."""
    assert len(make_model(batch_metrics=metrics).metrics_names) == 1


def test_functions_are_averaged_over_examples(evaluated, whole):
    """Each batch counts for as many examples as it has; several values have several names."""
    found, _ = evaluated(batch_metrics=["accuracy", half, (["mean", "max"], pair)])
    assert list(found) == ["accuracy", "half", "mean", "max"]
    assert found["accuracy"] == pytest.approx(100 * share(whole))
    assert found["half"] == 0.5
    assert found["mean"] == pytest.approx(whole[0].mean().item())


def test_a_mapping_brings_its_own_names(evaluated):
    """A metric that returns a mapping is logged under the mapping's keys."""
    found, _ = evaluated(batch_metrics=[half, mapping])
    assert list(found) == ["half", "low", "high"]
    assert found["low"] < found["high"]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.array, float])
def test_numbers_of_numpy_are_numbers(make_model, batches, kind):
    """What NumPy calls a number is logged as one of Python's."""
    model = make_model(batch_metrics=[("quarter", lambda y_pred, y_true: kind(0.25))])
    recorder = Recorder()
    [logs] = model.fit_generator(batches, epochs=1, callbacks=recorder, verbose=False)
    for found in (logs, *recorder.logs_of("on_train_batch_end")):
        assert found["quarter"] == 0.25
        assert type(found["quarter"]) is float


@pytest.mark.parametrize(
    "value",
    [[1.0, 2.0], (1.0,), np.ones(2), "text", None],
    ids=["list", "tuple", "array", "text", "none"],
)
def test_a_metric_that_returns_no_number(make_model, batches, value):
    """The error names the metric, and says how several values are named."""
    model = make_model(batch_metrics=[("odd", lambda y_pred, y_true: value)])
    with pytest.raises(ValueError, match=r"the metric 'odd' must return a number.*as many names"):
        model.fit_generator(batches, verbose=False)


def test_a_tensor_that_is_no_scalar(make_model, batches):
    """A tensor of several values is refused by its name and shape."""
    model = make_model(batch_metrics=[("odd", lambda y_pred, y_true: y_pred)])
    with pytest.raises(ValueError, match=r"'odd' must be a scalar, not a tensor of shape \(4, 2\)"):
        model.fit_generator(batches, verbose=False)


def test_more_names_than_values(make_model, batches):
    """The error shows the names and the values."""
    model = make_model(batch_metrics=[(["a", "b", "c"], pair)])
    with pytest.raises(ValueError, match=r"names \['a', 'b', 'c'\], but returned 2 values"):
        model.fit_generator(batches, verbose=False)


def test_two_mappings_with_one_key(make_model, batches):
    """Two metrics cannot return values of one name."""
    model = make_model(batch_metrics=[mapping, ("other", mapping)])
    with pytest.raises(ValueError, match="return a value called 'low'; the second is 'other'"):
        model.fit_generator(batches, verbose=False)


@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
@pytest.mark.parametrize("make", [RightAnswers, class_accuracy], ids=["ours", "torchmetrics"])
def test_metrics_that_add_up(evaluated, whole, argument, make):
    """The epoch's value is the metric's own, over all examples at once."""
    found, _ = evaluated(**{argument: [("share", make())]})
    assert found == {"share": pytest.approx(share(whole))}
    assert type(found["share"]) is float


@pytest.mark.parametrize("make", [RightAnswers, class_accuracy], ids=["ours", "torchmetrics"])
def test_batches_log_batch_metrics_alone(make_model, batches, make):
    """A metric that adds up has a value for each batch as a batch metric only."""
    recorder = Recorder()
    model = make_model(batch_metrics=[("batch_share", make())], epoch_metrics=[("whole", make())])
    [logs] = model.fit_generator(batches, epochs=1, callbacks=recorder, verbose=False)
    assert logs["batch_share"] == pytest.approx(logs["whole"])
    found = recorder.logs_of("on_train_batch_end")
    assert all("batch_share" in batch and "whole" not in batch for batch in found)


def test_torchmetrics_tell_each_batch_by_itself(make_model, batches):
    """As a batch metric, an object of torchmetrics is logged batch by batch, then as a whole."""
    recorder = Recorder()
    model = make_model(batch_metrics=["accuracy", ("share", class_accuracy())])
    [logs] = model.fit_generator(batches, epochs=1, callbacks=recorder, verbose=False)
    for batch in recorder.logs_of("on_train_batch_end"):
        assert batch["share"] * 100 == pytest.approx(batch["accuracy"])
    assert logs["share"] * 100 == pytest.approx(logs["accuracy"])


@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
@pytest.mark.parametrize("listed", [True, False])
def test_a_collection_of_torchmetrics(evaluated, whole, argument, listed):
    """A collection is one metric with several values, in a list or by itself."""
    collection = torchmetrics.MetricCollection(
        {"share": class_accuracy(), "again": class_accuracy()}, prefix="my_"
    )
    found, _ = evaluated(**{argument: [collection] if listed else collection})
    assert set(found) == {"my_share", "my_again"}
    assert found["my_share"] == found["my_again"] == pytest.approx(share(whole))


def test_metrics_begin_anew(make_model, batches):
    """Each training pass, validation and test counts its own examples."""
    model = make_model(epoch_metrics=[ByDuck()])
    history = model.fit_generator(batches, batches[:2], epochs=3, verbose=False)
    assert [(logs["examples"], logs["val_examples"]) for logs in history] == [(18, 8)] * 3
    assert model.evaluate_generator(batches[1:], verbose=False)[1] == 14
    assert model.train_on_batch(*batches[0])[1] == 4
    assert model.evaluate_on_batch(*batches[-1])[1] == 2


@pytest.mark.parametrize("make", [RightAnswers, class_accuracy], ids=["ours", "torchmetrics"])
@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_valid_batch_end"])
def test_an_evaluation_in_a_callback_disturbs_nothing(
    make_model, batches, acting, argument, make, hook
):
    """Testing in the middle of an epoch changes neither metrics nor mode nor what is trained."""

    def evaluate(callback, *arguments):
        mode = callback.model.network.training, torch.is_grad_enabled()
        callback.model.evaluate_generator(batches[:1], verbose=False)
        callback.model.evaluate_on_batch(*batches[0])
        assert (callback.model.network.training, torch.is_grad_enabled()) == mode

    one, other = (make_model(**{argument: [("share", make())]}) for _ in range(2))
    callback = acting(hook, evaluate)
    found = one.fit_generator(batches, batches, epochs=2, callbacks=callback, verbose=False)
    expected = other.fit_generator(batches, batches, epochs=2, verbose=False)
    for logs, others in zip(found, expected, strict=True):
        assert {**logs, "time": 0} == {**others, "time": 0}


def test_metrics_see_no_gradients(make_model, batches):
    """Predictions come to metrics without their history, in nests as well."""
    seen = []

    class Twice(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return {"one": y, "both": (y, [y])}

    def loss(y_pred, y_true):
        return y_pred["one"].square().mean()

    def metric(y_pred, y_true):
        tensors = [y_pred["one"], y_pred["both"][0], y_pred["both"][1][0]]
        seen.extend(tensor.requires_grad for tensor in tensors)
        seen.append(torch.is_grad_enabled())
        return 0

    model = make_model(loss_function=loss, batch_metrics=[metric])
    model.network = Twice(3, 2)
    model.fit_generator(batches[:1], epochs=1, verbose=False)
    assert seen == [False] * 4


def test_a_metric_may_be_a_method_of_the_network(batches):
    """A test copies metrics that add up, never the network that a function belongs to."""

    class Scores(nn.Linear):
        def __deepcopy__(self, memo):
            pytest.fail("the network was copied")

        def score(self, y_pred, y_true):
            return self.weight.sum()

    network = Scores(3, 2)
    model = Model(
        network, None, "cross_entropy", batch_metrics=[network.score], epoch_metrics=[ByDuck()]
    )
    found = model.evaluate_generator(batches, return_dict_format=True, verbose=False)
    assert found["test_score"] == pytest.approx(network.weight.sum().item())
    assert found["test_examples"] == 18
