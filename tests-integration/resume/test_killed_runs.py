# SPDX-License-Identifier: MIT
"""A run that was killed, again and again, ends bit for bit as if nothing had been.

    hatch run resume --runs 20

kills so many runs with each callback, loader and loop by itself, and prints a table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# The callbacks of one run, those that write values of their own into the logs first. Those left
# out are tried in the full mode, each by itself.
TOGETHER = [
    "ClipNorm",
    "OneCycleLR",
    "LRMonitor",
    "AtomicCSVLogger",
    "BestModelRestore",
    "CSVGradientLogger",
    "CSVLogger",
    "DelayCallback",
    "EMA",
    "EarlyStopping",
    "HistoryLogger",
    "JSONLinesLogger",
    "MemoryGradientLogger",
    "ModelCheckpoint",
    "NotificationCallback",
    "OptimizerCheckpoint",
    "PeriodicSaveLambda",
    "RandomStatesCheckpoint",
    "StateCheckpoint",
    "TensorBoardGradientLogger",
    "TensorBoardLogger",
    "TerminateOnNaN",
]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs to fork processes")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Make the trials of a job, in children of one warm process."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    try:
        from _server import Server
        from _training import Job
        from _trials import Trials
    finally:
        del sys.path[:2]
    server = Server(tmp_path_factory.mktemp("server") / "log")

    def make(callbacks: list[str], **options: object) -> Trials:
        folder = tmp_path_factory.mktemp("trials")
        return Trials(server, folder, None, Job("", "", callbacks, **options))

    yield make
    server.close()


def test_all_callbacks_together(trials):
    """Weights, random states, counters, files and curves are those of the straight run."""
    run = trials(TOGETHER)
    assert [run.differences(seed) for seed in range(2)] == [[]] * 2


STEERING = [
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "GradualUnfreezing",
    "OptimizerPolicy",
    "ReduceLROnPlateau",
    "SWA",
    "SequentialLR",
    "Warmup",
]


@pytest.mark.parametrize("name", STEERING)
def test_a_callback_that_steers(name, trials):
    """A schedule, a policy or an average goes on where it was."""
    assert trials([name, "CSVLogger"]).differences(0) == []


@pytest.mark.parametrize(
    "loader",
    ["noisy", "own generator", "noisy, two workers", "streamed", "endless", "keeps its place"],
)
def test_every_kind_of_loader(loader, trials):
    """The batches that are left come in their order, with what is drawn in making them."""
    assert trials(["CSVLogger"], loader=loader).differences(1) == []


@pytest.mark.parametrize(
    ("loader", "seed"),
    [("stateful", 1), ("stateful, two workers", 0), ("stateful, two workers", 1)],
)
def test_loaders_of_torchdata(loader, seed, trials):
    """A loader that keeps its own place is asked for it, at an epoch's end (seed 0) and within."""
    pytest.importorskip("torchdata.stateful_dataloader")
    assert trials(["CSVLogger"], loader=loader).differences(seed) == []


@pytest.mark.parametrize("loop", ["hand", "accumulating", "averaging"])
def test_every_kind_of_loop(loop, trials):
    """By hand, with several batches to a step, and with averaged weights in the validation."""
    assert trials(["CSVLogger"], loop=loop).differences(2) == []


def test_saving_in_the_background(trials):
    """Files that are not yet written when the process dies were never counted on."""
    run = trials(["CSVLogger", "EMA"], asynchronous=True)
    assert run.differences(3, kills=3) == []


def test_the_trial_is_real(trials):
    """A callback that forgets its counter does not end like the straight run, and it is noticed."""
    assert trials(["Forgetful"]).differences(0) != []
