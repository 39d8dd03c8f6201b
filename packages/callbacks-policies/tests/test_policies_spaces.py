# SPDX-License-Identifier: MIT
import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_policies import constant, cosinespace, expspace, linspace, polyspace

SPACES = [linspace, cosinespace, expspace, polyspace]
SYMMETRIC = [linspace, cosinespace]
numbers = st.floats(-1e9, 1e9)
positives = st.floats(1e-9, 1e9)


@pytest.mark.parametrize("space", SPACES)
@given(data=st.data(), steps=st.integers(1, 200))
def test_a_space_runs_from_start_to_end(space, data, steps):
    """It has as many values as steps, begins and ends exactly, and goes one way only."""
    start, end = data.draw(st.tuples(*[positives if space is expspace else numbers] * 2))
    values = list(space(start, end, steps))
    assert len(values) == steps == len(space(start, end, steps))
    assert values[0] == start
    assert steps == 1 or values[-1] == end
    assert values == sorted(values, reverse=end < start)
    assert all(type(value) is float for value in values)


@pytest.mark.parametrize("space", SYMMETRIC)
@given(start=numbers, end=numbers, steps=st.integers(2, 200))
def test_a_space_is_symmetric(space, start, end, steps):
    """Halfway through the steps half of the way is done, and the second half mirrors the first."""
    values = list(space(start, end, steps))
    scale = max(abs(start), abs(end))
    for first, last in zip(values, reversed(values), strict=True):
        assert first + last == pytest.approx(start + end, abs=1e-9 * scale)


@given(start=numbers, end=numbers, steps=st.integers(2, 200), step=st.integers(0, 199))
def test_the_shapes_are_those_of_their_formulas(start, end, steps, step):
    """A straight line, and half a period of a cosine."""
    step %= steps
    part, scale = step / (steps - 1), max(abs(start), abs(end))
    line = start + (end - start) * part
    cosine = end + (start - end) * (1 + math.cos(math.pi * part)) / 2
    assert linspace(start, end, steps)[step] == pytest.approx(line, abs=1e-9 * scale)
    assert cosinespace(start, end, steps)[step] == pytest.approx(cosine, abs=1e-9 * scale)


@pytest.mark.parametrize("sign", [1, -1])
@given(start=positives, end=positives, steps=st.integers(2, 200), step=st.integers(0, 199))
def test_an_exponential_space_has_equal_factors(sign, start, end, steps, step):
    """Its logarithms are at equal distances; both ends may be negative."""
    step %= steps
    line = linspace(math.log(start), math.log(end), steps)[step]
    value = expspace(sign * start, sign * end, steps)[step]
    assert value * sign == pytest.approx(math.exp(line), rel=1e-9)


@given(start=numbers, end=numbers, steps=st.integers(2, 200), power=st.floats(0.1, 9))
def test_a_polynomial_space_shrinks_what_is_left(start, end, steps, power):
    """What is left of the way is a power of what is left of the steps; power 1 is a line."""
    scale = max(abs(start), abs(end))
    for step, value in enumerate(polyspace(start, end, steps, power=power)):
        left = (1 - step / (steps - 1)) ** power
        assert value - end == pytest.approx((start - end) * left, abs=1e-9 * scale)
    line = list(linspace(start, end, steps))
    assert list(polyspace(start, end, steps, power=1)) == pytest.approx(line, abs=1e-9 * scale)


