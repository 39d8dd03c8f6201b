# SPDX-License-Identifier: MIT
import re

import pytest
import torch
from torch import nn

from callbacks_core import OptimizerSteps
from callbacks_core.testing import Recorder
from callbacks_trainer import Model

MIXED = {"bf16": torch.bfloat16, "fp16": torch.float16}
mixed = pytest.mark.parametrize("precision", MIXED)
accumulating = pytest.mark.parametrize("batches_per_step", [1, 2])


def own_step(model, batch):
    x, y = batch
    scores = model.network(x)
    return {"loss": nn.functional.cross_entropy(scores, y), **model.measure(scores, y)}


def own_optimizing(model, batch):
    loss = own_step(model, batch)["loss"]
    model.optimize(loss)
    return loss


def seen_types(network):
    """Return a list that will hold what the network computes."""
    seen = []
    network.register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    return seen


@mixed
@accumulating
@pytest.mark.parametrize("step", [None, own_step, own_optimizing])
def test_everything_is_computed_with_fewer_bits(
    make_model, batches, precision, batches_per_step, step
):
    """Forwards are autocast wherever there are any; weights, gradients and losses are not."""
    if step is own_optimizing and batches_per_step > 1:
        pytest.skip("a step that minimizes by itself cannot accumulate")
    model = make_model(precision=precision, training_step=step, batch_metrics=["accuracy"])
    seen = seen_types(model.network)
    history = model.fit_generator(
        batches, batches, epochs=10, batches_per_step=batches_per_step, verbose=False
    )
    model.evaluate_generator(batches, verbose=False)
    model.predict_generator([x for x, _ in batches], verbose=False)
    assert set(seen) == {MIXED[precision]}
    assert len(seen) == 5 * (2 * 10 + 2)
    assert {weight.dtype for weight in model.network.parameters()} == {torch.float32}
    assert {weight.grad.dtype for weight in model.network.parameters()} == {torch.float32}
    assert history[-1]["loss"] < history[0]["loss"]
    assert 0 < history[-1]["val_accuracy"] <= 100


@mixed
def test_predictions_have_all_bits(make_model, batches, precision):
    """Whoever is given a prediction gets float32, which NumPy knows too."""
    model = make_model(precision=precision)
    x, y = batches[0]
    assert model.predict_on_batch(x).dtype == "float32"
    assert model.predict_on_batch(x, convert_to_numpy=False).dtype == torch.float32
    _, prediction = model.evaluate_on_batch(x, y, return_pred=True)
    assert prediction.dtype == "float32"
    _, prediction = model.train_on_batch(x, y, return_pred=True)
    assert prediction.dtype == "float32"


def test_full_precision_casts_nothing(batches):
    """A network of one's own type keeps it, and there is no scaler."""
    model = Model(nn.Linear(3, 2).double(), "sgd", "cross_entropy")
    doubles = [(x.double(), y) for x, y in batches]
    model.fit_generator(doubles, epochs=1, verbose=False)
    assert model.predict_on_batch(doubles[0][0]).dtype == "float64"
    assert model.scaler is None
    assert (
        Model(nn.Linear(3, 2), precision="bf16", optimizer=None, loss_function=None).scaler is None
    )


@accumulating
@pytest.mark.parametrize("step", [None, own_step])
def test_gradients_are_shown_unscaled(make_model, acting, batches, batches_per_step, step):
    """What `on_backward_end` sees with fp16 are the gradients of full precision."""
    gradients = {}
    for precision in ("fp32", "fp16"):
        seen = gradients[precision] = []

        def look(callback, number, seen=seen):
            seen.append(callback.model.network.weight.grad.clone())

        model = make_model(precision=precision, training_step=step)
        callbacks = acting("on_backward_end", look)
        model.fit_generator(
            batches,
            epochs=2,
            batches_per_step=batches_per_step,
            callbacks=callbacks,
            verbose=False,
        )
    assert (
        len(gradients["fp16"]) == len(gradients["fp32"]) == 2 * (5 if batches_per_step == 1 else 3)
    )
    for found, expected in zip(gradients["fp16"], gradients["fp32"], strict=True):
        assert torch.allclose(found, expected, rtol=0.02, atol=0.002)
    assert model.scaler.get_scale() == 2.0**16


def overflowing(y_pred, y):
    """A loss whose gradient overflows in fp16 once it is scaled by 2**16, not by 2**14."""
    return nn.functional.cross_entropy(y_pred.float(), y) + 2.5 * (
        y_pred.sum() - y_pred.sum().detach()
    )


