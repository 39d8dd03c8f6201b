# SPDX-License-Identifier: MIT
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import FatalCallbackError, MissingMetricError, Monitor, Stateful

modes = st.sampled_from(["min", "max"])
numbers = st.floats(allow_nan=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
deltas = st.floats(min_value=0, max_value=1e6)


def seen(values, mode="min", min_delta=0.0):
    """Return the monitor after *values*, and which of them improved."""
    monitor = Monitor("loss", mode, min_delta)
    return monitor, [monitor.improved({"loss": value}) for value in values]


@given(st.lists(numbers), modes, deltas)
def test_nan_never_improves(values, mode, min_delta):
    """Wherever NaN turns up, it is no improvement and leaves the best value alone."""
    monitor, _ = seen(values, mode, min_delta)
    best = monitor.best
    assert not monitor.is_better(math.nan)
    assert not monitor.improved({"loss": math.nan})
    assert monitor.best == best


@given(finite, modes)
def test_any_number_improves_on_nothing(value, mode):
    """The first finite value is the best one so far, whatever was not a number before it."""
    monitor, improved = seen([math.nan, value], mode)
    assert improved == [False, True]
    assert monitor.best == value


@pytest.mark.parametrize(("mode", "worst"), [("min", math.inf), ("max", -math.inf)])
def test_the_worst_infinity_is_no_improvement(mode, worst):
    """The infinity that one starts from does not beat itself."""
    assert seen([worst], mode)[1] == [False]


@given(finite, modes, deltas)
def test_an_equal_value_is_no_improvement(value, mode, min_delta):
    """Improvement is strict."""
    assert seen([value, value], mode, min_delta)[1] == [True, False]


@given(st.lists(numbers), modes)
def test_without_min_delta_the_best_is_the_extremum(values, mode):
    """The monitor ends with the smallest or the largest value it has seen."""
    worst, extremum = (math.inf, min) if mode == "min" else (-math.inf, max)
    monitor, improved = seen(values, mode)
    assert monitor.best == extremum(values, default=worst)
    assert sum(improved) == len({extremum(values[: n + 1]) for n in range(len(values))} - {worst})


@given(st.lists(numbers), deltas)
def test_the_modes_are_mirror_images(values, min_delta):
    """Watching values for "min" is watching their negatives for "max"."""
    low, improved_low = seen(values, "min", min_delta)
    high, improved_high = seen([-value for value in values], "max", min_delta)
    assert improved_low == improved_high
    assert low.best == -high.best


@pytest.mark.parametrize(
    ("values", "improved"),
    [([1.0, 0.5], False), ([1.0, 0.49], True), ([1.0, 0.7, 0.45], True), ([1.0, 0.7, 0.5], False)],
)
def test_a_change_must_exceed_min_delta(values, improved):
    """A change by `min_delta` is none; small gains do not move the best, and so add up."""
    assert seen(values, "min", 0.5)[1][-1] is improved


def test_is_better_remembers_nothing():
    """Asking does not change the best value."""
    monitor = Monitor("loss")
    assert monitor.is_better(1.0)
    assert monitor.best == math.inf


@pytest.mark.parametrize(
    ("name", "logs", "message"),
    [
        (
            "val_los",
            {"loss": 1.0, "val_loss": 1.0},
            "there is no 'val_los' in the logs, which have 'loss', 'val_loss'; "
            "did you mean 'val_loss'?",
        ),
        (
            "val_loss",
            {"epoch": 1, "loss": 1.0},
            "there is no 'val_loss' in the logs, which have 'epoch', 'loss'; "
            "is there a validation loader?",
        ),
        ("f1", {"loss": 1.0}, "there is no 'f1' in the logs, which have 'loss'"),
        ("f1", {}, "there is no 'f1' in the logs, which have nothing"),
    ],
)
def test_a_missing_value_is_an_error_that_lists_what_there_is(name, logs, message):
    """The message suggests the near miss, or the validation that was forgotten."""
    with pytest.raises(MissingMetricError) as caught:
        Monitor(name).improved(logs)
    assert str(caught.value) == message


def test_a_missing_value_is_fatal_and_a_key_error():
    """No failure policy swallows it, and `except KeyError` catches it."""
    assert issubclass(MissingMetricError, FatalCallbackError)
    assert issubclass(MissingMetricError, KeyError)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            ("loss", "mim"),
            ValueError,
            "`mode` must be one of 'min', 'max', not 'mim'; did you mean",
        ),
        (("loss", "auto"), ValueError, "`mode` must be one of 'min', 'max', not 'auto'"),
        ((None,), TypeError, "`monitor` must be the name of a value in the logs, not None"),
        (("loss", "min", "0.1"), TypeError, "`min_delta` must be a number, not '0.1'"),
        (("loss", "min", True), TypeError, "`min_delta` must be a number, not True"),
        (
            ("loss", "min", -0.1),
            ValueError,
            "`min_delta` must be zero or more, and finite, not -0.1",
        ),
        (
            ("loss", "min", math.nan),
            ValueError,
            "`min_delta` must be zero or more, and finite, not nan",
        ),
        (
            ("loss", "min", math.inf),
            ValueError,
            "`min_delta` must be zero or more, and finite, not inf",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, kind, message):
    """A bad value raises at construction."""
    with pytest.raises(kind, match=f"^{message}"):
        Monitor(*arguments)


@given(st.lists(numbers), st.lists(numbers), modes, deltas)
def test_a_restored_monitor_goes_on_as_if_nothing_had_happened(before, after, mode, min_delta):
    """State carries the best value, in plain types, and all that follows is the same."""
    original, _ = seen(before, mode, min_delta)
    restored = Monitor("loss", mode, min_delta)
    state = original.state_dict()
    assert {type(value) for value in state.values()} == {float}
    restored.load_state_dict(state)
    for value in after:
        assert restored.improved({"loss": value}) == original.improved({"loss": value})
    assert isinstance(restored, Stateful)


@given(st.lists(finite, min_size=1), modes)
def test_a_reset_monitor_is_a_new_one(values, mode):
    """After `reset` any number is an improvement again."""
    monitor, _ = seen(values, mode)
    monitor.reset()
    assert monitor.improved({"loss": values[0]})
