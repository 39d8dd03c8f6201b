# SPDX-License-Identifier: MIT
"""The tables that the README shows of what the pages hold: ``python docs/tables.py`` renews them.

Figures are written down once, in the pages. A test holds the README against them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"

FEATURES: Final = (
    "Callbacks work in a loop that you write yourself",
    "Installed in parts",
    "A failing logger does not end the run",
    "Keeps the best *k* checkpoints",
    "A checkpoint is never half written",
    "A damaged one is noticed, and the one before taken",
    "Saves on SIGTERM",
    "Goes on in the middle of an epoch, bit for bit",
    "The whole run of a sharded (FSDP) network in one checkpoint",
    "Checkpoints to S3, GCS and the like",
    "A schedule can be seen before training",
    "Averaged weights",
    "Mixed precision",
    "Several GPUs or machines",
    "TPUs, JAX",
    "CSV, TensorBoard, MLflow, Weights & Biases",
    "Notifications",
    "Hyper-parameter search",
)
"""The rows of the comparison that the README shows."""

Row: TypeAlias = list[str]


def rows(page: str, heading: str) -> list[Row]:
    """Return the cells of the first table below *heading* in a page.

    Raises:
        ValueError: There is no such heading, or no table below it.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    below = text[text.index(f"\n{heading}\n") :]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    if table is None:
        raise ValueError(f"there is no table below {heading!r} in {page}")
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()]


def table(cells: Sequence[Row]) -> str:
    """Return *cells* as a table."""
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def features() -> str:
    """Return some features of the comparison, as symbols."""
    head, _, *body = rows("comparison.md", "## Features")
    found = {name: [cell[0] for cell in cells] for name, *cells in body}
    line = ["---", *[":-:"] * (len(head) - 1)]
    return table([head, line, *([name, *found[name]] for name in FEATURES)])


def speed() -> str:
    """Return what a step and the end of an epoch take in each framework."""
    head, line, *body = rows("benchmarks.md", "## A step in other frameworks")
    return table([row[:4] for row in (head, line, *body)])


def faults() -> str:
    """Return what was harmed, and what survived."""
    return table(rows("comparison.md", "## Faults"))


TABLES: Final[dict[str, Callable[[], str]]] = {
    "features": features,
    "speed": speed,
    "faults": faults,
}


WEIGHED: Final = re.compile(r"^(\| \[`([\w-]+)`\].*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
"""A package's row in the README: what stays, the name, the size and the time."""


def weights() -> dict[str, tuple[str, str]]:
    """Return the size and the time of the import of each package."""
    head, _, *body = rows("independence.md", "# Independence")
    size, time = head.index("own size"), head.index("import")
    return {row[0].strip("`"): (row[size], row[time]) for row in body}


def renewed(text: str) -> str:
    """Return the README with the tables of today."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n\n", "\n<!-- end -->"
        before, found, rest = text.partition(begin)
        if not found:
            raise ValueError(f"the README has no place for {name}: {begin!r}")
        text = before + begin + make() + end + rest.partition(end)[2]
    return text


def weighed(text: str) -> str:
    """Return the README with the weights of the packages in the last columns of their rows."""
    known = weights()

    def row(found: re.Match[str]) -> str:
        return " | ".join([found[1], *known[found[2]]]) + " |"

    return WEIGHED.sub(row, text)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(weighed(renewed(text)), encoding="utf-8")
