# SPDX-License-Identifier: MIT
import math

import pytest
import torch

from callbacks_core import SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_policies import ClipNorm, ClipValue


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