@pytest.mark.parametrize("power", [0.9, 1, 2.5])
def test_a_polynomial_space_is_the_schedule_of_torch(power):
    """Down to zero it has the rates of `PolynomialLR`."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=10, power=power)
    for rate in polyspace(0.3, 0, 11, power=power):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate, abs=1e-12)
        optimizer.step()
        scheduler.step()


@given(value=numbers, steps=st.integers(1, 200))
def test_a_constant_space_stays(value, steps):
    """Each of its values is the number, as a float."""
    assert list(constant(value, steps)) == [value] * steps
    assert constant(1, 10**15)[-2] == 1.0
    assert type(constant(1, 2)[0]) is float


def test_a_constant_space_shows_how_it_was_made():
    """And so does a polynomial one with its power."""
    assert repr(constant(1, 3)) == "constant(1.0, 3)"
    assert constant(1, 3) == constant(1.0, 3) != linspace(1, 1, 3)
    assert repr(polyspace(1, 2, 3, power=3)) == "polyspace(1.0, 2.0, 3, power=3.0)"
    assert polyspace(1, 2, 3, power=3) != polyspace(1, 2, 3)


MAKERS = [
    lambda steps: linspace(1, -2, steps),
    lambda steps: cosinespace(1, -2, steps),
    lambda steps: expspace(3, 0.1, steps),
    lambda steps: polyspace(3, 0.1, steps, power=3),
    lambda steps: constant(3, steps),
]


@pytest.mark.parametrize("make", MAKERS, ids=["lin", "cosine", "exp", "poly", "constant"])
@given(steps=st.integers(1, 50), data=st.data())
def test_a_space_is_a_sequence(make, steps, data):
    """It indexes, slices, counts and can be gone through again, as its list does."""
    space = make(steps)
    values = list(space)
    assert list(space) == values
    assert list(reversed(space)) == values[::-1]
    index = data.draw(st.integers(-steps, steps - 1))
    assert space[index] == values[index]
    part = data.draw(st.slices(steps))
    assert space[part] == values[part]
    assert values[-1] in space
    for outside in (steps, -steps - 1):
        with pytest.raises(IndexError):
            space[outside]


def test_the_examples_of_the_docstrings():
    """Short spaces are what anybody would expect."""
    assert list(linspace(0, 1, 3)) == [0.0, 0.5, 1.0]
    assert list(linspace(0, 1, 1)) == [0.0]
    assert list(cosinespace(0, 1, 1)) == [0.0]
    assert list(expspace(1, 100, 3)) == [1.0, 10.0, 100.0]
    assert list(polyspace(1, 0, 5)) == [1.0, 0.5625, 0.25, 0.0625, 0.0]
    assert list(cosinespace(0, 1, 5)) == pytest.approx([0, 0.1464, 0.5, 0.8536, 1], abs=1e-4)


@pytest.mark.parametrize("space", SPACES)
def test_a_space_is_lazy(space):
    """A space of any length costs nothing, and any of its values is there at once."""
    long = space(1, 3, 10**15 + 1)
    assert long[5 * 10**14] == pytest.approx(space(1, 3, 3)[1])
    assert long[-1] == 3.0


@pytest.mark.parametrize(("start", "end"), [(-0.1, 0.44), (0.9, -0.24)])
def test_rounding_does_not_lead_out_of_a_space(start, end):
    """Here ``start + (end - start)`` lies beyond the end by a digit."""
    assert (start + (end - start) - end) * (end - start) > 0
    assert cosinespace(start, end, 10**12)[-2] == end


@pytest.mark.parametrize("space", SPACES)
def test_a_space_shows_how_it_was_made(space):
    """The repr makes an equal space; copies and pickles are equal too."""
    made = space(0.1, 1, 5)
    assert repr(made).startswith(f"{space.__name__}(0.1, 1.0, 5")
    for other in (eval(repr(made)), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert hash(other) == hash(made)
    assert made != space(0.1, 1, 6)
    assert linspace(0, 1, 2) != cosinespace(0, 1, 2)
    assert linspace(0, 1, 2) != [0.0, 1.0]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1, 0), ValueError, "`steps` must be at least 1, not 0"),
        ((0, 1, -3), ValueError, "`steps` must be at least 1, not -3"),
        ((0, 1, 2.5), TypeError, "`steps` must be a whole number, not 2.5"),
        ((math.inf, 1, 2), ValueError, "`start` must be finite, not inf"),
        ((0, math.nan, 2), ValueError, "`end` must be finite, not nan"),
        (("0", 1, 2), TypeError, "`start` must be a number, not '0'"),
        ((0, True, 2), TypeError, "`end` must be a number, not True"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(space, arguments, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        space(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: expspace(0, 1, 2), ValueError, "`start` and `end` must both be positive or both"),
        (lambda: expspace(1, -1.0, 2), ValueError, "`start` and `end` must both be positive or"),
        (
            lambda: expspace(1e-300, 1e300, 2),
            ValueError,
            "`start` and `end` are too far apart: 1e-300 and 1e+300",
        ),
        (lambda: polyspace(0, 1, 2, power=0), ValueError, "`power` must be positive, not 0"),
        (lambda: polyspace(0, 1, 2, power=math.inf), ValueError, "`power` must be finite, not inf"),
        (lambda: polyspace(0, 1, 2, power="2"), TypeError, "`power` must be a number, not '2'"),
        (lambda: constant(math.nan, 2), ValueError, "`value` must be finite, not nan"),
        (lambda: constant([1], 2), TypeError, "`value` must be a number, not [1]"),
        (lambda: constant(1, 0), ValueError, "`steps` must be at least 1, not 0"),
    ],
)
def test_a_space_that_cannot_be_is_refused(make, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)
