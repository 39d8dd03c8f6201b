# SPDX-License-Identifier: MIT
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_logging.progress.eta import Eta

times = st.lists(st.floats(0.001, 1000), min_size=1, max_size=50)


def observe_each(eta, durations):
    now = 0.0
    for step, duration in enumerate(durations, 1):
        now += duration
        eta.observe(step, now)


@given(times)
def test_the_kth_step_has_the_weight_k(durations):
    """The pace is the mean of the times, weighted by the numbers of the steps."""
    eta = Eta(0.0)
    observe_each(eta, durations)
    weights = range(1, len(durations) + 1)
    expected = sum(k * t for k, t in zip(weights, durations, strict=True)) / sum(weights)
    assert eta.seconds_per_step() == pytest.approx(expected)


@given(times)
def test_equal_weights_give_the_plain_mean(durations):
    """With equal weights the pace is the time so far over the steps so far."""
    eta = Eta(0.0, equal_weights=True)
    observe_each(eta, durations)
    assert eta.seconds_per_step() == pytest.approx(sum(durations) / len(durations))


@given(st.integers(1, 1000), st.floats(0.01, 100), st.booleans(), st.data())
def test_even_steps_can_be_observed_at_any_interval(steps, duration, equal_weights, data):
    """When all steps take the same time, it does not matter which of them were looked at."""
    looks = data.draw(st.sets(st.integers(1, steps), max_size=5)) | {steps}
    eta = Eta(7.0, equal_weights=equal_weights)
    for look in sorted(looks):
        eta.observe(look, 7.0 + look * duration)
    assert eta.seconds_per_step() == pytest.approx(duration)
    assert eta.remaining(steps + 10) == pytest.approx(10 * duration)


def test_nothing_is_estimated_before_the_first_step():
    """There is no pace yet, and no division by zero."""
    assert Eta(0.0).remaining(10) == 0.0


def test_more_steps_than_announced_leave_no_negative_time():
    """A loader that is longer than it says does not turn back the time."""
    eta = Eta(0.0)
    eta.observe(5, 5.0)
    assert eta.remaining(3) == 0.0
