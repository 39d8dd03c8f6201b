# SPDX-License-Identifier: MIT
"""Two processes under torchrun that are told to go save together, and go on exactly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import distributed

pytestmark = [
    pytest.mark.timeout(660),
    pytest.mark.skipif(
        not distributed.is_available() or not distributed.is_gloo_available() or os.name == "nt",
        reason="needs torch with Gloo, and POSIX signals",
    ),
]


def launch(folder: Path, part: str) -> tuple[int, str, list[Any]]:
    """Run a part in two processes; return how the launcher ended, and what they have written."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    script = Path(__file__).with_name("ranks.py")
    done = subprocess.run(
        [sys.executable, *launcher, script, folder, part],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
    )
    files = [folder / f"{part}-{rank}.json" for rank in (0, 1)]
    assert all(file.exists() for file in files), done.stdout + done.stderr
    return done.returncode, done.stderr, [json.loads(file.read_text("utf-8")) for file in files]


def test_a_launcher_that_is_told_to_end(tmp_path):
    """Its processes save the same batch and end with 143; resumed, in bf16, they end bit for bit
    like those of a run that nobody touched. A signal to one of them counts for both, and so do a
    trigger that goes off in one and the words in a control file.
    """
    code, output, first = launch(tmp_path, "first")
    assert code != 0
    (straight, own, restored), (other, others, also) = first
    assert (own, others, restored, also) == (143, 143, True, True), output
    assert straight == other
    names = sorted(os.listdir(tmp_path / "run"))
    assert names == ["checkpoint-00001-0000006.pt", "checkpoint-00002-0000003.pt"]
    code, output, second = launch(tmp_path, "second")
    assert code == 0, output
    assert second == [straight, straight]
