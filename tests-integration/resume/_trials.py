# SPDX-License-Identifier: MIT
"""A run straight through, and the same run killed again and again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _comparison import left_behind, result
from _server import Server
from _training import BATCHES, EPOCHS, HOOKS, Job

KILLED = -9


class Trials:
    """Runs a training straight through once, and then interrupted in many ways.

    Args:
        server: What runs the jobs.
        folder: Where they write.
        database: An MLflow database without any run.
        job: The training.
    """

    def __init__(self, server: Server, folder: Path, database: Path | None, job: Job) -> None:
        self._server = server
        self._folder = folder
        self._database = database
        self._job = job
        self._straight = self._run("straight", [])

    def differences(self, seed: int, *, kills: int = 2) -> list[str]:
        """Return how a run that was killed at random batches ended otherwise than this one.

        Args:
            seed: Decides where it is killed.
            kills: How often it is.
        """
        chosen = random.Random(f"{self._job} {seed}")
        planned: list[tuple[int, str]] = []
        done = 0
        for _ in range(kills):
            at = chosen.randint(3 if not planned else 1, max(3, EPOCHS * BATCHES - done - 1))
            done += max(0, at - 2)
            planned.append((at, chosen.choice(HOOKS[:3])))
        interrupted = self._run(f"interrupted {seed}", planned)
        where = ", ".join(f"{hook} of batch {at}" for at, hook in planned)
        return [f"killed in {where}: {line}" for line in _compare(self._straight, interrupted)]

    def _run(self, name: str, kills: list[tuple[int, str]]) -> dict[str, Any]:
        folder = self._folder / name / "run"
        folder.mkdir(parents=True)
        if self._database is not None:
            shutil.copy(self._database, folder / "mlflow.db")
        outcome = folder.parent / "result.pt"
        job = self._job._replace(folder=str(folder), result=str(outcome))
        codes = []
        for number, (at, hook) in enumerate(kills):
            job = job._replace(seed=number if _has_saved(folder) else 0)
            codes.append(self._server.run(job._replace(kill_at=at, kill_in=hook)))
        if not outcome.exists():
            codes.append(self._server.run(job._replace(seed=99 if _has_saved(folder) else 0)))
        if set(codes) - {KILLED, 0} or not outcome.exists():
            return {"a process ended otherwise": (codes, self._server.log.read_text("utf-8"))}
        return {"result": result(outcome), **left_behind(folder)}


def _has_saved(folder: Path) -> bool:
    """Whether there is something to go on from, which makes another seed no matter."""
    return any((folder / "generations").glob("*.pt"))


def _compare(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield where two trees differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys(), key=str):
            if key not in found or key not in expected:
                yield f"{path}/{key} is {'missing' if key in expected else 'too much'}"
            else:
                yield from _compare(expected[key], found[key], f"{path}/{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _compare(one, other, f"{path}[{index}]")
    elif expected != found:
        yield f"{path} is {str(found)[-300:]} instead of {str(expected)[-300:]}"
