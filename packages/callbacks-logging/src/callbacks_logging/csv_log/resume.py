# SPDX-License-Identifier: MIT
"""What of an existing log stays when it is continued."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def rows_to_keep(rows: Iterable[Mapping[str, str]], epoch: int) -> int:
    """Return how many rows stay when training goes on with *epoch*.

    What follows the last epoch before it goes. Training that starts with epoch 1 is another one,
    written below what is there; only the batches of an epoch that never ended go.

    Args:
        rows: The rows of the file.
        epoch: The number of the first epoch to come.
    """
    kept = 0
    for number, row in enumerate(rows, 1):
        if not row.get("batch") and (epoch == 1 or _epoch(row) < epoch):
            kept = number
    return kept


def _epoch(row: Mapping[str, str]) -> float:
    try:
        return float(row.get("epoch", ""))
    except ValueError:  # a row of somebody else's
        return 0.0


def mend(path: Path, separator: str) -> None:
    """Complete the last row of a file, or remove it, if a crash left it without its line end."""
    whole, end, tail = path.read_bytes().rpartition(b"\n")
    if not tail:
        return
    cells = [_count(part, separator) for part in (whole.split(b"\n", 1)[0], tail)]
    with open(path, "r+b") as file:
        if cells[0] == cells[1] or not end:
            file.seek(0, os.SEEK_END)
            file.write(b"\r\n")
        else:
            file.truncate(len(whole) + len(end))


def _count(line: bytes, separator: str) -> int:
    return len(next(csv.reader([line.decode("utf-8", "replace")], delimiter=separator), []))
