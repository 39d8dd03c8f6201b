# SPDX-License-Identifier: MIT
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_policies import AdaptiveClip


def units_of(tensor):
    """The parts of a tensor that lead to one output each."""
    return [tensor] if tensor.dim() < 2 else list(tensor)


def expected(weight, gradient, clipping, eps):
    """The gradient after clipping, unit by unit, by the formula of the source."""
    clipped = []
    for unit, part in zip(units_of(weight), units_of(gradient), strict=True):
        norm = math.sqrt(sum(value**2 for value in part.flatten().tolist()))
        limit = clipping * max(math.sqrt(sum(v**2 for v in unit.flatten().tolist())), eps)
        clipped.append(part * (limit / norm) if norm > limit else part)
    return torch.stack(clipped).reshape(weight.shape)


@given(
    shape=st.lists(st.integers(1, 4), max_size=4),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([1e-4, 0.05, 1.0, 100.0]),
    clipping=st.sampled_from([0.01, 0.16, 1.0]),
    eps=st.sampled_from([1e-3, 0.5]),
)
def test_each_unit_is_clipped_as_in_the_formula(shape, seed, scale, clipping, eps):
    """Vectors as a whole, matrices by row, convolutions by filter; one unit of weights is zero."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator, dtype=torch.double)
    if shape:
        weight[0] = 0.0
    gradient = scale * torch.randn(shape, generator=generator, dtype=torch.double)
    parameter = torch.nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    AdaptiveClip(parameter, clipping, eps=eps).on_backward_end(1)
    torch.testing.assert_close(parameter.grad, expected(weight, gradient, clipping, eps))
    assert torch.equal(parameter, weight)


def test_small_gradients_stay_bit_for_bit():
    """What is within the limit is not touched, and a gradient of zero stays zero."""
    parameters = [torch.nn.Parameter(torch.ones(3, 4)), torch.nn.Parameter(torch.zeros(5))]
    parameters[0].grad = torch.full((3, 4), 0.0099)
    parameters[0].grad[1] = 0.0
    parameters[1].grad = torch.zeros(5)
    before = [parameter.grad.clone() for parameter in parameters]
    AdaptiveClip(parameters).on_backward_end(1)
    assert all(torch.equal(p.grad, grad) for p, grad in zip(parameters, before, strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_type_can_be_clipped(dtype):
    """Types may be mixed; each gradient keeps its own."""
    parameters = [
        torch.nn.Parameter(torch.ones(2, 4, dtype=dtype)),
        torch.nn.Parameter(torch.ones(4)),
    ]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    AdaptiveClip(parameters, 0.5).on_backward_end(1)
    for parameter in parameters:
        assert parameter.grad.dtype == parameter.dtype
        assert torch.equal(parameter.grad, torch.full_like(parameter, 0.5))


def test_the_optimizer_steps_with_clipped_gradients():
    """In a real loop no unit moves by more than its part."""
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 2.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    clip = AdaptiveClip(network.parameters(), 0.25)
    with TrainingLoop(network, optimizer, callbacks=clip) as loop:
        for epoch in loop.epochs(1):
            for x in epoch.train([torch.full((1, 1), 100.0)]):
                network(x).sum().backward()
                loop.backward_end()
                optimizer.step()
    assert network.weight.item() == pytest.approx(1.5)


def test_parameters_without_gradients_are_left_alone():
    """Frozen parameters and unused ones have none."""
    network = torch.nn.Linear(2, 2)
    with pytest.warns(RuntimeWarning, match="AdaptiveClip clipped nothing"):
        play(AdaptiveClip(network.parameters()), [{}], model=SimpleModel(network))
    assert [parameter.grad for parameter in network.parameters()] == [None, None]
    network.bias.grad = torch.ones(2)
    AdaptiveClip(network.parameters()).on_backward_end(1)
    assert network.weight.grad is None
    assert network.bias.grad.norm() < 0.02


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([],), {}, ValueError, "`parameters` must hold at least one tensor; was it used up"),
        ((torch.nn.Linear(1, 1),), {}, TypeError, "`parameters` must be tensors, not a module"),
        ((torch.ones(1), 0), {}, ValueError, "`clipping` must be positive, not 0"),
        ((torch.ones(1), math.inf), {}, ValueError, "`clipping` must be finite, not inf"),
        ((torch.ones(1), "1"), {}, TypeError, "`clipping` must be a number, not '1'"),
        ((torch.ones(1),), {"eps": 0.0}, ValueError, "`eps` must be positive, not 0.0"),
        ((torch.ones(1),), {"eps": math.nan}, ValueError, "`eps` must be positive, not nan"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, options, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        AdaptiveClip(*arguments, **options)
    assert str(caught.value).startswith(message)
