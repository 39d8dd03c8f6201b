# SPDX-License-Identifier: MIT
"""One framework, measured in a process of its own: a child of `_frameworks`."""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple, TypeAlias

import _framework_loops as loops
import _framework_trainers as trainers
import torch
from _framework_tasks import ON_A_GPU, TASKS, Batch, Loader, Reading, Task, bare
from _reads import CountReads
from torch import nn

Train: TypeAlias = Callable[[nn.Module, Loader, int, Path | None], None]

_FITS: Final = 9


class Framework(NamedTuple):
    """A framework.

    Attributes:
        needs: A module that it comes from.
        train: Trains a network with it.
        form: Makes of a batch what it wants instead.
    """

    needs: str
    train: Train
    form: Callable[[Batch], Any] | None = None


FRAMEWORKS: Final = {
    "bare loop, against itself": Framework("torch", loops.bare_again),
    "callboard": Framework("callboard", loops.callboard),
    "callboard, loop by hand": Framework("callboard", loops.callboard_by_hand),
    "accelerate, loop by hand": Framework("accelerate", loops.accelerate),
    "Poutyne": Framework("poutyne", loops.poutyne),
    "Ignite": Framework("ignite", loops.ignite),
    "skorch": Framework("skorch", loops.skorch),
    "Lightning": Framework("lightning", trainers.lightning),
    "Keras": Framework("keras", trainers.keras),
    "transformers": Framework("transformers", trainers.transformers, trainers.with_names),
}


def _seconds() -> Reading:
    return perf_counter(), process_time()


def _seconds_on_a_gpu() -> Reading:
    torch.cuda.synchronize()
    return _seconds()


def measure_steps(framework: Framework, task: Task, folder: Path) -> dict[str, float]:
    """Return what a step takes, in relation to the bare loop's that is run before each epoch."""
    batches, other = task.batches(), task.make()
    meter = _seconds if task.device == "cpu" else _seconds_on_a_gpu
    loader = Loader(batches, meter, lambda again: bare(other, again), framework.form)
    framework.train(task.make(), loader, task.epochs, folder)
    pairs = list(zip(loader.steps, loader.bare_steps, strict=True))[1:]  # the first one warms up
    return {
        "wall": median(own[0] / its[0] for own, its in pairs),
        "cpu": median(own[1] / its[1] for own, its in pairs),
        "bare_us": 1e6 * median(its[0] for _, its in pairs),
        "end_ms": 1e3 * median(end[0] for end in loader.ends),
    }


def measure_fit(framework: Framework, folder: Path | None) -> float:
    """Return the milliseconds from a network to the same one after an epoch of one batch."""
    task = TASKS["tiny"]
    batches, taken = task.batches()[:1], []
    for _ in range(_FITS):
        network, loader = task.make(), Loader(batches, _seconds, form=framework.form)
        begin = perf_counter()
        framework.train(network, loader, 1, folder)
        taken.append(perf_counter() - begin)
    return 1e3 * median(taken[1:])  # the first one imports what is imported late


def count_reads(framework: Framework, folder: Path) -> float:
    """Return how often in a step a value is read back from the device."""
    task = TASKS["tiny"]
    with CountReads() as counter:
        loader = Loader(task.batches(), lambda: (counter.reads,), form=framework.form)
        framework.train(task.make(), loader, 2, folder)
    return median(steps[0] for steps in loader.steps)


def measure(name: str, folder: Path, only: Sequence[str]) -> dict[str, Any]:
    """Return all that is known of a framework; of the tasks, *only* these, if there are any."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    framework = FRAMEWORKS[name]
    tasks = {task: TASKS[task] for task in only or TASKS}
    if not only and torch.cuda.is_available() and name.startswith(("callboard", "bare")):
        tasks["GPU"] = ON_A_GPU
    found: dict[str, Any] = {}
    for task in tasks:
        found[task] = measure_steps(framework, tasks[task], _new(folder))
    found["fit_ms"] = measure_fit(framework, None)
    found["whole_fit_ms"] = measure_fit(framework, _new(folder))
    found["reads"] = count_reads(framework, _new(folder))
    return found


def _new(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(
        json.dumps(measure(sys.argv[1], Path(sys.argv[2]), sys.argv[4:])), "utf-8"
    )
