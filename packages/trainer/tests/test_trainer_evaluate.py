# SPDX-License-Identifier: MIT
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from callbacks_core.testing import Recorder
from callbacks_trainer import Model, TensorDataset

BOOLEANS = (False, True)
KINDS = {False: torch.Tensor, True: np.ndarray}


def mean_score(y_pred, y_true):
    return y_pred.mean()


METRICS = {0: [], 1: ["accuracy"], 2: ["accuracy", mean_score]}


@pytest.fixture
def data(batches):
    """The batches' examples, as two tensors."""
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


def expected_scores(model, data, metrics):
    """Return the loss and the metrics, computed at once from all examples."""
    x, y = data
    with torch.no_grad():
        y_pred = model.network(x)
    scores = {
        "loss": nn.functional.cross_entropy(y_pred, y).item(),
        "accuracy": (y_pred.argmax(1) == y).double().mean().item() * 100,
        "mean_score": y_pred.mean().item(),
    }
    return dict(list(scores.items())[: metrics + 1]), y_pred


@pytest.mark.parametrize("convert_to_numpy", BOOLEANS)
@pytest.mark.parametrize("concatenate_returns", BOOLEANS)
@pytest.mark.parametrize("return_dict_format", BOOLEANS)
@pytest.mark.parametrize("return_ground_truth", BOOLEANS)
@pytest.mark.parametrize("return_pred", BOOLEANS)
@pytest.mark.parametrize("metrics", [0, 1, 2])
def test_what_evaluate_returns(
    make_model,
    batches,
    data,
    metrics,
    return_pred,
    return_ground_truth,
    return_dict_format,
    concatenate_returns,
    convert_to_numpy,
):
    """Loss, metrics, predictions and truths, absent parts left out, a single part by itself."""
    model = make_model(batch_metrics=METRICS[metrics])
    found = model.evaluate_generator(
        batches,
        return_pred=return_pred,
        return_ground_truth=return_ground_truth,
        return_dict_format=return_dict_format,
        concatenate_returns=concatenate_returns,
        convert_to_numpy=convert_to_numpy,
        verbose=False,
    )
    scores, y_pred = expected_scores(model, data, metrics)
    parts = [1 if return_dict_format or metrics == 0 else 2, return_pred, return_ground_truth]
    if sum(parts) == 1:
        found = (found,)
    assert isinstance(found, tuple)
    assert len(found) == sum(parts)
    found = list(found)
    if return_dict_format:
        logs = found.pop(0)
        assert type(logs) is dict
        assert list(logs) == ["time", *(f"test_{name}" for name in scores)]
        assert [logs[f"test_{name}"] for name in scores] == pytest.approx(list(scores.values()))
    else:
        assert found.pop(0) == pytest.approx(scores["loss"])
        values = list(scores.values())[1:]
        if metrics == 1:
            assert found.pop(0) == pytest.approx(values[0])
        if metrics == 2:
            assert isinstance(found[0], np.ndarray)
            assert found.pop(0) == pytest.approx(np.array(values), abs=1e-6)
    wanted = [y_pred] * return_pred + [data[1]] * return_ground_truth
    for output, whole in zip(found, wanted, strict=True):
        if not concatenate_returns:
            assert isinstance(output, list)
            assert [len(part) for part in output] == [4, 4, 4, 4, 2]
        gathered = [output] if concatenate_returns else output
        assert {type(part) for part in gathered} == {
            np.ndarray if convert_to_numpy else torch.Tensor
        }
        together = torch.cat([torch.as_tensor(part) for part in gathered])
        assert torch.allclose(together, whole)
        assert not together.requires_grad


@pytest.mark.parametrize("convert_to_numpy", BOOLEANS)
@pytest.mark.parametrize("concatenate_returns", BOOLEANS)
@pytest.mark.parametrize(
    ("has_ground_truth", "return_ground_truth"), [(False, False), (True, False), (True, True)]
)
def test_what_predict_returns(
    make_model,
    batches,
    data,
    has_ground_truth,
    return_ground_truth,
    concatenate_returns,
    convert_to_numpy,
):
    """The predictions, and the truths if asked for."""
    model = make_model()
    found = model.predict_generator(
        batches if has_ground_truth else [x for x, _ in batches],
        has_ground_truth=has_ground_truth,
        return_ground_truth=return_ground_truth,
        concatenate_returns=concatenate_returns,
        convert_to_numpy=convert_to_numpy,
        verbose=False,
    )
    _, y_pred = expected_scores(model, data, 0)
    outputs = found if return_ground_truth else (found,)
    for output, whole in zip(outputs, (y_pred, data[1]), strict=False):
        gathered = [output] if concatenate_returns else output
        assert len(gathered) == (1 if concatenate_returns else 5)
        assert {type(part) for part in gathered} == {
            np.ndarray if convert_to_numpy else torch.Tensor
        }
        assert torch.allclose(torch.cat([torch.as_tensor(part) for part in gathered]), whole)


