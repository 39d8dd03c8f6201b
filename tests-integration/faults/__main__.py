# SPDX-License-Identifier: MIT
"""Harm trainings in every way at every call that touches their folder, and what they have saved.

`hatch run faults` prints how many points were tried and how many survived; it ends with 1 when any
did not. What writes in place is harmed when it is asked for by name, to see that the harm is real.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from _injector import LIBRARY, Injector, reason_not_to_run, start_again

if TYPE_CHECKING:
    from _harms import Row

HOSTILE: Final = "hostile files"


def main() -> int:
    """Harm, and print a table."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("cases", nargs="*", help="the cases, by name (default: all)")
    parser.add_argument("--epoch", type=int, choices=(1, 2, 3), help="harm the calls of one epoch")
    parser.add_argument("--sample", type=int, help="harm so often in each way, evenly spread")
    options = parser.parse_args()
    if options.sample is not None and options.sample < 1:
        parser.error(f"--sample must be at least 1, not {options.sample}")
    reason = reason_not_to_run()
    if reason:
        parser.exit(2, f"{reason}\n")
    if LIBRARY not in os.environ:
        start_again(Path(tempfile.mkdtemp(prefix="faults-")))

    import torch
    from _cases import CASES
    from _harms import harm_everywhere
    from _whole import Experimenting

    torch.set_num_threads(1)
    cases = [*CASES, Experimenting()]
    names = [*(case.name for case in cases), HOSTILE]
    unknown = set(options.cases) - set(names)
    if unknown:
        parser.error(f"there is no case {unknown.pop()!r}; there are: {', '.join(names)}")
    chosen = [
        case
        for case in cases
        if case.name in options.cases or (not options.cases and not case.is_control)
    ]
    lost: list[str] = []
    tried = 0
    print(f"{'case':<28}{'harm':<24}{'tried':>7}{'survived':>10}", flush=True)
    for case in chosen:
        with tempfile.TemporaryDirectory() as folder:
            rows = harm_everywhere(
                case, Path(folder), Injector(), epoch=options.epoch, sample=options.sample
            )
            for row in rows:
                survived = row.tried - len(row.lost)
                print(f"{row.case:<28}{row.harm:<24}{row.tried:>7}{survived:>10}", flush=True)
                lost += row.lost
                tried += row.tried
    if not options.cases or HOSTILE in options.cases:
        for row in _hostile_rows(options.sample or 100):
            print(f"{row.case:<28}{row.harm:<24}{row.tried:>7}{row.tried - len(row.lost):>10}")
            lost += row.lost
            tried += row.tried
    print(f"{'all':<52}{tried:>7}{tried - len(lost):>10}", flush=True)
    for problem in lost:
        print(problem, file=sys.stderr)
    return 1 if lost else 0


def _hostile_rows(places: int) -> Iterator[Row]:
    """Yield what became of files that were replaced or damaged, all loaders together."""
    sys.path.append(str(Path(__file__).parent.parent / "hostile"))
    from _attacks import LOADERS, attack, damage  # type: ignore[import-not-found]  # next door
    from _harms import Row

    rows: dict[str, Row] = {}
    for name, loader in LOADERS.items():
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            results = [attack(name, Path(first))]
            if loader.notices:
                results += damage(name, Path(second), places=places)
        for result in results:
            row = rows.get(result.harm, Row(HOSTILE, result.harm, 0, []))
            rows[result.harm] = row._replace(
                tried=row.tried + result.tried, lost=row.lost + result.lost
            )
    yield from rows.values()


if __name__ == "__main__":
    sys.exit(main())
