# SPDX-License-Identifier: MIT
"""A long training holds at its end what it held at its beginning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parent


@pytest.mark.timeout(660)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_nothing_grows_with_the_epochs() -> None:
    """Descriptors and threads stay the same, objects and memory too; `hatch run soak` is longer."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, str(SOAK), "--epochs", "100"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 22


def test_what_grows_is_noticed() -> None:
    """A descriptor more, a thread more, objects and memory with each epoch."""
    sys.path.insert(0, str(SOAK))
    try:
        from _soak import MIB, Sample, what_grows
    finally:
        del sys.path[0]
    flat = [Sample(epoch, 0.1, 300 * MIB, 20, 5, 90_000) for epoch in range(10, 210, 10)]
    assert what_grows(flat) == []
    grown = [
        Sample(s.epoch, 0.1, s.memory + s.epoch * 2**17, 20 + i, 5 + i, s.objects + 20 * s.epoch)
        for i, s in enumerate(flat)
    ]
    assert [problem.split()[0] for problem in what_grows(grown)] == [
        "descriptors",
        "threads",
        "20.0",
        "128",
    ]
