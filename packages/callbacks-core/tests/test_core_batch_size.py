# SPDX-License-Identifier: MIT
from collections import namedtuple
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import get_batch_size, warning_settings


class Array:
    """Anything with a shape: a tensor or a NumPy array."""

    def __init__(self, *shape):
        self.shape = shape


Packed = namedtuple("Packed", ["data", "batch_sizes"])
Pair = namedtuple("Pair", ["x", "y"])


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ((Array(5, 2),), 5),
        ((Array(5), Array(7)), 5),
        ((Array(), Array(4)), 4),
        (([Array(5, 2), Array(5)],), 5),
        (((("text", Array(3)), Array(9)),), 3),
        ((Pair(Array(6), Array(6)),), 6),
        (({"x": Array(5, 2), "y": Array(5)},), 5),
        (({"x": Array(5), "batch_size": 8},), 8),
        (({"x": Array(5), "batch_size": True},), 5),
        ((MappingProxyType({"x": [None, Array(2)]}), 3), 2),
        ((Packed(Array(11), [4, 4, 3]),), 4),
        (([Packed(Array(11), [4, 4, 3]), Array(9)],), 4),
        ((Array(0, 3),), 0),
        (("text", None, Array(3)), 3),
    ],
)
def test_the_size_is_that_of_the_first_thing_that_tells(values, size):
    """Arrays, tuples, mappings and packed sequences, nested in each other."""
    assert get_batch_size(*values) == size


@given(
    st.recursive(
        st.just(Array(7, 3)),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1),
            st.tuples(st.none(), inner),
            st.dictionaries(st.text(max_size=3), inner, min_size=1),
        ),
        max_leaves=5,
    )
)
def test_nesting_does_not_hide_the_size(batch):
    """However the arrays are wrapped, their length is found."""
    assert get_batch_size(batch) == 7


@pytest.mark.parametrize("values", [(), (None,), ("text",), (["a", "b"],), ({},), (Array(),), (3,)])
def test_an_unknown_size_is_one_with_a_warning(values):
    """The warning says what to do in a loop of one's own, with a dict, or to hear no more."""
    with pytest.warns(UserWarning, match=r"taken as 1.*loop\.log\(size=.*\"batch_size\".*ignore"):
        assert get_batch_size(*values) == 1


def test_the_warning_can_be_silenced(monkeypatch):
    """`warning_settings` turns the warning off (a warning would be an error here)."""
    monkeypatch.setitem(warning_settings, "batch_size", "ignore")
    assert get_batch_size("text") == 1
