# SPDX-License-Identifier: MIT
"""The instructions of a step, counted by valgrind: the figure that a busy machine cannot change.

The loops run in a child under ``valgrind --tool=callgrind``, which counts only while they run. A
few lines of C switch the counting on and off, so a C compiler and valgrind's headers are needed.
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_MARKS: Final = """
#include <valgrind/callgrind.h>
void start(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void stop(const char *name) { CALLGRIND_DUMP_STATS_AT(name); CALLGRIND_STOP_INSTRUMENTATION; }
"""
_FEW, _MANY = 100, 500


def per_step() -> dict[str, float]:
    """Return each loop's instructions for a step; nothing where they cannot be counted."""
    if not (shutil.which("valgrind") and shutil.which("cc")):
        print("no count of instructions: it needs valgrind and a C compiler\n")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "marks.so"
        built = subprocess.run(
            ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)],
            input=_MARKS,
            text=True,
            capture_output=True,
        )
        if built.returncode:
            print("no count of instructions: valgrind's headers are missing\n")
            return {}
        print("counting instructions under valgrind, which takes some minutes ...\n", flush=True)
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
        command += [f"--callgrind-out-file={folder}/out", sys.executable, __file__, str(library)]
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
        )
        return _differences(_totals(Path(folder)))


def _totals(folder: Path) -> dict[str, int]:
    totals = {}
    for file in folder.glob("out.*"):
        text = file.read_text("utf-8")
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
        total = re.search(r"^totals: (\d+)", text, re.MULTILINE)
        if name and total:
            totals[name[1]] = int(total[1])
    return totals


def _differences(totals: dict[str, int]) -> dict[str, float]:
    """Take the start and the end of a run out: what a longer one has more is its steps."""
    names = dict.fromkeys(name.rpartition(" ")[0] for name in totals)
    return {
        name: (totals[f"{name} {_MANY}"] - totals[f"{name} {_FEW}"]) / (_MANY - _FEW)
        for name in names
    }


def _count(library: str) -> None:
    """Run every loop with few and with many steps, counting each: the child's part."""
    import torch
    from _workloads import WORKLOADS, make_batches

    marks = ctypes.CDLL(library)
    torch.set_num_threads(1)
    for name, make in WORKLOADS.items():
        loop = make()
        loop(make_batches(10))
        for steps in (_FEW, _MANY):
            batches = make_batches(steps)
            gc.collect()
            marks.start()
            loop(batches)
            marks.stop(f"{name} {steps}".encode())


if __name__ == "__main__":
    _count(sys.argv[1])
