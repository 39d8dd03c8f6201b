# SPDX-License-Identifier: MIT
import copy
import io
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import HOOKS, Callback, LazyLogs, SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_policies import AdaptiveClip, ClipNorm, ClipValue


def parameters_with_gradients(*gradients):
    parameters = [torch.nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return parameters


def gradients_of(parameters):
    return [parameter.grad.tolist() for parameter in parameters]


@pytest.mark.parametrize(
    ("norm_type", "max_norm", "factor"),
    [(2.0, 1.0, 1 / 5), (1.0, 1.0, 1 / 7), (math.inf, 2.0, 1 / 2), (2.0, 5.1, 1), (2, math.inf, 1)],
)
def test_the_common_norm_is_clipped(norm_type, max_norm, factor):
    """All gradients are scaled by one factor, and only when they are too large."""
    parameters = parameters_with_gradients([3.0, 0.0], [-4.0])
    ClipNorm(parameters, max_norm, norm_type).on_backward_end(1)
    first, second = gradients_of(parameters)
    assert first == pytest.approx([3 * factor, 0.0], rel=1e-5)
    assert second == pytest.approx([-4 * factor], rel=1e-5)


def test_each_element_is_clipped():
    """Elements beyond the value are cut to it, the others stay."""
    parameters = parameters_with_gradients([3.0, -0.25], [-4.0])
    ClipValue(parameters, 0.5).on_backward_end(1)
    assert gradients_of(parameters) == [[0.5, -0.25], [-0.5]]


@pytest.mark.parametrize(
    ("make", "movement"), [(ClipNorm, 0.5), (ClipValue, 0.5)], ids=["norm", "value"]
)
def test_the_optimizer_steps_with_clipped_gradients(make, movement):
    """In a real loop, clipping comes after the backward pass and before the step."""
    network = torch.nn.Linear(1, 1, bias=False)
    before = network.weight.item()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    with TrainingLoop(network, optimizer, callbacks=make(network.parameters(), 0.5)) as loop:
        for epoch in loop.epochs(1):
            for x in epoch.train([torch.full((1, 1), 100.0)]):
                network(x).sum().backward()
                loop.backward_end()
                optimizer.step()
    assert before - network.weight.item() == pytest.approx(movement, abs=1e-5)


def test_parameters_without_gradients_are_left_alone():
    """Frozen parameters and unused ones have none."""
    network = torch.nn.Linear(2, 2)
    clips = [ClipNorm(network.parameters(), 1.0), ClipValue(network.parameters(), 1.0)]
    with pytest.warns(RuntimeWarning, match="clipped nothing"):
        play(clips, [{}], model=SimpleModel(network))
    assert [parameter.grad for parameter in network.parameters()] == [None, None]


@pytest.mark.parametrize("make", [ClipNorm, ClipValue])
def test_a_single_tensor_and_a_generator_do(make):
    """A generator is gone through once, at construction."""
    (parameter,) = parameters_with_gradients([3.0])
    assert make(parameter, 1.0).parameters == [parameter]
    clip = make((p for p in [parameter]), 1.0)
    for _ in range(2):
        parameter.grad = torch.tensor([3.0])
        clip.on_backward_end(1)
        assert parameter.grad.item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("make", [ClipNorm, ClipValue])
@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (torch.nn.Linear(1, 1), TypeError, "`parameters` must be tensors, not a module: pass"),
        (
            list(torch.nn.Linear(1, 1).named_parameters()),
            TypeError,
            "`parameters` must be tensors, but number 0 is a tuple; pass network.parameters()",
        ),
        (3, TypeError, "`parameters` must be tensors, not 3"),
        ([], ValueError, "`parameters` must hold at least one tensor; was it used up before?"),
    ],
    ids=["module", "named", "number", "nothing"],
)
def test_what_is_no_parameter_is_refused(make, parameters, error, message):
    """Each message names the fix."""
    with pytest.raises(error) as caught:
        make(parameters, 1.0)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("make", "arguments", "error", "message"),
    [
        (ClipNorm, (0,), ValueError, "`max_norm` must be positive, not 0"),
        (ClipNorm, (-1.0,), ValueError, "`max_norm` must be positive, not -1.0"),
        (ClipNorm, ("1",), TypeError, "`max_norm` must be a number, not '1'"),
        (ClipNorm, (1.0, 0.0), ValueError, "`norm_type` must be positive, not 0.0"),
        (ClipNorm, (1.0, math.nan), ValueError, "`norm_type` must be positive, not nan"),
        (ClipValue, (0.0,), ValueError, "`clip_value` must be positive, not 0.0"),
        (ClipValue, (None,), TypeError, "`clip_value` must be a number, not None"),
    ],
)
def test_a_wrong_number_is_refused(make, arguments, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        make(torch.nn.Linear(1, 1).parameters(), *arguments)
    assert str(caught.value) == message


class Watcher(Callback):
    """Keeps what it finds in the logs: without reading it, those of batches."""

    def __init__(self):
        self.batches, self.epochs = [], []

    def on_train_batch_end(self, batch_number, logs):
        self.batches.append({key: logs.peek(key) for key in logs if key.startswith("grad_norm")})

    def on_epoch_end(self, epoch_number, logs):
        self.epochs.append({key: logs[key] for key in logs if key.startswith("grad_norm")})


def train(clips, gradients, *, epochs=1, skipped=(), accumulate=1, also=None):
    """Take a step with each gradient, except for the skipped ones; return what was logged."""
    parameter = clips[0].parameters[0]
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    watcher = Watcher()
    loop = TrainingLoop(
        torch.nn.Identity(), optimizer, callbacks=[*clips, watcher, *([also] if also else [])]
    )
    with loop:
        for epoch in loop.epochs(epochs):
            for number, gradient in enumerate(epoch.train(gradients), start=1):
                parameter.grad = torch.full_like(parameter, gradient)
                if number % accumulate == 0:
                    loop.backward_end()
                    if gradient not in skipped:
                        optimizer.step()
                loop.log(loss=0.0, size=1)
    return watcher


def one_parameter():
    return torch.nn.Parameter(torch.zeros(1))


def test_the_norm_before_clipping_is_logged():
    """As a tensor for each batch, and as the mean of an epoch."""
    clip = ClipNorm(one_parameter(), 1.0, log_name="grad_norm")
    logged = train([clip], [2.0, -4.0], epochs=2)
    assert all(type(logs["grad_norm"]) is torch.Tensor for logs in logged.batches)
    assert [float(logs["grad_norm"]) for logs in logged.batches] == [2.0, 4.0] * 2
    assert logged.epochs == [{"grad_norm": 3.0}] * 2
    assert clip.total_norm.item() == 4.0


def test_batches_between_steps_have_the_norm_of_the_last_step():
    """With accumulation there is one norm per step, and none before the first."""
    logged = train(
        [ClipNorm(one_parameter(), 1.0, log_name="grad_norm")], [9.0, 2.0, 9.0, 6.0], accumulate=2
    )
    assert logged.batches == [{}, {"grad_norm": 2.0}, {"grad_norm": 2.0}, {"grad_norm": 6.0}]
    assert logged.epochs == [{"grad_norm": 4.0}]


def test_a_skipped_step_is_not_in_the_mean():
    """An overflow of mixed precision would make it infinite; the batch's own logs show it."""
    gradients = [math.inf, 2.0, 4.0]
    logged = train(
        [ClipNorm(one_parameter(), 1.0, log_name="grad_norm")], gradients, skipped=[math.inf]
    )
    assert [float(logs["grad_norm"]) for logs in logged.batches] == gradients
    assert logged.epochs == [{"grad_norm": 3.0}]


def test_an_epoch_without_a_step_has_no_mean():
    """There is nothing to write."""
    assert train(
        [ClipNorm(one_parameter(), 1.0, log_name="grad_norm")], [1.0], accumulate=2
    ).epochs == [{}]


def test_each_group_is_clipped_and_logged_under_its_name():
    """A callback for each group, and one that does not tell."""
    parameter = one_parameter()
    clips = [
        ClipNorm(parameter, 3.0, log_name="grad_norm_body"),
        ClipNorm(parameter, 2.0, log_name="grad_norm_head"),
        ClipNorm(parameter, 1.0),
    ]
    (logged,) = train(clips, [5.0]).epochs
    assert logged == pytest.approx({"grad_norm_body": 5.0, "grad_norm_head": 3.0}, abs=1e-4)
    assert clips[2].total_norm.item() == pytest.approx(2.0, abs=1e-4)


def test_without_an_optimizer_every_norm_counts():
    """A loop that does not know the optimizer cannot know of its steps."""
    parameter = one_parameter()
    parameter.grad = torch.ones(1)
    history = play(ClipNorm(parameter, 9.0, log_name="grad_norm"), [{}]).history
    assert history[0]["grad_norm"] == pytest.approx(1.0)


def test_a_second_training_begins_anew():
    """Nothing is left of the norms before."""
    clip = ClipNorm(one_parameter(), 1.0, log_name="grad_norm")
    train([clip], [2.0])
    assert train([clip], [4.0], accumulate=2).batches == [{}]


def test_a_norm_that_is_not_finite_ends_the_run_on_request():
    """By default it does not, as in torch."""
    train([ClipNorm(one_parameter(), 1.0, log_name="grad_norm")], [math.nan])
    with pytest.raises(RuntimeError, match="non-finite"):
        train([ClipNorm(one_parameter(), 1.0, error_if_nonfinite=True)], [math.nan])


@pytest.mark.parametrize("foreach", [None, False, True])
def test_foreach_clips_alike(foreach):
    """It is handed to torch."""
    parameters = parameters_with_gradients([3.0, 0.0], [-4.0])
    ClipNorm(parameters, 1.0, foreach=foreach).on_backward_end(1)
    first, second = gradients_of(parameters)
    assert first + second == pytest.approx([0.6, 0.0, -0.8], rel=1e-5)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.1, 1e9, math.inf])
