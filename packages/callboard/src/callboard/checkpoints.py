# SPDX-License-Identifier: MIT
"""``callboard checkpoints ls|verify|prune``: what is there, is it whole, what can go."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Callable

    from callbacks_checkpoint import ListedCheckpoint

_NO_FILES = 2


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command to the command line."""
    checkpoints = commands.add_parser(
        "checkpoints", help="list, verify and prune the checkpoints in a folder"
    )
    actions = checkpoints.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = _action(actions, "ls", _ls, "list them, and tell which is best and which are whole")
    listing.add_argument("--quick", action="store_true", help="do not read them through")
    _action(actions, "verify", _verify, "read them through, and tell which are damaged")
    prune = _action(actions, "prune", _prune, "remove those that no rule keeps")
    prune.description = (
        "Remove the checkpoints that no rule keeps. The files of each saver are looked at by "
        "themselves. Damaged files are neither counted nor removed, and one good file always stays."
    )
    _add_rules(prune)


def _action(
    actions: _SubParsersAction[ArgumentParser],
    name: str,
    run: Callable[[Namespace], int],
    purpose: str,
) -> ArgumentParser:
    parser = actions.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog="The exit code is 1 when a file is damaged, and 2 when there is none or the "
        "command makes no sense. Of sharded checkpoints, which are folders, ls and verify tell "
        "too, and prune removes none.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder they are in")
    parser.add_argument(
        "--pattern", default="*", metavar="NAME", help="only names like this, such as 'best-*.pt'"
    )
    parser.set_defaults(run=run)
    return parser


def _add_rules(prune: ArgumentParser) -> None:
    for name, default, what in (
        ("--best", 0, "keep so many of the best"),
        ("--last", 0, "keep so many of the newest"),
        ("--every", None, "keep those of every so many epochs"),
    ):
        prune.add_argument(name, type=_number, default=default, metavar="N", help=what)
    prune.add_argument(
        "--pin",
        type=_number,
        action="append",
        default=[],
        metavar="EPOCH",
        help="keep that of the end of this epoch; can be repeated",
    )
    prune.add_argument(
        "--dry-run", action="store_true", help="tell what would be removed, and remove nothing"
    )


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _found(
    options: Namespace, *, verify: bool
) -> tuple[list[ListedCheckpoint], list[ListedCheckpoint]]:
    """Return the checkpoints that are files and those that are folders; tell if there are none."""
    from callbacks_checkpoint import list_checkpoints, list_sharded

    folder, pattern = options.folder, options.pattern
    try:
        files = list_checkpoints(folder, pattern=pattern, verify=verify)
        sharded = list_sharded(folder, pattern=pattern, verify=verify)
    except OSError as error:
        _complain(f"cannot read {str(folder)!r}: {error.strerror or error}")
        return [], []
    if not files and not sharded:
        _complain(f"there is no checkpoint {pattern!r} in {str(folder)!r}")
    return files, sharded


def _complain(message: str) -> None:
    print(f"callboard checkpoints: {message}", file=sys.stderr)


def _ls(options: Namespace) -> int:
    files, sharded = _found(options, verify=not options.quick)
    if not files and not sharded:
        return _NO_FILES
    print(_table([_HEAD, *_rows(files), *(_row(folder, "sharded") for folder in sharded)]))
    for found in (*files, *sharded):
        if found.why:
            print(f"{found.path.name} is damaged: {found.why}")
    return int(any(not found.is_good for found in (*files, *sharded)))


_HEAD = ("name", "size", "saved", "epoch", "batch", "value", "state", "")


def _rows(files: list[ListedCheckpoint]) -> list[tuple[str, ...]]:
    from callbacks_checkpoint import best_checkpoint

    marks: dict[tuple[int, int], list[str]] = {}
    for series in dict.fromkeys(file.series for file in files):
        members = [file for file in files if file.series == series]
        best = best_checkpoint(members)
        if best is not None:
            marks.setdefault(best.inode, []).append("best")
        good = [file for file in members if file.is_good]
        if good:
            marks.setdefault(good[-1].inode, []).append("last")
    return [_row(file, " ".join(marks.get(file.inode, []))) for file in files]


def _row(file: ListedCheckpoint, marks: str) -> tuple[str, ...]:
    about = file.about
    value = f"{about['monitor']} {about['value']:.6g}" if "value" in about else ""
    saved = datetime.fromtimestamp(file.modified / 1e9).strftime("%Y-%m-%d %H:%M:%S")
    epoch, batch = str(about.get("epoch", "")), str(about.get("batch", ""))
    return (file.path.name, _size(file.size), saved, epoch, batch, value, file.verdict, marks)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB" if count < 1000 else f"{count:,.0f} GB"


def _table(rows: list[tuple[str, ...]]) -> str:
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    )


def _verify(options: Namespace) -> int:
    files, sharded = _found(options, verify=True)
    for found in (*files, *sharded):
        print(f"{found.path.name}: {found.verdict}{f', {found.why}' if found.why else ''}")
    if not files and not sharded:
        return _NO_FILES
    return int(any(not found.is_good for found in (*files, *sharded)))


def _prune(options: Namespace) -> int:
    from callbacks_checkpoint import Retention, checkpoints_to_remove

    try:
        keep = Retention(
            best=options.best, last=options.last, every=options.every, pinned=options.pin
        )
    except ValueError:
        _complain("nothing would be kept: give --best, --last, --every or --pin")
        return _NO_FILES
    files, sharded = _found(options, verify=True)
    for folder in sharded:
        _complain(f"left {folder.path.name}, which is sharded: remove the folder yourself")
    if not files:
        return _NO_FILES
    try:
        doomed = checkpoints_to_remove(files, keep)
    except ValueError as error:
        _complain(str(error))
        return _NO_FILES
    return _remove(doomed, files, dry_run=options.dry_run)


def _remove(doomed: list[ListedCheckpoint], files: list[ListedCheckpoint], *, dry_run: bool) -> int:
    failed = False
    for file in doomed:
        try:
            if not dry_run:
                file.path.unlink(missing_ok=True)
        except OSError as error:
            failed = True
            _complain(f"cannot remove {file.path.name}: {error.strerror or error}")
            continue
        print(f"{'would remove' if dry_run else 'removed'} {file.path.name}")
    for file in files:
        if not file.is_good:
            print(f"left {file.path.name}, which is damaged: {file.why}")
    count = len(files) - len(doomed)
    print(f"{count} of {len(files)} {'would stay' if dry_run else 'stay'}")
    return int(failed or any(not file.is_good for file in files))
