# SPDX-License-Identifier: MIT
"""What a step costs in each framework that is installed, in relation to a bare loop."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

from _framework_child import FRAMEWORKS

Rows: TypeAlias = dict[str, dict[str, Any]]

_SETTINGS: Final = {
    "KERAS_BACKEND": "torch",
    "OMP_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
    "TERM": "xterm",
    "HF_HUB_OFFLINE": "1",
}
_NO_GPU: Final = {"CUDA_VISIBLE_DEVICES": ""}


def measure(*, rounds: int, names: Sequence[str] = (), tasks: Sequence[str] = ()) -> Rows:
    """Run each framework in a process of its own, all of them in turn, *rounds* times.

    Args:
        rounds: How often.
        names: The frameworks; all that are installed by default.
        tasks: The tasks; all by default.
    """
    found: dict[str, list[dict[str, Any]]] = {
        name: []
        for name, framework in FRAMEWORKS.items()
        if find_spec(framework.needs) and (not names or name in names)
    }
    for turn in range(rounds):
        for name, results in found.items():
            print(f"round {turn + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            results.append(_run(name, tasks))
    return {name: _medians(results) for name, results in found.items()}


def missing() -> list[str]:
    """Return the names of the frameworks that are not installed."""
    return [name for name, framework in FRAMEWORKS.items() if not find_spec(framework.needs)]


def _run(name: str, tasks: Sequence[str]) -> dict[str, Any]:
    script = str(Path(__file__).with_name("_framework_child.py"))
    own = name.startswith(("callboard", "bare"))  # the others would move to a GPU by themselves
    settings = {**os.environ, **_SETTINGS, **({} if own else _NO_GPU)}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        leader, follower = os.openpty()
        child = subprocess.Popen(
            [sys.executable, script, name, folder, str(result), *tasks],
            env=settings,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=follower,
            stderr=follower,
        )
        os.close(follower)
        shown = _read(leader)
        if child.wait():
            raise RuntimeError(f"{name} failed:\n{shown}")
        found: dict[str, Any] = json.loads(result.read_text("utf-8"))
        return found


def _read(leader: int) -> str:
    """Read all that is shown on a terminal, and return the end of it."""
    shown = b""
    with contextlib.suppress(OSError):  # which is how the end is told
        while piece := os.read(leader, 65536):
            shown = (shown + piece)[-4000:]
    os.close(leader)
    return shown.decode(errors="replace")


def _medians(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        key: _medians([result[key] for result in results])
        if isinstance(value, dict)
        else median(result[key] for result in results)
        for key, value in results[0].items()
    }


def table(rows: Rows) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    tasks = [key for key, value in next(iter(rows.values())).items() if isinstance(value, dict)]
    heads = [f"{task}, {clock}" for task in tasks for clock in ("time", "CPU")]
    heads += ["reads", "end of an epoch, ms", "fit, ms", "with callbacks, ms"]
    yield "| | " + " | ".join(heads) + " |"
    yield "|---|" + "---:|" * len(heads)
    for name, row in rows.items():
        cells = [
            f"{row[task][clock]:.3f}" if task in row else "-"
            for task in tasks
            for clock in ("wall", "cpu")
        ]
        cells += [f"{row['reads']:.3f}", f"{row[tasks[0]]['end_ms']:.1f}"]
        cells += [f"{row['fit_ms']:.1f}", f"{row['whole_fit_ms']:.1f}"]
        yield f"| {name} | " + " | ".join(cells) + " |"


def bare_microseconds(rows: Rows) -> dict[str, float]:
    """Return what a step of the bare loop takes, by tasks."""
    found: dict[str, list[float]] = {}
    for row in rows.values():
        for task, values in row.items():
            if isinstance(values, dict):
                found.setdefault(task, []).append(values["bare_us"])
    return {task: median(values) for task, values in found.items()}
