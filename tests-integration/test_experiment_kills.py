# SPDX-License-Identifier: MIT
"""An experiment that is killed and started again ends as one that nobody has touched."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from callboard import load_checkpoint

SEEDS = ("1", "2", "3")
pytestmark = pytest.mark.timeout(660)
STATES = ("checkpoint.ckpt", "checkpoint.optim", "checkpoint.randomstate", "last.epoch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    folder = tmp_path_factory.mktemp("experiments")
    script = Path(__file__).with_name("_experiment_runs.py")
    subprocess.run([sys.executable, script, folder, *SEEDS], check=True, timeout=600)
    return folder


def equal(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} | {p.name for p in (folder / "run").iterdir()}


def log(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.tsv", encoding="utf-8", newline="") as file:
        return [row | {"time": ""} for row in csv.DictReader(file, delimiter="\t")]


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_three_times_it_ends_like_one_that_was_not(folder, seed):
    """Weights, optimizer, random state, schedules and log, bit for bit; and the same files."""
    straight, killed = folder / "straight", folder / seed
    assert files(killed) == files(straight)
    assert log(killed) == log(straight)
    schedules = [path.name for path in straight.glob("*.lrsched")]
    best = [path.name for path in straight.glob("checkpoint_epoch_*.ckpt")]
    assert len(schedules) == 2
    assert len(best) == 1
    for name in (*STATES, *schedules, *best):
        if name == "last.epoch":
            assert (killed / name).read_text() == (straight / name).read_text()
        else:
            ours, theirs = load_checkpoint(killed / name), load_checkpoint(straight / name)
            assert equal(ours, theirs), name


def test_its_curves_do_not_overlap(folder):
    """TensorBoard shows each epoch once."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def curve(name: str) -> list[tuple[int, float]]:
        found = module.EventAccumulator(str(folder / name / "tensorboard" / "loss_val_loss"))
        found.Reload()
        (tag,) = found.Tags()["scalars"]
        return [(event.step, event.value) for event in found.Scalars(tag)]

    assert curve("straight")
    for seed in SEEDS:
        assert curve(seed) == curve("straight")