def test_truths_are_expected_when_they_are_to_be_returned(make_model, batches):
    """Asking for the truths says that there are some."""
    model = make_model()
    _, truths = model.predict_generator(batches, return_ground_truth=True, verbose=False)
    assert len(truths) == 18
    inputs = [x for x, _ in batches]
    with pytest.raises(TypeError, match=r"a batch must be a pair \(inputs, targets\)"):
        model.predict_generator(inputs, has_ground_truth=True, verbose=False)


@given(batch_size=st.integers(1, 20))
def test_scores_do_not_depend_on_the_batch_size(batch_size):
    """Averages are weighted by examples, so a small last batch counts for what it holds."""
    torch.manual_seed(0)
    model = Model(nn.Linear(3, 2), None, "cross_entropy", batch_metrics=["accuracy"])
    x = torch.randn(19, 3)
    y = torch.arange(19) % 2
    found = model.evaluate(x, y, batch_size=batch_size, verbose=False)
    scores, _ = expected_scores(model, (x, y), 1)
    assert found == pytest.approx(tuple(scores.values()))


def test_the_ways_to_evaluate_are_one(make_model, batches, data):
    """`evaluate`, `evaluate_dataset` and `evaluate_generator` agree, and so do those to predict."""
    model = make_model(batch_metrics=["accuracy"])
    expected = model.evaluate_generator(batches, verbose=False)
    assert model.evaluate(*data, batch_size=4, verbose=False) == expected
    assert model.evaluate(*(part.numpy() for part in data), batch_size=4, verbose=False) == expected
    assert model.evaluate_dataset(TensorDataset(*data), batch_size=4, verbose=False) == expected
    predicted = model.predict(data[0], verbose=False)
    assert (model.predict(data[0].numpy(), batch_size=18, verbose=False) == predicted).all()
    assert (model.predict_dataset(TensorDataset(data[0]), verbose=False) == predicted).all()
    options = {"batch_size": 5, "dataloader_kwargs": {"drop_last": True}, "verbose": False}
    assert len(model.predict(data[0], **options)) == 15


def test_steps_limit_a_test(make_model, batches):
    """`steps` takes so many batches, and starts a short loader again."""
    model = make_model()
    inputs = [x for x, _ in batches]
    assert len(model.predict_generator(inputs, steps=2, verbose=False)) == 8
    assert len(model.predict_generator(inputs, steps=6, verbose=False)) == 22
    found = model.evaluate_generator(batches, steps=1, verbose=False)
    assert found == model.evaluate_generator(batches[:1], verbose=False)


def test_outputs_keep_their_shape(make_model):
    """Nests, named tuples and numbers come back in the shape that the network gave them."""
    Output = namedtuple("Output", ["scores", "extra"])

    class Nested(nn.Module):
        def forward(self, x):
            return Output(x, {"list": [2 * x, x.sum()], "number": len(x)})

    model = Model(Nested(), None, None)
    inputs = [torch.ones(3, 2), torch.ones(1, 2)]
    found = model.predict_generator(inputs, verbose=False)
    assert type(found) is Output
    assert found.scores.shape == (4, 2)
    assert found.extra["list"][0].shape == (4, 2)
    assert found.extra["list"][1].tolist() == [6.0, 2.0]
    assert found.extra["number"] == [3, 1]


def test_outputs_that_cannot_be_joined(make_model):
    """Batches of different shapes raise an error that names the way out, which works."""
    model = Model(nn.Identity(), None, None)
    inputs = [torch.ones(1, 2), torch.ones(1, 3)]
    with pytest.raises(RuntimeError) as caught:
        model.predict_generator(inputs, verbose=False)
    assert caught.value.__notes__ == ["concatenate_returns=False returns the batches as a list"]
    found = model.predict_generator(inputs, concatenate_returns=False, verbose=False)
    assert [output.shape for output in found] == [(1, 2), (1, 3)]


