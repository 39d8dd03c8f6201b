# SPDX-License-Identifier: MIT
"""How long an import takes in a new process."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter


def measure(times: int = 9) -> dict[str, float]:
    """Return the milliseconds that each import adds to an interpreter's start."""
    start = _median("pass", times)
    modules = ("callbacks_core", "callboard")
    return {module: 1000 * (_median(f"import {module}", times) - start) for module in modules}


def _median(code: str, times: int) -> float:
    return median(_seconds(code) for _ in range(times + 1))


def _seconds(code: str) -> float:
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - begin
