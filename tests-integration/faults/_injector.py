# SPDX-License-Identifier: MIT
"""The library that does harm: how it is made, loaded and told what to do."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

LIBRARY = "CALLBOARD_FAULTS_LIBRARY"
MODES = ("record", "kill before", "kill after", "kill within", "fail", "short")


class Harm(NamedTuple):
    """What to do at which of the calls that touch the folder.

    Attributes:
        mode: One of `MODES`; "record" does no harm.
        at: The call, counted from 1.
        times: How many calls fail, from that one on.
        error: The error number that they fail with.
    """

    mode: str = "record"
    at: int = 0
    times: int = 1
    error: int = 0

    def __str__(self) -> str:
        name = f" with {errno.errorcode[self.error]}" if self.error else ""
        return f"{self.mode}{name} at call {self.at}{' and after' if self.times > 1 else ''}"


class Injector:
    """The loaded library."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[LIBRARY])
        self._library.faults_arm.argtypes = [
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_long,
            ctypes.c_long,
            ctypes.c_int,
            ctypes.c_int,
        ]

    def arm(self, folder: Path, harm: Harm, trace: int) -> None:
        """Harm whatever touches *folder* from now on; *trace* is an open file for the record."""
        mode = MODES.index(harm.mode)
        name = os.fsencode(folder)
        self._library.faults_arm(name, mode, harm.at, harm.times, harm.error, trace)

    def disarm(self) -> None:
        """Do no more harm."""
        self._library.faults_disarm()

    def mark(self, number: int) -> None:
        """Note in the trace that epoch *number* is acknowledged."""
        self._library.faults_mark(number)


def reason_not_to_run() -> str | None:
    """Return why the injector cannot be used here, or None."""
    if not sys.platform.startswith("linux"):
        return f"the injector needs Linux, not {sys.platform}"
    if shutil.which("cc") is None:
        return "the injector needs a C compiler named cc"
    return None


def start_again(folder: Path) -> NoReturn:
    """Make the library in *folder* and start this program anew with it."""
    library = folder / "injector.so"
    source = Path(__file__).with_suffix(".c")
    flags = ["-O1", "-Wall", "-Wextra", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", library, source, "-ldl", "-lpthread"], check=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        LIBRARY: str(library),
        "OMP_NUM_THREADS": "1",  # no thread may be there when a process is forked
    }
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)
