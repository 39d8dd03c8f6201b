# SPDX-License-Identifier: MIT
"""A signal that comes to the workers of the loaders too spoils no save."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals and fork"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How each training ended whose process group was signalled."""
    folder = tmp_path_factory.mktemp("groups")
    script = Path(__file__).with_name("group.py")
    done = subprocess.run(
        [sys.executable, script, folder],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases: dict[str, Any] = json.loads((folder / "found.json").read_text("utf-8"))
    return cases


@pytest.mark.parametrize(
    ("case", "code", "saved"),
    [
        ("SIGINT in a batch", 130, [2, 3]),
        ("SIGINT waiting for a batch", 130, [2, 4]),  # which the worker still makes
        ("SIGINT waiting for the first", 130, [2, 1]),
        ("SIGINT validating", 130, [2, 6]),
        ("SIGTERM in a batch", 143, [2, 3]),
        ("SIGTERM waiting for a batch", 143, [2, 3]),  # as the worker is dead
        ("SIGTERM waiting for the first", 143, None),  # the end of the epoch before
        ("SIGTERM validating", 143, [2, 6]),
    ],
)
def test_a_signal_to_the_whole_group(case, code, saved, found):
    """Within the deadline of 60 seconds the last batch is saved, the exit code is the usual one,
    and the run that is gone on with ends bit for bit like one that nobody has touched.
    """
    if case == "SIGINT waiting for a batch":
        assert found[case][1] in ([2, 3], saved)  # it may come before the wait has begun
        saved = found[case][1]
    assert found[case] == [code, saved, 0, True]
