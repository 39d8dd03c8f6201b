# SPDX-License-Identifier: MIT
import copy
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import RunningMean, RunningMeans
from callbacks_core.averages import _CHUNK

torch = pytest.importorskip("torch")

values = st.floats(-1e6, 1e6, width=32)
weights = st.integers(1, 64)
entries = st.lists(st.tuples(values, weights, st.booleans()), max_size=2 * _CHUNK + 10)
kinds = st.sampled_from(["numbers", "tensors", "both"])


def scalar(value, as_tensor):
    return torch.tensor(value) if as_tensor else value


def mean_of(entries):
    mean = RunningMean()
    for value, weight, as_tensor in entries:
        mean.add(scalar(value, as_tensor), weight)
    return mean


def formula(entries):
    total = math.fsum(value * weight for value, weight, _ in entries)
    return total / sum(weight for _, weight, _ in entries)


@given(entries.filter(bool), kinds)
def test_the_mean_is_that_of_the_formula(entries, kind):
    """Numbers, tensors or both: the weighted mean, to double precision."""
    if kind != "both":
        entries = [(value, weight, kind == "tensors") for value, weight, _ in entries]
    result = mean_of(entries).result()
    assert torch.is_tensor(result) == any(as_tensor for _, _, as_tensor in entries)
    assert float(result) == pytest.approx(formula(entries), rel=1e-12, abs=1e-6)


@given(entries, st.data())
def test_a_state_taken_anywhere_continues_bit_for_bit(entries, data):
    """Saved and loaded in the middle of a chunk, the mean is the very same in the end."""
    cut = data.draw(st.integers(0, len(entries)))
    first = mean_of(entries[:cut])
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = RunningMean()
    second.load_state_dict(torch.load(file, weights_only=True))
    for value, weight, as_tensor in entries[cut:]:
        second.add(scalar(value, as_tensor), weight)
    whole = mean_of(entries).result()
    assert float(second.result()) == float(whole) or (not entries and math.isnan(whole))


@given(entries)
def test_taking_a_state_changes_nothing(entries):
    """A mean whose state was taken goes on as if it had not been."""
    mean = RunningMean()
    for value, weight, as_tensor in entries:
        mean.state_dict()
        mean.add(scalar(value, as_tensor), weight)
    assert float(mean.result()) == float(mean_of(entries).result()) or not entries


def test_a_state_is_a_copy():
    """What is added later does not appear in a state taken before."""
    mean = mean_of([(1.0, 1, True)])
    state = mean.state_dict()
    before = copy.deepcopy(state)
    mean.add(torch.tensor(5.0))
    assert state == before


def test_a_mean_of_nothing_is_not_a_number():
    """Neither is one of weight nothing."""
    assert math.isnan(RunningMean().result())
    assert math.isnan(mean_of([(1.0, 0, False)]).result())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_one_value_that_is_not_finite_shows(bad, as_tensor):
    """A mean is finite exactly when all of its values are."""
    script = [(1.0, 2, as_tensor)] * _CHUNK
    assert math.isfinite(float(mean_of(script).result()))
    assert not math.isfinite(float(mean_of([*script, (bad, 2, as_tensor), *script]).result()))


def test_many_small_values_are_not_lost():
    """Single-precision tensors are added up in double precision."""
    mean = RunningMean()
    for _ in range(3000):
        mean.add(torch.tensor(0.1, dtype=torch.float32))
    assert float(mean.result()) == pytest.approx(float(torch.tensor(0.1)), rel=1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_any_kind_of_scalar_tensor_is_added(dtype, shape):
    """Half precision, integers, and one element in any number of dimensions."""
    mean = RunningMean()
    mean.add(torch.full(shape, 2, dtype=dtype))
    mean.add(torch.full(shape, 4, dtype=dtype))
    assert mean.result().item() == 3


def test_no_graph_is_kept():
    """A loss with a graph behind it is detached, so that the graph can go."""
    mean = RunningMean()
    mean.add((torch.ones(3, requires_grad=True) * 2).sum())
    assert not mean.result().requires_grad
    assert not any(tensor.requires_grad for tensor in mean.state_dict()["waiting"])


def test_what_waits_is_bounded():
    """A long epoch keeps no more than a chunk of tensors."""
    mean = RunningMean()
    for _ in range(10 * _CHUNK):
        mean.add(torch.tensor(1.0))
        assert len(mean.state_dict()["waiting"]) < _CHUNK


class Scalar32:
    """A number that is no `float`, as NumPy's single precision is."""

    def __float__(self):
        return 0.5


def test_numbers_of_other_libraries_become_floats():
    """What is no tensor and has a `float` in it is a number."""
    mean = RunningMean()
    mean.add(Scalar32(), 2)
    assert type(mean.result()) is float
    assert mean.result() == 0.5


def test_means_are_kept_by_name():
    """Each name has its own mean, in the order in which the names came."""
    means = RunningMeans()
    means.add({"loss": 1.0, "acc": torch.tensor(0.0)}, 1)
    means.add({"loss": 4.0, "acc": torch.tensor(1.0), "late": 2.0}, 3)
    assert list(means.result()) == ["loss", "acc", "late"]
    assert means.result() == {"loss": 3.25, "acc": 0.75, "late": 2.0}


def test_means_are_restored_together():
    """A state replaces what was there before."""
    means, again = RunningMeans(), RunningMeans()
    means.add({"loss": torch.tensor(1.0)}, 2)
    again.add({"other": 1.0}, 1)
    again.load_state_dict(means.state_dict())
    again.add({"loss": torch.tensor(4.0)}, 1)
    assert again.result() == {"loss": 2.0}
