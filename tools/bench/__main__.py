# SPDX-License-Identifier: MIT
"""What the loop costs: `hatch run bench`.

Everything is a ratio to a bare PyTorch loop measured in the same process and the same minute.
"""

from __future__ import annotations

import argparse
import os

import _checkpoints
import _clipping
import _gradients
import _imports
import _instructions
import _loggers
import _metrics
import _notifications
import _pairs
import _reads
import _schedules
from _workloads import WORKLOADS


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--pairs", type=int, default=40, help="pairs of blocks (default: 40)")
    parser.add_argument("--steps", type=int, default=200, help="steps in a block (default: 200)")
    parser.add_argument(
        "--no-instructions", action="store_true", help="leave out the count of instructions"
    )
    parser.add_argument(
        "--millions",
        type=float,
        default=100,
        help="parameters of the training that is saved, in millions; 0 for none (default: 100)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of such saves (default: 3)")
    options = parser.parse_args()

    if options.millions:
        print_checkpoints(options.millions, options.rounds)
    print_loggers()
    counts = {} if options.no_instructions else _instructions.per_step()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    times = _pairs.measure(pairs=options.pairs, steps=options.steps)
    reads = _reads.per_step()

    bare = times["bare loop"]
    print(
        "network 32-64-10, batches of 32, SGD with momentum, one core\n"
        f"{options.pairs} blocks of {options.steps} steps each, in turn; medians; the bare loop "
        f"takes {bare.wall_us:.0f} µs a step\n"
    )
    print(f"{'':<34}{'instructions':>13}{'CPU time':>10}{'wall time':>11}{'reads/step':>12}")
    for name in WORKLOADS:
        row = times[name]
        instructions = f"{counts[name] / counts['bare loop']:.3f}" if counts else "-"
        print(
            f"{name:<34}{instructions:>13}{row.cpu_ratio:>10.3f}{row.wall_ratio:>11.3f}"
            f"{reads[name]:>12.3f}"
        )
    added = _notifications.added_ms()
    print(f"\n{'epoch with notifications to a dead server':<44}{added:>+7.3f} ms an epoch")
    print("\na schedule per batch, in µs a step: torch's own, and the callback's cost beyond it")
    for name, (own, beyond) in _schedules.measure().items():
        print(f"{'  ' + name:<34}{own:>13.1f}{beyond:>+10.1f}")
    print(f"\nthe preview of a million steps of a policy: {_schedules.preview_seconds():.2f} s")
    print("\nClipNorm, in relation to clip_grad_norm_(foreach=True)")
    for count, ratio in _clipping.measure().items():
        print(f"{f'  {count} tensors':<34}{ratio:>13.3f}")
    print("\na look at all gradients: one that goes from tensor to tensor in ms, how many times as")
    print("quick the tracker and a logger of all statistics are, and the tracker's reads")
    for network, look in _gradients.measure().items():
        print(
            f"{'  ' + network:<34}{look.tensor_by_tensor_ms:>13.1f}{look.tracker:>10.1f}"
            f"{look.logger:>11.1f}{look.reads:>12}"
        )
    print("\nmetrics, in µs a step, and in relation to torchmetrics: for each batch, for the epoch")
    for name, cost in _metrics.measure().items():
        print(
            f"{'  ' + name:<34}{cost.batch_us:>13.1f}{cost.batch_ratio:>10.3f}"
            f"{cost.epoch_us:>11.1f}{cost.epoch_ratio:>12.3f}"
        )
    print("\nimport, in milliseconds beyond the interpreter's own start (medians)")
    for module, milliseconds in _imports.measure().items():
        print(f"{'  ' + module:<34}{milliseconds:>13.0f}")


def print_checkpoints(millions: float, rounds: int) -> None:
    """Measure saves, with all cores, and print a table."""
    for line in _checkpoints.table(_checkpoints.measure(millions=millions, rounds=rounds)):
        print(line)
    print("\n10 kB, in relation to a plain write, fsync and rename (asynchronous: blocked)")
    for name, ratio in _checkpoints.measure_small().items():
        print(f"{'  ' + name:<34}{ratio:>13.2f}")
    print()


def print_loggers() -> None:
    """Measure loggers, with all cores, and print a table."""
    print("every batch logged: a step in relation to the bare loop's, and the training thread's")
    print("CPU time for a record in µs")
    for name, cost in _loggers.measure().items():
        print(f"{'  ' + name:<34}{cost.ratio:>13.3f}{cost.record_us:>10.2f}")
    print(f"{'  longest, beside a silent server':<34}{_loggers.longest_ms():>23.3f} ms\n")


if __name__ == "__main__":
    main()
