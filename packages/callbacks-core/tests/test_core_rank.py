# SPDX-License-Identifier: MIT
import sys
from types import SimpleNamespace

import pytest

from callbacks_core import is_rank_zero, rank, world_size


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Begin as a process that trains alone."""
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def group(**answers):
    answers = {"is_available": True, "is_initialized": True, **answers}
    return SimpleNamespace(**{name: lambda value=value: value for name, value in answers.items()})


def test_a_process_alone_is_rank_zero_of_one():
    """Without a launcher there is one process, and it does the printing."""
    assert (rank(), world_size(), is_rank_zero()) == (0, 1, True)


@pytest.mark.parametrize(("number", "zero"), [("0", True), ("1", False), ("3", False)])
def test_the_launcher_tells_the_rank(monkeypatch, number, zero):
    """What `torchrun` puts into the environment counts before a process group is there."""
    monkeypatch.setenv("RANK", number)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (rank(), world_size(), is_rank_zero()) == (int(number), 4, zero)


@pytest.mark.parametrize("nonsense", ["", "first", "1.5"])
def test_nonsense_in_the_environment_is_ignored(monkeypatch, nonsense):
    """A variable that holds no number belongs to somebody else."""
    monkeypatch.setenv("RANK", nonsense)
    monkeypatch.setenv("WORLD_SIZE", nonsense)
    assert (rank(), world_size()) == (0, 1)


def test_a_process_group_goes_before_the_environment(monkeypatch):
    """Once there is a process group, it is asked."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    there = group(get_rank=5, get_world_size=8)
    monkeypatch.setitem(sys.modules, "torch.distributed", there)
    assert (rank(), world_size(), is_rank_zero()) == (5, 8, False)


@pytest.mark.parametrize("answer", ["is_available", "is_initialized"])
def test_without_a_process_group_the_environment_counts(monkeypatch, answer):
    """A torch without distributed training, or one that has not begun it, is not asked."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setitem(sys.modules, "torch.distributed", group(**{answer: False}))
    assert rank() == 1
