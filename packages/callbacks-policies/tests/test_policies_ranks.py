# SPDX-License-Identifier: MIT
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import distributed


@pytest.mark.skipif(not distributed.is_available(), reason="torch was built without it")
def test_on_several_ranks_policies_do_what_they_do_on_one():
    """`policies_on_ranks.py` compares clipped gradients, trained weights and averages."""
    script = Path(__file__).with_name("policies_on_ranks.py")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    rendezvous = ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    done = subprocess.run(
        [*launcher, *rendezvous, str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all the same" in done.stdout