@accumulating
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", ["plain", "own", "optimizing", "several"])
def test_a_skipped_step_is_no_step(batches, acting, batches_per_step, fused, kind):
    """With a gradient that overflows the weights stay, and those who count steps count none."""
    if batches_per_step > 1 and kind == "optimizing":
        pytest.skip("a step that minimizes by itself cannot accumulate")
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    made = torch.optim.Adam(network.parameters(), fused=fused)
    steps = {
        "plain": None,
        "several": None,
        "own": lambda model, batch: overflowing(model.network(batch[0]), batch[1]),
    }

    def optimizing(model, batch):
        loss = overflowing(model.network(batch[0]), batch[1])
        model.optimize(loss)
        return loss

    model = Model(
        network,
        {"only": made} if kind == "several" else made,
        overflowing,
        training_step=steps.get(kind, optimizing),
        precision="fp16",
    )
    counted, weights = OptimizerSteps(), []
    counted.watch(model.optimizer)
    look = acting("on_train_batch_end", lambda *_: weights.append(network.weight.detach().clone()))
    recorder = Recorder()
    model.fit_generator(
        batches,
        epochs=2,
        batches_per_step=batches_per_step,
        callbacks=[look, recorder],
        verbose=False,
    )
    complete = sum(hook == "on_backward_end" for hook in recorder.hooks)
    changes = sum(
        not torch.equal(one, other)
        for one, other in zip([weights[0], *weights], weights, strict=False)
    )
    halvings = 2.0**16 / model.scaler.get_scale()
    skipped = int(torch.tensor(halvings).log2())
    assert skipped >= 1
    assert counted.take() == complete - skipped
    assert changes == complete - skipped
    assert getattr(made, "_step_supports_amp_scaling", False) is fused
    assert torch.isfinite(network.weight).all()


def test_the_scale_is_state(make_model, batches):
    """The scaler's state goes through a file into another model, and along to a device."""
    model = make_model(loss_function=overflowing, precision="fp16")
    model.fit_generator(batches, epochs=1, verbose=False)
    state = model.scaler.state_dict()
    assert state["scale"] < 2.0**16
    other = make_model(loss_function=overflowing, precision="fp16")
    other.scaler.load_state_dict(state)
    other.to("cpu")
    assert other.scaler.state_dict() == state


def test_a_callback_that_fails_leaves_no_scaled_trace(make_model, acting, batches):
    """After an error in `on_backward_end` the model can be fitted again."""

    def fail(*arguments):
        raise OSError("no")

    model = make_model(precision="fp16")
    with pytest.raises(OSError, match="no"):
        model.fit_generator(
            batches, epochs=1, callbacks=acting("on_backward_end", fail), verbose=False
        )
    assert len(model.fit_generator(batches, epochs=1, verbose=False)) == 1


def test_a_closure_cannot_be_scaled(make_model, batches):
    """LBFGS is refused with fp16 and told what to use, and that works."""
    expected = 'LBFGS computes the loss of a batch several times.*use precision="bf16" or "fp32"'
    with pytest.raises(ValueError, match=expected):
        make_model("lbfgs", precision="fp16")
    history = make_model("lbfgs", precision="bf16").fit_generator(batches, epochs=3, verbose=False)
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "fp61",
            "`precision` must be one of 'fp32', 'bf16', 'fp16', not 'fp61'; did you mean 'fp16'?",
        ),
        ("bf-16", "did you mean 'bf16'"),
        (16, "must be one of 'fp32', 'bf16', 'fp16', not 16"),
    ],
)
def test_a_wrong_precision_is_refused(make_model, given, message):
    """The error tells what there is."""
    with pytest.raises(ValueError, match=re.escape(message)):
        make_model(precision=given)


@pytest.mark.gpu
@mixed
def test_precision_on_a_gpu(make_model, batches, precision):
    """On a GPU, too, forwards are autocast, and the scaler is that of the device."""
    model = make_model(precision=precision, device="cuda")
    seen = seen_types(model.network)
    history = model.fit_generator(batches, batches, epochs=10, verbose=False)
    assert set(seen) == {MIXED[precision]}
    assert history[-1]["loss"] < history[0]["loss"]
    if precision == "fp16":
        assert model.scaler.state_dict()["scale"] == 2.0**16
