# SPDX-License-Identifier: MIT
"""Checkpoints of models that are spread over processes: real processes, real shards."""

import importlib.util
import os
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import distributed, nn

from callbacks_checkpoint import DamagedCheckpointError, UnsafeCheckpointError
from callbacks_checkpoint.sharded import (
    _manifest,
    is_sharded,
    load_sharded,
    save_sharded,
    verify_sharded,
)

pytestmark = pytest.mark.skipif(
    not distributed.is_available(), reason="this torch has no torch.distributed"
)


def state(value):
    """Tensors and plain values, all of them told by *value*."""
    return {
        "network": {"weight": torch.full((6, 4), float(value)), "bias": torch.full((6,), value)},
        "epoch": value,
        "name": f"number {value}",
    }


def shards(folder):
    (found,) = folder.glob("shards-*")
    return found


def flip(path, at=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 1
    path.write_bytes(content)


def test_a_checkpoint_comes_back(tmp_path):
    """Tensors in place, other values in the dict."""
    save_sharded(state(3), tmp_path / "a")
    loaded = state(0)
    weight = loaded["network"]["weight"]
    load_sharded(loaded, tmp_path / "a")
    assert torch.equal(weight, torch.full((6, 4), 3.0))
    assert torch.equal(loaded["network"]["bias"], torch.full((6,), 3))
    assert (loaded["epoch"], loaded["name"]) == (3, "number 3")


def test_each_save_takes_the_place_of_the_one_before(tmp_path):
    """And leaves nothing else behind."""
    for value in (1, 2, 3):
        save_sharded(state(value), tmp_path / "a")
    loaded = state(0)
    load_sharded(loaded, tmp_path / "a")
    assert loaded["epoch"] == 3
    assert sorted(os.listdir(tmp_path / "a")) == ["manifest.json", "shards-3"]


@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_save_that_fails_leaves_the_old_checkpoint(tmp_path, monkeypatch, step):
    """Until the manifest is there the old one counts; the next save removes the remains."""
    save_sharded(state(1), tmp_path / "a")

    def failing(*arguments, **options):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(_manifest.Manifest, "write", failing)
        else:
            patch.setattr(os, "replace", failing)
        with pytest.raises(OSError, match="Input/output error"):
            save_sharded(state(2), tmp_path / "a")
    verify_sharded(tmp_path / "a")
    loaded = state(0)
    load_sharded(loaded, tmp_path / "a")
    assert loaded["epoch"] == 1
    assert (tmp_path / "a" / "shards-2").is_dir()
    save_sharded(state(3), tmp_path / "a")
    assert sorted(os.listdir(tmp_path / "a")) == ["manifest.json", "shards-2"]


@pytest.mark.parametrize("name", [".metadata", "__0_0.distcp"])
def test_a_flipped_bit_is_noticed(tmp_path, name):
    """In any shard and in the index, before anything is loaded."""
    save_sharded(state(1), tmp_path / "a")
    flip(shards(tmp_path / "a") / name)
    loaded = state(0)
    with pytest.raises(DamagedCheckpointError, match=f"some bytes of {name} have changed"):
        load_sharded(loaded, tmp_path / "a")
    with pytest.raises(DamagedCheckpointError):
        verify_sharded(tmp_path / "a")
    assert loaded["epoch"] == 0
    assert not loaded["network"]["weight"].any()


def test_a_missing_shard_is_noticed(tmp_path):
    """And told by its name."""
    save_sharded(state(1), tmp_path / "a")
    (shards(tmp_path / "a") / "__0_0.distcp").unlink()
    with pytest.raises(DamagedCheckpointError, match=r"__0_0\.distcp is missing"):
        verify_sharded(tmp_path / "a")


def test_any_change_of_the_manifest_is_noticed(tmp_path):
    """Each of its bytes, and its end."""
    save_sharded(state(1), tmp_path / "a")
    manifest = tmp_path / "a" / "manifest.json"
    content = manifest.read_bytes()
    for at in range(len(content)):
        manifest.write_bytes(content)
        flip(manifest, at)
        with pytest.raises(DamagedCheckpointError):
            verify_sharded(tmp_path / "a")
        manifest.write_bytes(content[:at])
        with pytest.raises(DamagedCheckpointError):
            verify_sharded(tmp_path / "a")


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("was-here",)


def seal(folder):
    """Write a manifest that fits whatever is in the folder now."""
    found = shards(folder)
    files = {name: _manifest.describe(found / name) for name in os.listdir(found)}
    _manifest.Manifest(found.name, files).write(folder / "manifest.json")


def test_an_index_cannot_run_code(tmp_path, monkeypatch):
    """torch would unpickle whatever is in it."""
    monkeypatch.chdir(tmp_path)
    save_sharded(state(1), tmp_path / "a")
    (shards(tmp_path / "a") / ".metadata").write_bytes(pickle.dumps(Hostile()))
    seal(tmp_path / "a")
    with pytest.raises(UnsafeCheckpointError, match="its index asks for "):
        load_sharded(state(0), tmp_path / "a")
    assert not os.path.exists("was-here")


def test_a_value_cannot_run_code(tmp_path, monkeypatch):
    """torch would unpickle whatever is in a value that is no tensor."""
    monkeypatch.chdir(tmp_path)
    save_sharded({"value": Hostile()}, tmp_path / "a")
    assert not os.path.exists("was-here")
    with pytest.raises(UnsafeCheckpointError, match="more than tensors and plain types"):
        load_sharded({"value": 1}, tmp_path / "a")
    assert not os.path.exists("was-here")


def test_a_state_that_does_not_fit_is_refused(tmp_path):
    """With an error that can be caught as any other."""
    save_sharded(state(1), tmp_path / "a")
    with pytest.raises(Exception, match="missing_name"):
        load_sharded({"missing_name": torch.zeros(3)}, tmp_path / "a")


def test_plain_tensors_are_not_sharded():
    """What is in one process alone needs no shards."""
    assert not is_sharded(state(1))
    assert not is_sharded([1, (None, {"a": nn.Parameter(torch.ones(1))})])


WORKER = """
import sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from callbacks_checkpoint.sharded import (
    OtherRankError, is_sharded, load_sharded, save_sharded, sharded
)

folder = Path(sys.argv[1])
distributed.init_process_group("gloo")
rank = distributed.get_rank()
torch.manual_seed(1)
network = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
for layer in network:
    fully_shard(layer, mesh=mesh)
fully_shard(network, mesh=mesh)
optimizer = torch.optim.Adam(network.parameters(), lr=0.1)


def state():
    return {
        "network": network.state_dict(),
        "optimizer": get_optimizer_state_dict(network, optimizer),
        "epoch": 0,
    }


# What one process has saved is loaded into the shards of two.
loaded = {"network": network.state_dict()}
assert is_sharded(loaded)
load_sharded(loaded, folder / "one")
expected = torch.load(folder / "one.pt", weights_only=True)
for name, value in network.state_dict().items():
    assert torch.equal(value.full_tensor(), expected[name]), name

# They train a step and save, each its own part; then they load it again.
network(torch.ones(4, 7)).square().sum().backward()
optimizer.step()
save_sharded({**state(), "epoch": 5}, folder / "two")
whole = {name: value.full_tensor() for name, value in network.state_dict().items()}
moments = {
    name: each["exp_avg"].full_tensor()
    for name, each in get_optimizer_state_dict(network, optimizer)["state"].items()
}
if rank == 0:
    torch.save({"network": whole, "moments": moments}, folder / "two.pt")
with torch.no_grad():
    for parameter in network.parameters():
        parameter.zero_()
loaded = state()
load_sharded(loaded, folder / "two")
assert loaded["epoch"] == 5
for name, value in network.state_dict().items():
    assert torch.equal(value.full_tensor(), whole[name]), name

# Where one of them fails, both say so, and the old checkpoint counts.
describe = sharded.describe
if rank == 1:
    def failing(path):
        raise OSError(5, "Input/output error")

    sharded.describe = failing
try:
    save_sharded({**state(), "epoch": 6}, folder / "two")
except OtherRankError as error:
    print(f"rank {rank}: {error}", flush=True)
except OSError as error:
    print(f"rank {rank} itself: {error}", flush=True)
sharded.describe = describe
distributed.barrier()
loaded = state()
load_sharded(loaded, folder / "two")
assert loaded["epoch"] == 5
distributed.destroy_process_group()
"""


SAVERS = """
import sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from callbacks_checkpoint import ModelCheckpoint, OnException, OptimizerCheckpoint, Retention
from callbacks_core import FatalCallbackError, TrainingLoop

folder = Path(sys.argv[1])
distributed.init_process_group("gloo")
torch.manual_seed(1)
network = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
for layer in network:
    fully_shard(layer, mesh=mesh)
fully_shard(network, mesh=mesh)
optimizer = torch.optim.Adam(network.parameters(), lr=0.1)


def train(*savers):
    with TrainingLoop(network, optimizer, callbacks=savers) as loop:
        for epoch in loop.epochs(3):
            for x in epoch.train([torch.ones(4, 7)]):
                optimizer.zero_grad()
                network(x).square().sum().backward()
                optimizer.step()
            epoch.log(score=[3.0, 1.0, 2.0][epoch.number - 1] + distributed.get_rank())
            if epoch.number == 2:
                best.update({k: v.full_tensor().clone() for k, v in network.state_dict().items()})


best = {}
weights = ModelCheckpoint(
    folder / "{epoch}-{score:.0f}",
    monitor="score",
    save_best_only=True,
    keep_only_last_best=True,
    restore_best=True,
    best_link=folder / "best",
)
train(weights, OptimizerCheckpoint(folder / "optimizer"))
for name, value in network.state_dict().items():
    assert torch.equal(value.full_tensor(), best[name]), name
if distributed.get_rank() == 0:
    torch.save(best, folder / "best.pt")
state = OptimizerCheckpoint(folder / "optimizer")
state.set_model(weights.model)
before = {n: s["exp_avg"].full_tensor().clone() for n, s in state.state_to_save()["state"].items()}
optimizer.zero_grad()  # as in a new process
optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
state.set_model(type(weights.model)(network, optimizer))
state._restore_folder(str(folder / "optimizer"))
after = {n: s["exp_avg"].full_tensor() for n, s in state.state_to_save()["state"].items()}
assert before and all(torch.equal(before[name], after[name]) for name in before)
try:
    train(ModelCheckpoint(folder / "never-{batch}", trigger=OnException(OSError)))
except FatalCallbackError as error:
    print(error, flush=True)
distributed.destroy_process_group()
"""


def run_two(code, folder):
    """Run *code* in two processes that talk to each other."""
    worker = folder / "worker.py"
    worker.write_text(textwrap.dedent(code), encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", str(worker), str(folder)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(
    importlib.util.find_spec("numpy") is None, reason="torch needs NumPy to send objects"
)
def test_sharded_models_are_saved_by_all_and_loaded_by_any_number(tmp_path):
    """One process saves, two load, train and save, and one loads again."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
    save_sharded({"network": network.state_dict()}, tmp_path / "one")
    torch.save(network.state_dict(), tmp_path / "one.pt")
    done = run_two(WORKER, tmp_path)
    assert "rank 0: rank 1 failed with OSError: [Errno 5] Input/output error" in done.stdout
    assert "rank 1 itself: [Errno 5] Input/output error" in done.stdout

    expected = torch.load(tmp_path / "two.pt", weights_only=True)
    optimizer = {
        f"optimizer.state.{name}.exp_avg": torch.zeros_like(value)
        for name, value in expected["moments"].items()
    }
    loaded = {"network": network.state_dict(), "epoch": 0, **optimizer}
    load_sharded(loaded, tmp_path / "two")
    assert loaded["epoch"] == 5
    for name, value in network.state_dict().items():
        assert torch.equal(value, expected["network"][name])
    for name, value in expected["moments"].items():
        assert value.any()
        assert torch.equal(loaded[f"optimizer.state.{name}.exp_avg"], value)
    assert len(os.listdir(tmp_path / "two" / "shards-1")) == 3


@pytest.mark.skipif(
    importlib.util.find_spec("numpy") is None, reason="torch needs NumPy to send objects"
)
def test_savers_notice_that_a_model_is_sharded(tmp_path):
    """All processes save; rank zero decides, names and removes; the best comes back."""
    done = run_two(SAVERS, tmp_path)
    assert "use another trigger than OnException" in done.stdout
    there = sorted(os.listdir(tmp_path))
    assert there == ["2-1", "best", "best.pt", "optimizer", "worker.py"]
    network = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
    loaded = network.state_dict()
    load_sharded(loaded, tmp_path / "best")
    expected = torch.load(tmp_path / "best.pt", weights_only=True)
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)
