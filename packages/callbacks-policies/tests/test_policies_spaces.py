# SPDX-License-Identifier: MIT
import copy
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_policies import cosinespace, linspace

SPACES = [linspace, cosinespace]
numbers = st.floats(-1e9, 1e9)


@pytest.mark.parametrize("space", SPACES)
@given(start=numbers, end=numbers, steps=st.integers(1, 200))
def test_a_space_runs_from_start_to_end(space, start, end, steps):
    """It has as many values as steps, begins and ends exactly, and goes one way only."""
    values = list(space(start, end, steps))
    assert len(values) == steps == len(space(start, end, steps))
    assert values[0] == start
    assert steps == 1 or values[-1] == end
    assert values == sorted(values, reverse=end < start)
    assert all(type(value) is float for value in values)


@pytest.mark.parametrize("space", SPACES)
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


@given(steps=st.integers(1, 50), data=st.data())
def test_a_space_is_a_sequence(steps, data):
    """It indexes, slices, counts and can be gone through again, as its list does."""
    space = cosinespace(1, -2, steps)
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


def test_the_examples_of_the_reference():
    """Short spaces are what anybody would expect."""
    assert list(linspace(0, 1, 3)) == [0.0, 0.5, 1.0]
    assert list(linspace(0, 1, 1)) == [0.0]
    assert list(cosinespace(0, 1, 1)) == [0.0]
    assert list(cosinespace(0, 1, 5)) == pytest.approx([0, 0.1464, 0.5, 0.8536, 1], abs=1e-4)


@pytest.mark.parametrize("space", SPACES)
def test_a_space_is_lazy(space):
    """A space of any length costs nothing, and any of its values is there at once."""
    long = space(0, 1, 10**15 + 1)
    assert long[5 * 10**14] == pytest.approx(0.5)
    assert long[-1] == 1.0


@pytest.mark.parametrize(("start", "end"), [(-0.1, 0.44), (0.9, -0.24)])
def test_rounding_does_not_lead_out_of_a_space(start, end):
    """Here ``start + (end - start)`` lies beyond the end by a digit."""
    assert (start + (end - start) - end) * (end - start) > 0
    assert cosinespace(start, end, 10**12)[-2] == end


@pytest.mark.parametrize("space", SPACES)
def test_a_space_shows_how_it_was_made(space):
    """The repr makes an equal space; copies and pickles are equal too."""
    made = space(0.1, 1, 5)
    assert repr(made) == f"{space.__name__}(0.1, 1.0, 5)"
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
