# SPDX-License-Identifier: MIT
"""Harm trainings in every way at every call that touches their folder: `hatch run faults`.

Prints how many points were tried and how many survived; ends with 1 when any did not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from _injector import LIBRARY, Injector, reason_not_to_run, start_again


def main() -> int:
    """Harm, and print a table."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("cases", nargs="*", help="the cases, by name (default: all)")
    parser.add_argument("--epoch", type=int, choices=(1, 2, 3), help="harm the calls of one epoch")
    parser.add_argument("--sample", type=int, help="harm so often in each way, evenly spread")
    options = parser.parse_args()
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
    names = [case.name for case in cases]
    unknown = set(options.cases) - set(names)
    if unknown:
        parser.error(f"there is no case {unknown.pop()!r}; there are: {', '.join(names)}")
    lost = []
    print(f"{'case':<28}{'harm':<24}{'tried':>7}{'survived':>10}", flush=True)
    for case in cases:
        if options.cases and case.name not in options.cases:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows = harm_everywhere(
                case, Path(folder), Injector(), epoch=options.epoch, sample=options.sample
            )
            for row in rows:
                survived = row.tried - len(row.lost)
                print(f"{row.case:<28}{row.harm:<24}{row.tried:>7}{survived:>10}", flush=True)
                lost += row.lost
    for problem in lost:
        print(problem, file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