def test_evaluation_needs_no_optimizer(batches):
    """A model without an optimizer can be tested, and without a loss it can predict."""
    model = Model(nn.Linear(3, 2), None, "cross_entropy")
    assert model.evaluate_generator(batches, verbose=False) > 0
    model = Model(nn.Linear(3, 2), None, None)
    assert model.predict(batches[0][0], verbose=False).shape == (4, 2)


def test_the_logs_of_a_test_are_returned(make_model, batches):
    """The dict that is returned equals the one that `on_test_end` was given."""
    recorder = Recorder()
    logs = make_model(batch_metrics=["accuracy"]).evaluate_generator(
        batches, return_dict_format=True, callbacks=recorder, verbose=False
    )
    assert recorder.logs_of("on_test_end") == [logs]


@pytest.mark.parametrize("convert_to_numpy", BOOLEANS)
@pytest.mark.parametrize("return_dict_format", BOOLEANS)
@pytest.mark.parametrize("return_pred", BOOLEANS)
@pytest.mark.parametrize("metrics", [0, 1, 2])
@pytest.mark.parametrize("method", ["train_on_batch", "evaluate_on_batch"])
def test_what_a_batch_returns(
    make_model, batches, metrics, return_pred, return_dict_format, convert_to_numpy, method
):
    """Loss, metrics and predictions of one batch, under the names without a prefix."""
    model = make_model(batch_metrics=METRICS[metrics])
    scores, y_pred = expected_scores(model, batches[0], metrics)
    found = getattr(model, method)(
        *batches[0],
        return_pred=return_pred,
        return_dict_format=return_dict_format,
        convert_to_numpy=convert_to_numpy,
    )
    parts = [1 if return_dict_format or metrics == 0 else 2, return_pred]
    found = list(found) if sum(parts) > 1 else [found]
    assert len(found) == sum(parts)
    if return_dict_format:
        assert list(found[0]) == list(scores)
        assert found.pop(0) == pytest.approx(scores)
    else:
        assert found.pop(0) == pytest.approx(scores["loss"])
        if metrics:
            values = np.array(list(scores.values())[1:])
            assert np.atleast_1d(found.pop(0)) == pytest.approx(values, abs=1e-6)
    if return_pred:
        assert type(found[0]) is KINDS[convert_to_numpy]
        assert torch.allclose(torch.as_tensor(found[0]), y_pred)


def test_training_on_batches_is_training(make_model, batches):
    """Batch by batch the weights are those of a fit, and the mode is put back."""
    one, other = make_model(), make_model()
    one.network.eval()
    for x, y in batches:
        one.train_on_batch(x.numpy(), y.numpy())
    assert not one.network.training
    other.fit_generator(batches, epochs=1, verbose=False)
    assert torch.equal(one.network.weight, other.network.weight)


def test_a_failed_batch_puts_the_mode_back(make_model, batches):
    """After an error in `train_on_batch` the network is as it was."""
    model = make_model()
    model.network.eval()
    with pytest.raises(RuntimeError):
        model.train_on_batch(torch.ones(4, 7), batches[0][1])
    assert not model.network.training


def test_predicting_a_batch(make_model, batches):
    """`predict_on_batch` takes what the network takes, several inputs in a tuple."""
    model = make_model()
    found = model.predict_on_batch(batches[0][0].numpy())
    assert isinstance(found, np.ndarray)
    assert (found == model.predict_on_batch(batches[0][0], convert_to_numpy=False).numpy()).all()
    both = Model(nn.Bilinear(3, 3, 2), None, None)
    assert both.predict_on_batch((batches[0][0], batches[0][0])).shape == (4, 2)


def test_evaluation_leaves_no_gradient(make_model, batches):
    """Testing and predicting record no gradients, and enable what was enabled."""
    model = make_model()
    seen = []
    model.network.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    model.evaluate_generator(batches, verbose=False)
    model.predict(batches[0][0], verbose=False)
    model.evaluate_on_batch(*batches[0])
    model.predict_on_batch(batches[0][0])
    assert seen
    assert not any(seen)
    assert torch.is_grad_enabled()
    assert model.network.weight.grad is None
