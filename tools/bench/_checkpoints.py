# SPDX-License-Identifier: MIT
"""What a save costs a training, until when it is not safe, and what memory it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import torch
from _checkpoint_methods import METHODS, durably

from callbacks_checkpoint import save_checkpoint
from callbacks_checkpoint.asynchronous import AsynchronousSaver

_SMALL: Final = 2500  # floats: 10 kB
_QUIET: Final = {"PYTHONWARNINGS": "ignore"}


class Row(NamedTuple):
    """A method's medians.

    Attributes:
        blocked: Milliseconds that training waits in the call.
        lost: Milliseconds that it loses besides, while the rest is done.
        durable: Milliseconds until the file is on disk.
        copies: The most memory it took, in sizes of the state.
        size: Of the state, in bytes.
    """

    blocked: float
    lost: float
    durable: float
    copies: float
    size: float


def measure(*, millions: float, rounds: int) -> dict[str, Row]:
    """Run each method in a process of its own, all of them in turn, *rounds* times."""
    found: dict[str, list[Row]] = {
        name: [] for name, method in METHODS.items() if find_spec(method.needs)
    }
    for _ in range(rounds):
        for name, rows in found.items():
            rows.append(_run(name, millions))
    return {
        name: Row(*(median(values) for values in zip(*rows, strict=True)))
        for name, rows in found.items()
    }


def _run(name: str, millions: float) -> Row:
    script = Path(__file__).with_name("_checkpoint_methods.py")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, script, name, str(millions), folder],
            env={**os.environ, **_QUIET},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def measure_small(rounds: int = 200) -> dict[str, float]:
    """Return how long saves of 10 kB take, in relation to a plain write, fsync and rename.

    Of the asynchronous one, it is the time that training waits.
    """
    state = {str(n): torch.randn(_SMALL // 4) for n in range(4)}
    content = b"".join(bytes(tensor.untyped_storage()) for tensor in state.values())
    saver = AsynchronousSaver()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways: dict[str, Callable[[], object]] = {
            "plain": lambda: durably(folder / "plain", lambda file: file.write(content)),
            "torch.save": lambda: durably(folder / "torch", lambda file: torch.save(state, file)),
            "save_checkpoint": lambda: save_checkpoint(state, folder / "a.pt"),
            "AsynchronousSaver": lambda: saver.save(state, folder / "b.pt"),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, act in ways.items():
                begin = perf_counter()
                act()
                taken[way].append(perf_counter() - begin)
                saver.wait()
    plain = median(taken.pop("plain"))
    return {way: median(times) / plain for way, times in taken.items()}


def table(rows: dict[str, Row]) -> Iterator[str]:
    """Yield the lines of a table for people."""
    copy, durably_saved = rows["copy in memory"], rows["torch.save, fsync, rename"]
    yield (
        f"a state of {copy.size / 1e9:.2f} GB; milliseconds, and the same in relation to a copy in "
        f"memory (durable: to torch.save, fsync, rename)"
    )
    yield f"{'':<30}{'blocked':>16}{'lost besides':>16}{'durable after':>18}{'extra copies':>14}"
    for name, row in rows.items():
        durable = f"{row.durable:>10.0f} {row.durable / durably_saved.durable:>6.2f}x"
        if name in ("copy in memory", "torch.save in place"):
            durable = "never"
        yield (
            f"{'  ' + name:<30}{row.blocked:>8.1f} {row.blocked / copy.blocked:>6.2f}x"
            f"{row.lost:>8.0f} {row.lost / copy.blocked:>6.2f}x{durable:>18}{row.copies:>14.2f}"
        )
