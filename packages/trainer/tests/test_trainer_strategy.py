# SPDX-License-Identifier: MIT
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from callbacks_trainer.distributed import Loaders
from callbacks_trainer.distributed._group import local_device
from callbacks_trainer.distributed._loaders import EvenBatches
from callbacks_trainer.distributed._sharded import blocks


class Two:
    """A stand-in for two processes that hold the same."""

    rank = 1
    size = 2

    def gather(self, value):
        return [value, value]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("dpp", ValueError, "must be one of 'auto', 'ddp', 'fsdp', not 'dpp'; did you mean 'ddp'?"),
        ({"name": "fsdp2"}, ValueError, "not 'fsdp2'; did you mean 'fsdp'?"),
        ({"find_unused_parameters": True}, ValueError, "not None"),
        (2, TypeError, "`strategy` must be a name, a mapping with 'name', or None, not 2"),
    ],
)
def test_a_wrong_strategy_is_refused(make_model, given, error, message):
    """The error tells what there is, though this process is alone."""
    with pytest.raises(error, match=re.escape(message)):
        make_model(strategy=given)


@pytest.mark.parametrize("strategy", ["auto", "ddp", "fsdp", {"name": "fsdp"}, None])
def test_a_single_process_needs_no_engine(make_model, batches, strategy):
    """Alone, every strategy trains as none does, and makes no process group."""
    model, plain = make_model(strategy=strategy), make_model()
    found = model.fit_generator(batches, batches, epochs=2, verbose=False)
    expected = plain.fit_generator(batches, batches, epochs=2, verbose=False)
    assert [epoch["val_loss"] for epoch in found] == [epoch["val_loss"] for epoch in expected]
    assert torch.equal(model.network.weight, plain.network.weight)
    assert not torch.distributed.is_initialized()


def test_a_process_takes_the_gpu_of_its_number(monkeypatch):
    """Whether it is asked for or not; a certain other one is refused."""
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert local_device(None) == torch.device("cuda:1")
    assert local_device("cuda") == torch.device("cuda:1")
    assert local_device("cuda:1") == torch.device("cuda:1")
    assert local_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"names one GPU, and this process is number 1 of its"):
        local_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert local_device(None) is None


@given(count=st.integers(1, 60), batch_size=st.integers(1, 9), size=st.integers(1, 5))
def test_shares_are_even_and_leave_nothing_out(count, batch_size, size):
    """Each example is in one share, in order; all shares have as many batches, none too big."""
    count = max(count, size)
    shares = [list(EvenBatches(count, batch_size, rank, size)) for rank in range(size)]
    assert [place for share in shares for batch in share for place in batch] == list(range(count))
    assert len({len(share) for share in shares}) == 1
    assert all(len(share) == len(EvenBatches(count, batch_size, 0, size)) for share in shares)
    sizes = [len(batch) for share in shares for batch in share]
    assert min(sizes) >= 1
    assert max(sizes) <= batch_size or max(sizes) <= min(sizes) + 1


class Stream(IterableDataset):
    def __iter__(self):
        return iter([torch.ones(3)] * 4)


DATA = TensorDataset(torch.arange(7.0))


@pytest.mark.parametrize(
    ("loader", "reason"),
    [
        ([1, 2], "it is a list, and no plain DataLoader"),
        (DataLoader(Stream(), 2), "its data set can only be iterated over"),
        (
            DataLoader(DATA, batch_size=None),
            "it has a batch sampler of its own, or makes no batches",
        ),
        (
            DataLoader(DATA, 2, sampler=WeightedRandomSampler([1.0] * 7, 7)),
            "it has a WeightedRandomSampler of its own",
        ),
        (
            DataLoader(DATA, 2, sampler=RandomSampler(DATA, replacement=True)),
            "it has a RandomSampler of its own",
        ),
        (
            DataLoader(
                DATA,
                batch_sampler=type("Own", (BatchSampler,), {})(SequentialSampler(DATA), 2, False),
            ),
            "it has a batch sampler of its own",
        ),
    ],
    ids=["list", "stream", "no batches", "weighted", "replacement", "batch sampler"],
)
def test_what_cannot_be_shared_out_is_used_as_it_is(loader, reason, caplog):
    """The log tells why, on rank zero."""
    caplog.set_level("INFO", logger="callbacks_trainer")
    group = Two()
    assert Loaders(group).evaluation(loader) == (loader, False)
    assert not caplog.records
    group.rank = 0
    assert Loaders(group).evaluation(loader) == (loader, False)
    assert Loaders(group).training(loader, steps=3) is loader
    assert [reason in record.getMessage() for record in caplog.records] == [True, True]


def test_a_shared_loader_keeps_its_options(caplog):
    """Whatever the loader was made with but its sampler is that of the new one; it is told of."""
    caplog.set_level("INFO", logger="callbacks_trainer")
    first = Two()
    first.rank = 0
    Loaders(first).training(DataLoader(DATA, 2))
    expected = "the training loader is made anew, to yield each process its share"
    assert [record.getMessage() for record in caplog.records] == [expected]

    def collate(examples):
        return torch.stack([example[0] for example in examples])

    loader = DataLoader(DATA, 2, shuffle=True, collate_fn=collate, timeout=0, drop_last=True)
    shared = Loaders(Two()).training(loader)
    assert shared is not loader
    assert shared.collate_fn is collate
    assert shared.batch_size == 2
    assert shared.drop_last
    assert [len(batch) for batch in shared] == [2]
    evaluated, is_shared = Loaders(Two()).evaluation(loader)
    assert is_shared
    assert torch.cat(list(evaluated)).tolist() == [3, 4, 5]  # of six: the seventh is dropped


def test_a_single_process_keeps_its_loader():
    """Alone, loaders are not looked at."""
    loader = DataLoader(DATA, 2, shuffle=True)
    assert Loaders(None).training(loader) is loader
    assert Loaders(None).evaluation(loader) == (loader, False)


def test_the_blocks_of_a_network_are_sharded_one_by_one():
    """Members of lists and sequences are, if they are big enough and share no weight."""
    tied, other = nn.Linear(4, 4), nn.Linear(4, 4)
    other.weight = tied.weight

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(9, 4)
            self.layers = nn.ModuleList(
                [nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 4), tied, other]
            )
            self.head = nn.Linear(4, 2)

    network = Network()
    assert set(blocks(network, 1)) == {network.layers[0][0], network.layers[1]}
    assert blocks(network, 21) == []
    assert blocks(network, 20) == blocks(network, 1)
