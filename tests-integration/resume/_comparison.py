# SPDX-License-Identifier: MIT
"""What two runs have left behind, without what the clock has to say."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from callbacks_core import is_packed, unpacked

CLOCK: Final = (
    "time",
    "seconds",
    "started",
    "per_second",
    "eta",
    "memory",
    "clock",
    "total_s",
    "begun",
    "data_wait",
)
"""What the names of values have in them that differ from run to run."""

_STEPS: Final = frozenset({"step", "valid_step"})
_CHANCE: Final = frozenset({"run_id"})


def is_of_clock(name: object) -> bool:
    """Whether values of that name differ from run to run."""
    return isinstance(name, str) and (name in _CHANCE or any(part in name for part in CLOCK))


def plain(value: Any) -> Any:
    """Return a state to be compared, with its tensors bit for bit, and without times."""
    if isinstance(value, Tensor):
        bits = value.detach().contiguous().reshape(-1).view(torch.uint8)
        head = value.flatten()[:4].tolist()
        digest = hashlib.sha256(bytes(bits.tolist())).hexdigest()[:16]
        return f"{value.dtype} {tuple(value.shape)} {head} {digest}"
    if is_packed(value):
        return plain(unpacked(value))
    if isinstance(value, dict):
        if value.keys() <= _STEPS:  # of a logger that writes no batches, and may count them or not
            return {}
        return {key: plain(each) for key, each in value.items() if not is_of_clock(key)}
    if isinstance(value, list | tuple):
        if all(isinstance(each, int) for each in value):
            return repr(value)
        return [plain(each) for each in value]
    return repr(value)


def result(path: Path) -> Any:
    """Return what a process wrote at the end of its training."""
    return without_place(plain(torch.load(path, weights_only=True)), path.parent)


def without_place(value: Any, folder: Path) -> Any:
    """Return a plain state in which no text tells where the run was."""
    if isinstance(value, dict):
        return {key: without_place(each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [without_place(each, folder) for each in value]
    return value.replace(str(folder), "") if isinstance(value, str) else value


def left_behind(folder: Path) -> dict[str, Any]:
    """Return what is in each file of a run, to be compared."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("mlflow.db"):
            name = path.relative_to(folder).as_posix()
            if ".tfevents." in name:
                found[path.parent.relative_to(folder).as_posix()] = scalars(path.parent)
            elif "mlruns" not in name:
                found[name] = without_place(_content(path), folder.parent)
    if (folder / "mlflow.db").exists():
        found["mlflow.db"] = list(_mlflow(folder / "mlflow.db"))
    return found


def _content(path: Path) -> Any:
    if path.suffix == ".pt":
        return plain(torch.load(path, weights_only=True, map_location="cpu"))
    if path.suffix in (".csv", ".tsv"):
        return _rows(path, "," if path.suffix == ".csv" else "\t")
    if path.suffix == ".jsonl":
        lines = path.read_text("utf-8").splitlines()
        return [plain(json.loads(line)) for line in lines]
    if path.suffix == ".html":
        return "a page"
    return path.read_bytes()


def _rows(path: Path, separator: str) -> list[bytes]:
    """Return the lines of a file, byte for byte, but for the cells of times."""
    lines = path.read_bytes().splitlines(keepends=True)
    header = next(csv.reader([lines[0].decode()], delimiter=separator))
    kept = [index for index, name in enumerate(header) if not is_of_clock(name)]
    ends = {line[len(line.rstrip(b"\r\n")) :] for line in lines}
    cells = [line.rstrip(b"\r\n").split(separator.encode()) for line in lines]
    return [*sorted(ends), *(b",".join(row[index] for index in kept) for row in cells)]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the curves that TensorBoard shows of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # or it tells of all that it purges
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    reader.Reload()
    tags = [tag for tag in reader.Tags()["scalars"] if not is_of_clock(tag)]
    return {
        tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in sorted(tags)
    }


def _mlflow(database: Path) -> Iterator[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{database}")
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            metrics = {
                name: [
                    (point.step, point.value)
                    for point in client.get_metric_history(run.info.run_id, name)
                ]
                for name in sorted(run.data.metrics)
                if not is_of_clock(name)
            }
            yield run.info.status, dict(sorted(run.data.params.items())), metrics
