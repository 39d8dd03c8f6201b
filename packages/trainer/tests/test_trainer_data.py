# SPDX-License-Identifier: MIT
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, SequentialSampler
from torch.utils.data import TensorDataset as TorchDataset

from callbacks_trainer import TensorDataset, torch_apply, torch_to_numpy
from callbacks_trainer.convert import concatenate, to_tensors
from callbacks_trainer.data import make_loader

Named = namedtuple("Named", ["one", "two"])


class Frame:
    """Something that can only turn itself into an array, as a table of pandas does."""

    def __init__(self, values):
        self.values = np.array(values)

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_examples_have_the_shape_of_the_arguments():
    """Nested tuples are indexed together, and keep their nesting."""
    ids, lengths, y = torch.arange(4), np.arange(4) * 10, torch.arange(4) * 100
    dataset = TensorDataset((ids, (lengths, ids)), y)
    assert len(dataset) == 4
    assert dataset[2] == ((2, (20, 2)), 200)
    assert dataset[-1] == ((3, (30, 3)), 300)
    assert isinstance(dataset[0][0][1][0], torch.Tensor)


def test_a_single_value_is_no_tuple():
    """A dataset of inputs alone yields inputs."""
    assert TensorDataset(torch.arange(3))[1] == 1
    assert TensorDataset((torch.arange(3),))[1] == (1,)


@pytest.mark.parametrize("value", [np.arange(3.0), Frame([0.0, 1.0, 2.0]), torch.arange(3.0)])
def test_arrays_become_tensors(value):
    """Anything that turns into an array will do."""
    assert torch.equal(TensorDataset(value).values[0].double(), torch.arange(3.0).double())


@pytest.mark.parametrize("values", [(), ((),), ((), ((), ()))])
def test_a_dataset_of_nothing(values):
    """A dataset without a tensor is refused."""
    with pytest.raises(ValueError, match="at least one tensor"):
        TensorDataset(*values)


def test_lengths_that_differ():
    """The error shows every length, with its place in the nest."""
    with pytest.raises(ValueError, match=r"\[0\]\[0\]: 3, values\[0\]\[1\]: 4, values\[1\]: 3"):
        TensorDataset((torch.zeros(3), torch.zeros(4)), torch.zeros(3))


@pytest.mark.parametrize("value", [3, "text", [1.0, 2.0], None, {"x": torch.zeros(2)}])
def test_what_is_no_tensor(value):
    """Neither numbers nor lists of them are taken for data."""
    with pytest.raises(TypeError, match="expected a tensor, an array or a tuple of them, not"):
        TensorDataset(value)


def test_it_equals_the_dataset_of_torch():
    """Without nesting it yields the batches of `torch.utils.data.TensorDataset`."""
    x, y = torch.randn(7, 2), torch.randn(7)
    ours, theirs = (
        [torch.cat(parts) for parts in zip(*DataLoader(dataset, batch_size=3), strict=True)]
        for dataset in (TensorDataset(x, y), TorchDataset(x, y))
    )
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_options_reach_the_loader():
    """What is asked for is what `DataLoader` is given, contradictions included."""
    dataset = TensorDataset(torch.arange(8))
    loader = make_loader(
        dataset, batch_size=3, num_workers=2, collate_fn=list, options={"drop_last": True}
    )
    assert (loader.batch_size, loader.num_workers, loader.drop_last) == (3, 2, True)
    assert loader.collate_fn is list
    sampler = SequentialSampler(dataset)
    with pytest.raises(ValueError, match="mutually exclusive"):
        make_loader(dataset, batch_size=3, options={"sampler": sampler, "shuffle": True})
    shuffled = make_loader(dataset, batch_size=3, shuffle=True, options={"sampler": None})
    assert type(shuffled.sampler).__name__ == "RandomSampler"


NESTS = st.recursive(
    st.integers(1, 3).map(lambda n: torch.full((2, n), float(n))),
    lambda nests: (
        st.lists(nests, min_size=1, max_size=3)
        | st.lists(nests, min_size=1, max_size=3).map(tuple)
        | st.dictionaries(st.text("ab", min_size=1), nests, min_size=1, max_size=3)
        | st.tuples(nests, nests).map(lambda pair: Named(*pair))
    ),
    max_leaves=6,
)


def same(one, other):
    """Whether two nests have the same shape and the same tensors."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if type(one) is not type(other) or len(one) != len(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return all(same(a, b) for a, b in zip(one, other, strict=True))


@given(NESTS)
def test_applying_keeps_the_nest(nest):
    """Applying nothing gives the same nest; doubling and halving comes back to it."""
    assert same(torch_apply(nest, lambda tensor: tensor), nest)
    doubled = torch_apply(nest, lambda tensor: 2 * tensor)
    assert same(torch_apply(doubled, lambda tensor: tensor / 2), nest)


@given(NESTS, st.integers(1, 4))
def test_joining_is_tensor_by_tensor(nest, number):
    """Joined copies of a nest are the nest of joined copies."""
    assert same(
        concatenate([nest] * number), torch_apply(nest, lambda tensor: torch.cat([tensor] * number))
    )


@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_batches_become_tensors(device):
    """Arrays and what turns into them become tensors; texts, numbers and None stay."""
    found = to_tensors({"x": [np.ones(2), Frame([1.0, 1.0])], "rest": ("text", 3, None)}, device)
    assert all(torch.equal(part, torch.ones(2, dtype=torch.float64)) for part in found["x"])
    assert found["rest"] == ("text", 3, None)


def test_what_is_no_tensor_is_left_alone():
    """Numbers, strings and None go through as they are."""
    assert torch_apply([1, "a", None, {"b": 2.5}], lambda tensor: 0) == [1, "a", None, {"b": 2.5}]


@pytest.mark.parametrize("copied", [False, True])
def test_arrays_share_memory_unless_copied(copied):
    """`torch_to_numpy` gives a view of a tensor on the CPU, or memory of its own."""
    tensor = torch.zeros(2, requires_grad=True)
    found = torch_to_numpy({"x": [tensor]}, copy=copied)["x"][0]
    assert isinstance(found, np.ndarray)
    with torch.no_grad():
        tensor += 1
    assert found.tolist() == ([0, 0] if copied else [1, 1])
