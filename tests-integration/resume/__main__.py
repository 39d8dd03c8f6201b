# SPDX-License-Identifier: MIT
"""Kill trainings at random batches, each with one callback, loader or loop; print a table.

Ends with 1 when any of them ended otherwise than the training that nobody killed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from _server import Server
from _training import LOADERS, Job
from _trials import Trials

from callbacks_core.errors import did_you_mean

UNTRIED = {
    "CallbackList": "a list is no callback of its own in the state of a run",
    "MLFlowLogger": "its values are on their way to a server when the process is killed",
    "PlainProgress": "it has no state",
    "TrainingCheckpoint": "it is there in any case",
}


def _jobs() -> dict[str, Job]:
    """Return what there is to be tried: callbacks, loaders and loops, each by itself."""
    from test_callback_contract import FACTORIES

    jobs = {name: Job("", "", [name]) for name in FACTORIES if name not in UNTRIED}
    jobs |= {name: Job("", "", ["CSVLogger"], loader=name) for name in LOADERS}
    return jobs | {
        name: Job("", "", ["CSVLogger"], loop=name)
        for name in ("hand", "accumulating", "averaging")
    }


def main() -> int:
    """Kill, and print a table."""
    parser = argparse.ArgumentParser(prog="resume", description=__doc__)
    parser.add_argument("names", nargs="*", help="callbacks, loaders and loops (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="interrupted runs of each")
    parser.add_argument("--kills", type=int, default=2, help="kills in each run")
    options = parser.parse_args()
    for name in ("runs", "kills"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(options, name)}")
    if not hasattr(os, "fork"):
        parser.exit(2, "it forks a process for each run, which this system cannot\n")
    jobs = _jobs()
    for name in options.names:
        if name in UNTRIED:
            parser.error(f"{name} is not tried: {UNTRIED[name]}")
        if name not in jobs:
            parser.error(
                f"there is no {name!r}; there are: {', '.join(jobs)}{did_you_mean(name, jobs)}"
            )
    chosen = dict.fromkeys(options.names or jobs)
    lost: list[str] = []
    print(f"{'killed with':<32}{'tried':>7}{'survived':>10}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "log")
        for name in chosen:
            trials = Trials(server, Path(folder) / name, None, jobs[name])
            problems = [
                trials.differences(seed, kills=options.kills) for seed in range(options.runs)
            ]
            survived = sum(not found for found in problems)
            print(f"{name:<32}{options.runs:>7}{survived:>10}", flush=True)
            lost += [f"{name}: {found[0]}" for found in problems if found]
        server.close()
    tried = options.runs * len(chosen)
    print(f"{'all':<32}{tried:>7}{tried - len(lost):>10}")
    for problem in lost:
        print(problem[:1000], file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
