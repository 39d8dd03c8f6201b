# SPDX-License-Identifier: MIT
"""Kill trainings at random batches, each with one callback, loader or loop; print a table.

Ends with 1 when any of them ended otherwise than the training that nobody killed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _server import Server
from _training import LOADERS, Job
from _trials import Trials

UNTRIED = {
    "CallbackList": "a list is no callback of its own in the state of a run",
    "MLFlowLogger": "its values are on their way to a server when the process is killed",
    "PlainProgress": "it has no state",
    "TrainingCheckpoint": "it is there in any case",
}


def main() -> int:
    """Kill, and print a table."""
    parser = argparse.ArgumentParser(prog="resume", description=__doc__)
    parser.add_argument("names", nargs="*", help="callbacks, loaders and loops (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="interrupted runs of each")
    parser.add_argument("--kills", type=int, default=2, help="kills in each run")
    options = parser.parse_args()
    from test_callback_contract import FACTORIES

    jobs = {name: Job("", "", [name]) for name in FACTORIES if name not in UNTRIED}
    jobs |= {name: Job("", "", ["CSVLogger"], loader=name) for name in LOADERS}
    jobs |= {
        name: Job("", "", ["CSVLogger"], loop=name)
        for name in ("hand", "accumulating", "averaging")
    }
    unknown = set(options.names) - jobs.keys()
    if unknown:
        parser.error(f"there is no {unknown.pop()!r}; there are: {', '.join(jobs)}")
    lost: list[str] = []
    print(f"{'killed with':<32}{'tried':>7}{'survived':>10}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "log")
        for name in options.names or jobs:
            trials = Trials(server, Path(folder) / name, None, jobs[name])
            problems = [
                trials.differences(seed, kills=options.kills) for seed in range(options.runs)
            ]
            survived = sum(not found for found in problems)
            print(f"{name:<32}{options.runs:>7}{survived:>10}", flush=True)
            lost += [f"{name}: {found[0]}" for found in problems if found]
        server.close()
    for problem in lost:
        print(problem[:1000], file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
