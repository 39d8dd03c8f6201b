# SPDX-License-Identifier: MIT
"""A process that has imported everything, and makes a child for each job it is told."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Final

WARM: Final = (
    "torch._dynamo",
    "test_callback_contract",
    "mlflow.tracking",
    "torchdata.stateful_dataloader",
    "matplotlib.pyplot",
    "numpy",
)
"""What children would import, where it is installed: it takes seconds, and once will do."""


class Server:
    """Runs jobs in children of one warm process.

    Args:
        log: The file for what the children print.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        with open(log, "w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"},
            )

    def run(self, job: tuple[object, ...]) -> int:
        """Run a job and return how its process ended: 0, or the negative number of a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(300)


def main() -> None:
    """Answer each line of the input, a job, with how its process ended."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import torch
    from _training import Job, train

    torch.set_num_threads(1)
    for name in WARM:
        try:
            __import__(name)
        except ImportError:
            continue
    gc.collect()
    gc.freeze()  # or each child would copy all that is there
    for line in sys.stdin:
        job = Job(*json.loads(line))
        child = os.fork()
        if child == 0:
            _exit_with(job, train)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _exit_with(job, train):  # type: ignore[no-untyped-def]  # it never returns
    try:
        train(job)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
