# SPDX-License-Identifier: MIT
"""Rows of numbers in a state are those that were put there."""

import copy
import io
import pickle
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callbacks_core import RowPacker, is_packed, unpacked

NUMBERS = st.floats(allow_nan=False) | st.integers()
ROWS = st.lists(
    st.dictionaries(st.sampled_from("abc"), NUMBERS | st.sampled_from([None, "x", True]))
    | st.fixed_dictionaries({"epoch": st.integers(1, 9), "loss": st.floats(allow_nan=False)})
)


@pytest.fixture(params=["with torch", "without"])
def perhaps_torch(request, monkeypatch):
    """Whether torch was imported, which decides what numbers become."""
    if request.param == "without":
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        return None
    return pytest.importorskip("torch")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, ROWS)
def test_rows_come_back_as_they_were(perhaps_torch, first, second):
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


def test_nan_and_infinity_are_numbers_too(perhaps_torch):
    """Bit for bit, in a file too that torch has saved and loads without any code."""
    rows = [{"loss": float("nan"), "best": float("-inf"), "zero": -0.0, "epoch": 3}] * 2
    packed = RowPacker().pack(rows)
    assert repr(unpacked(packed)) == repr(rows)
    if perhaps_torch is not None:
        file = io.BytesIO()
        perhaps_torch.save(packed, file)
        file.seek(0)
        loaded = perhaps_torch.load(file, weights_only=True)
        assert is_packed(loaded)
        assert repr(unpacked(loaded)) == repr(rows)


def test_rows_that_were_never_packed_are_read_too():
    """As states of another origin have them."""
    rows = [{"epoch": 1, "loss": 0.5}, {}, {"packed": 1.0}]
    assert unpacked(rows) == rows
    assert unpacked(()) == []


def test_what_is_packed_is_known_from_what_is_not():
    """Whatever the names in the rows are."""
    rows = [{"packed": 1.0, "order": 2.0, "last": 3.0}, {"packed": "text", "order": 2}, {}]
    packed = RowPacker().pack(rows)
    assert is_packed(packed)
    assert is_packed(RowPacker().pack([]))
    assert unpacked(packed) == rows
    assert [is_packed(other) for other in (rows, *rows, [], None)] == [False] * 6


def test_the_last_row_may_still_be_written_to():
    """By whoever comes after the one that saves; the rows before it are done with."""
    packer = RowPacker()
    rows = [{"epoch": 1, "loss": 0.5}]
    assert unpacked(packer.pack(rows)) == rows
    rows[0]["late"] = 1.0
    rows.append({"epoch": 2, "loss": 0.25})
    assert unpacked(packer.pack(rows)) == rows


def test_numbers_are_few_objects():
    """However many rows there are, and if every second one has more names too."""
    packer = RowPacker()
    rows = [{"epoch": number, "loss": 0.5} for number in range(1000)]
    for row in rows[::2]:
        row["val_loss"] = 0.75
    assert len(packer.pack(rows)["packed"]) == 2
    rows += [{"epoch": 1000, "loss": 0.5, "note": "text"}, {"epoch": 1001, "loss": 0.5}]
    assert [sorted(group) for group in packer.pack(rows)["packed"]] == [
        ["names", "numbers", "whole"],
        ["names", "numbers", "whole"],
        ["rows"],
    ]
    assert unpacked(packer.pack(rows)) == rows
