# SPDX-License-Identifier: MIT
"""What a step costs in other frameworks: `hatch run peers:bench`.

Each framework trains the same networks with the same batches, with its own progress display, CSV
file, early stopping and checkpoint. A step is what happens between two batches; it is given in
relation to a bare PyTorch loop that takes the same batches, in the same process, before each epoch.
What is shown goes to a pseudo-terminal that is read.
"""

from __future__ import annotations

import argparse

import _frameworks
from _framework_child import FRAMEWORKS
from _framework_tasks import TASKS


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes each (default: 5)")
    parser.add_argument("--only", nargs="+", choices=FRAMEWORKS, default=[], help="frameworks")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=[], help="networks")
    options = parser.parse_args()

    rows = _frameworks.measure(rounds=options.rounds, names=options.only, tasks=options.tasks)
    print("a step in relation to the bare loop's, by wall clock and by CPU time, one thread;")
    print(
        "medians of", options.rounds, "processes of each framework, in turn; the bare loop's step:"
    )
    for task, microseconds in _frameworks.bare_microseconds(rows).items():
        print(f"  {task}: {microseconds:.0f} µs")
    print()
    for line in _frameworks.table(rows):
        print(line)
    if left_out := _frameworks.missing():
        print("\nnot installed:", ", ".join(left_out))


if __name__ == "__main__":
    main()
