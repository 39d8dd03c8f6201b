# SPDX-License-Identifier: MIT
"""Runs checks in a process that torchrun has started, and writes down how they went."""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

SECONDS = 90
"""After so long in a check a process is ended: it waits for another, which is the failure."""


def run(checks: dict[str, Callable[[Path], None]], folder: Path) -> None:
    """Run *checks* one after the other; each process writes ``<rank>.json`` into *folder*.

    After a failure there are no further checks, as the processes are no longer in step.
    """
    rank = int(os.environ["RANK"])
    results: dict[str, str] = {}
    file = folder / f"{rank}.json"
    for name, check in checks.items():
        results[name] = "hangs"
        file.write_text(json.dumps(results), encoding="utf-8")
        _watch()
        own = folder / name
        own.mkdir(exist_ok=True)
        try:
            check(own)
        except BaseException:
            results[name] = traceback.format_exc()
            file.write_text(json.dumps(results), encoding="utf-8")
            os._exit(1)
        results[name] = "ok"
    file.write_text(json.dumps(results), encoding="utf-8")
    _watch()


def _watch() -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(SECONDS)