@pytest.mark.parametrize("dtypes", [[torch.float32] * 3, [torch.float32, torch.bfloat16] * 2])
def test_clipping_is_torchs_own_bit_for_bit(norm_type, max_norm, dtypes):
    """With parameters that are alike and that are not, with and without a gradient."""
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(3, 7, dtype=dtype)) for dtype in dtypes]
    others = copy.deepcopy(parameters)
    for parameter, other in list(zip(parameters, others, strict=True))[1:]:
        parameter.grad = torch.randn_like(parameter)
        other.grad = parameter.grad.clone()
    clip = ClipNorm(parameters, max_norm, norm_type)
    clip.on_backward_end(1)
    norm = torch.nn.utils.clip_grad_norm_(others, max_norm, norm_type, foreach=True)
    assert torch.equal(clip.total_norm, norm)
    assert all(torch.equal(p.grad, o.grad) for p, o in zip(parameters[1:], others[1:], strict=True))


@pytest.mark.parametrize("order", ["nan", "inf"])
def test_what_is_not_finite_clips_as_in_torch(order):
    """The gradients are beyond use then, whichever way they are scaled."""
    [parameter], [other] = (parameters_with_gradients([float(order), 1.0]) for _ in range(2))
    ClipNorm(parameter, 1.0).on_backward_end(1)
    torch.nn.utils.clip_grad_norm_(other, 1.0)
    assert torch.equal(parameter.grad.isnan(), other.grad.isnan())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"error_if_nonfinite": 1}, "`error_if_nonfinite` must be True or False, not 1"),
        ({"foreach": "yes"}, "`foreach` must be True, False or None, not 'yes'"),
        ({"log_name": 3}, "`log_name` must be a name or None, not 3"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    """Each message says what was expected and what came."""
    with pytest.raises(TypeError) as caught:
        ClipNorm(one_parameter(), 1.0, **options)
    assert str(caught.value) == message


@given(after=st.integers(1, 7), accumulate=st.integers(1, 3))
def test_a_resumed_run_logs_what_the_uninterrupted_one_does(after, accumulate):
    """The mean of the epoch goes on after any step, exactly."""

    class Cut(Callback):
        state = None

        def on_batch_settled(self, batch_number, logs):
            if Cut.state is None and batch_number >= after:
                file = io.BytesIO()
                torch.save([clip.state_dict(), batch_number], file)
                file.seek(0)
                Cut.state = torch.load(file, weights_only=True)

    gradients = [0.1, 0.7, 1.3, -2.9, 3.1, 0.3, 1.9]
    clip = ClipNorm(one_parameter(), 1.0, log_name="grad_norm")
    whole = train([clip], gradients, accumulate=accumulate, also=Cut())
    if Cut.state is None:
        assert after > 7 // accumulate * accumulate
        return
    state, batch = Cut.state
    clip = ClipNorm(one_parameter(), 1.0, log_name="grad_norm")
    clip.load_state_dict(state)
    if batch == len(gradients):
        return
    rest = train([clip], gradients[batch:], accumulate=accumulate)
    assert rest.batches == whole.batches[batch:]
    assert rest.epochs == whole.epochs


def test_the_mean_of_an_epoch_that_has_ended_is_not_taken_up():
    """A resumed run begins the next epoch anew."""
    clip = ClipNorm(one_parameter(), 1.0, log_name="grad_norm")
    train([clip], [2.0])
    again = ClipNorm(one_parameter(), 1.0, log_name="grad_norm")
    again.load_state_dict(clip.state_dict())
    assert again.state_dict() == clip.state_dict()
    assert train([again], [4.0, 6.0], epochs=2).epochs == [{"grad_norm": 5.0}] * 2
    assert ClipNorm(one_parameter(), 1.0).state_dict() == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_logging_the_norm_does_not_wait_for_the_device():
    """Neither clipping nor the logs of a batch synchronize."""
    parameter = torch.nn.Parameter(torch.zeros(1, device="cuda"))
    parameter.grad = torch.ones_like(parameter)
    clip = ClipNorm(parameter, 1.0, log_name="grad_norm")
    clip.set_model(SimpleModel(torch.nn.Identity()))
    clip.on_backward_end(1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        clip.on_backward_end(1)
        clip.on_train_batch_end(1, LazyLogs())
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_norm_is_not_read_on_the_way_into_the_logs():
    """On the meta device there is nothing to read, and reading raises."""
    parameter = torch.nn.Parameter(torch.zeros(2, device="meta"))
    parameter.grad = torch.ones_like(parameter)
    clip, logs = ClipNorm(parameter, 1.0, log_name="grad_norm"), LazyLogs()
    clip.set_model(SimpleModel(torch.nn.Identity()))
    clip.on_backward_end(1)
    clip.on_train_batch_end(1, logs)
    assert logs.peek("grad_norm").device.type == "meta"


def test_a_norm_that_is_not_logged_is_looked_at_by_nobody():
    """Without a name for the logs, nothing is done but the clipping."""
    silent, logging = (ClipNorm([torch.zeros(2)], 1.0, log_name=name) for name in (None, "norm"))
    heard = {hook for hook in HOOKS if silent.listens_to(hook)}
    assert heard == {"on_train_begin", "on_backward_end", "on_train_end", "close"}
    assert {"on_train_batch_end", "on_epoch_end"} <= {h for h in HOOKS if logging.listens_to(h)}


@pytest.mark.parametrize(
    "made",
    [
        lambda parameters: ClipNorm(parameters, 1.0),
        lambda parameters: ClipValue(parameters, 1.0),
        AdaptiveClip,
    ],
    ids=["ClipNorm", "ClipValue", "AdaptiveClip"],
)
@pytest.mark.parametrize("steps", [1, 150])
def test_parameters_that_never_have_a_gradient_are_told_once(made, steps):
    """They are those of another network; a long training need not end before it is said."""
    clip = made(one_parameter())
    clip.on_train_begin({})

    def train():
        for batch in range(steps):
            clip.on_backward_end(batch + 1)

    def tell():
        train()
        if steps < 100:
            clip.on_train_end({})

    with pytest.warns(RuntimeWarning, match="clipped nothing: none of its 1 parameters"):
        tell()
    train()
    clip.on_train_end({})  # once is enough; another warning would be an error here


def test_networks_that_take_turns_are_in_order():
    """A gradient that comes late is one: nothing is told."""
    clip = ClipNorm(parameter := one_parameter(), 1.0)
    clip.on_train_begin({})
    for batch in range(50):
        clip.on_backward_end(batch + 1)
    parameter.grad = torch.ones_like(parameter)
    clip.on_backward_end(51)
    clip.on_train_end({})
