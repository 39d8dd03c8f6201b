# SPDX-License-Identifier: MIT
"""Rows of numbers in a state are those that were put there."""

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import RowPacker, unpacked

NUMBERS = st.floats(allow_nan=False) | st.integers()
ROWS = st.lists(
    st.dictionaries(st.sampled_from("abc"), NUMBERS | st.sampled_from([None, "x", True]))
    | st.fixed_dictionaries({"epoch": st.integers(1, 9), "loss": st.floats(allow_nan=False)})
)


@given(ROWS, ROWS)
def test_rows_come_back_as_they_were(first, second):
    """Values, types and the order of the names; packed at once or bit by bit, or anew."""
    packer = RowPacker()
    for rows in (first, first + second, second, [*second, *first], [], first):
        found = unpacked(pickle.loads(pickle.dumps(packer.pack(rows))))
        assert found == rows
        for one, other in zip(found, rows, strict=True):
            assert list(one) == list(other)
            assert list(map(type, one.values())) == list(map(type, other.values()))
    assert unpacked(copy.deepcopy(packer).pack(second)) == second
    assert unpacked(pickle.loads(pickle.dumps(packer)).pack(second)) == second


def test_nan_and_infinity_are_numbers_too():
    """Bit for bit."""
    rows = [{"loss": float("nan"), "best": float("-inf")}]
    (found,) = unpacked(RowPacker().pack(rows))
    assert repr(found) == repr(rows[0])


def test_rows_that_were_never_packed_are_read_too():
    """As states of another origin have them."""
    rows = [{"epoch": 1, "loss": 0.5}, {}]
    assert unpacked(rows) == rows


def test_numbers_are_few_objects():
    """However many rows there are; only other names begin another run."""
    packer = RowPacker()
    rows = [{"epoch": number, "loss": 0.5} for number in range(1000)]
    assert len(packer.pack(rows)) == 1
    rows.append({"epoch": 1000, "loss": 0.5, "accuracy": 1.0})
    rows.append({"epoch": 1001, "loss": 0.5, "note": "text"})
    assert [sorted(run) for run in packer.pack(rows)] == [
        ["names", "numbers", "whole"],
        ["names", "numbers", "whole"],
        ["others"],
    ]
