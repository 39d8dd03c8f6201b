# SPDX-License-Identifier: MIT
"""Which harm is done where, and whether the training survives it."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from _cases import Case
from _injector import Harm, Injector
from _points import EPOCHS, Stage
from _trace import Call, Disk, Image, read_image, read_trace

_Item = TypeVar("_Item")

FOREVER = 10**6
_TAKES_SPACE = {"open", "write", "truncate", "mkdir", "rename", "link", "symlink", "fsync", "close"}
_ASKS_LEAVE = {"open", "unlink", "mkdir", "rename", "link", "symlink", "rmdir"}


class Row(NamedTuple):
    """How often a kind of harm was done to a case, and what it did not survive."""

    case: str
    harm: str
    tried: int
    lost: list[str]


def harm_everywhere(
    case: Case, folder: Path, injector: Injector, *, epoch: int | None, sample: int | None
) -> Iterator[Row]:
    """Harm *case* in every way at every call, or those of one *epoch*, and yield the results.

    With a *sample*, only so many of each kind are done, evenly spread.
    """
    stage = Stage(case, folder, injector)
    ended = stage.harm(Harm())
    if ended != "finished":
        raise RuntimeError(f"{case.name}: without any harm the training ended with {ended}")
    calls = list(read_trace(stage.trace))
    _check_complete(calls, stage.folder)
    numbers = _numbers(calls, epoch)
    here = [call for call in calls if call.what != "mark" and call.number in numbers]
    writes = [call for call in here if call.what == "write"]
    between = list(_kills_between(calls, numbers))
    yield _row(stage, "kill between calls", _some(between, sample))
    within = [Harm("kill within", call.number) for call in writes]
    yield _row(stage, "kill within a write", _some(within, sample))
    short = [Harm("short", call.number) for call in writes]
    yield _row(stage, "short write", _some(short, sample))
    for error in (errno.ENOSPC, errno.EIO, errno.EACCES):
        for times, name in ((1, "once"), (FOREVER, "from then on")):
            harms = [
                Harm("fail", call.number, times, error)
                for call in here
                if _can_happen(call, error, times)
            ]
            yield _row(stage, f"{errno.errorcode[error]} {name}", _some(harms, sample))
    yield _power_cuts(stage, calls, numbers, sample)


def _some(items: Sequence[_Item], sample: int | None) -> Sequence[_Item]:
    if sample is None or len(items) <= sample:
        return items
    return [items[(2 * index + 1) * len(items) // (2 * sample)] for index in range(sample)]


def _numbers(calls: Sequence[Call], epoch: int | None) -> range:
    """Return the numbers of the calls that belong to *epoch*; the first one has the preparations.

    What comes after the last epoch belongs to it, too.
    """
    marks = [call.number for call in calls if call.what == "mark"]
    ends = [0, *marks[:-1], calls[-1].number]
    return range(1, ends[-1] + 1) if epoch is None else range(ends[epoch - 1] + 1, ends[epoch] + 1)


def _kills_between(calls: Sequence[Call], numbers: range) -> Iterator[Harm]:
    """Yield a kill after each call, and one before each that another kind of event precedes."""
    before = "mark"
    for call in calls:
        if call.what != "mark" and call.number in numbers:
            if before == "mark":
                yield Harm("kill before", call.number)
            yield Harm("kill after", call.number)
        before = call.what


def _can_happen(call: Call, error: int, times: int) -> bool:
    if error == errno.ENOSPC:
        return call.what.removeprefix("failed ") in _TAKES_SPACE
    return error == errno.EIO or call.what in _ASKS_LEAVE


def _check_complete(calls: Sequence[Call], folder: Path) -> None:
    """Raise unless the trace explains all that is in the folder: then no call went unseen."""
    disk = Disk(folder)
    for call in calls:
        disk.apply(call)
    if disk.content() != read_image(folder):
        raise RuntimeError("the folder holds what no traced call has put there")


def _row(stage: Stage, name: str, harms: Sequence[Harm]) -> Row:
    lost = []
    for harm in harms:
        ended = stage.harm(harm)
        saved_all = harm.mode != "fail"
        problem = _how_it_ended(stage, harm, ended) or stage.go_on(
            _committed(stage), saved_all=saved_all
        )
        if problem:
            lost.append(f"{harm}: {problem}")
    return Row(stage.case.name, name, len(harms), lost)


def _how_it_ended(stage: Stage, harm: Harm, ended: str) -> str | None:
    """Return what is wrong with how a harmed training ended."""
    if harm.mode.startswith("kill"):
        return None if ended == "killed" else f"it was not killed, but ended: {ended}"
    if ended == "HopelessPathError":
        return None if stage.acknowledged == 0 else "a path was refused during training"
    if ended not in ("finished", "SaveFailedError", "RestoreFailedError"):
        return ended
    if stage.acknowledged != EPOCHS - stage.case.lag:
        return f"training ended after epoch {stage.acknowledged}"
    if ended != "finished" and EPOCHS not in _failing_epochs(stage):
        return "the last save was said to have failed, and had not"
    return None


def _failing_epochs(stage: Stage) -> list[int]:
    """Return the epochs, from the first, during which a call was made to fail."""
    epoch = 1
    failing: set[int] = set()
    for call in read_trace(stage.trace):
        if call.what == "mark":
            epoch = call.value + 1
        elif call.what.startswith("failed"):
            failing.update(range(epoch, epoch + stage.case.lag + 1))
    return sorted(failing)


def _committed(stage: Stage) -> int:
    """Return the last epoch that was acknowledged and during which no call failed."""
    failing = _failing_epochs(stage)
    whole = [epoch for epoch in range(1, stage.acknowledged + 1) if epoch not in failing]
    return max(whole, default=0)


def _power_cuts(stage: Stage, calls: Sequence[Call], numbers: range, sample: int | None) -> Row:
    found = _some(list(_images(stage, calls, numbers)), sample)
    lost = []
    for call, committed, image in found:
        problem = _after_power_cut(stage, image, committed)
        if problem:
            lost.append(f"power cut after call {call.number} ({call.what}): {problem}")
    return Row(stage.case.name, "power cut", len(found), lost)


def _images(
    stage: Stage, calls: Sequence[Call], numbers: range
) -> Iterator[tuple[Call, int, Image]]:
    """Yield what power cuts may leave, each once, with the last epoch that was acknowledged."""
    disk, committed = Disk(stage.folder), 0
    seen: set[object] = set()
    for call in calls:
        if call.what == "mark":
            committed = call.value
        else:
            disk.apply(call)
        if call.number not in numbers:
            continue
        for image in disk.images():
            key = (committed, frozenset(image.items()))
            if key in seen:
                continue
            seen.add(key)
            yield call, committed, image


def _after_power_cut(stage: Stage, image: Image, committed: int) -> str | None:
    stage.lay_out(image)
    return stage.go_on(committed, saved_all=True, power=False)
