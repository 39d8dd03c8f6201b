# SPDX-License-Identifier: MIT
"""Trainings that are killed, refused and cut off from power find their way back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

FAULTS = Path(__file__).parent
HARMS = [
    "kill between calls",
    "kill within a write",
    "short write",
    "ENOSPC once",
    "ENOSPC from then on",
    "EIO once",
    "EIO from then on",
    "EACCES once",
    "EACCES from then on",
    "power cut",
]

pytestmark = pytest.mark.timeout(660)


class Report(NamedTuple):
    """What the program said: its table, and what was lost."""

    code: int
    rows: dict[str, tuple[int, int]]
    lost: str


def harm(case: str, *options: str) -> Report:
    """Harm some of the calls: `hatch run faults` does all of them, of every case."""
    command = [sys.executable, str(FAULTS), case, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode == 2:
        pytest.skip(done.stderr.strip())
    rows = {}
    for line in done.stdout.splitlines()[1:-1]:
        tried, survived = line.split()[-2:]
        rows[line[28:52].strip()] = (int(tried), int(survived))
    return Report(done.returncode, rows, done.stderr)


@pytest.mark.parametrize(
    ("case", "epoch"), [("best file and run", 3), ("weights, asynchronous", 1)]
)
def test_training_survives_harm_at_every_call(case: str, epoch: int) -> None:
    """Killed, refused or cut off anywhere, it goes on from the last epoch that it acknowledged."""
    report = harm(case, "--epoch", str(epoch))
    assert report.lost == ""
    assert list(report.rows) == HARMS
    assert all(tried == survived > 0 for tried, survived in report.rows.values())
    assert report.code == 0


def test_a_whole_run_survives_a_sample_of_harms() -> None:
    """With every callback that writes, its files end like those of a run that nobody disturbed."""
    report = harm("whole run", "--sample", "2")
    assert report.lost == ""
    assert report.rows == dict.fromkeys(HARMS, (2, 2))
    assert report.code == 0


def test_the_harm_is_real() -> None:
    """A saver that writes over its last file does not survive it, and the program says so."""
    report = harm("weights, in place", "--epoch", "2")
    assert report.code == 1
    fatal = {name for name, (tried, survived) in report.rows.items() if survived < tried}
    assert fatal >= {"kill between calls", "kill within a write", "EIO from then on", "power cut"}
    assert "kill within at call" in report.lost
