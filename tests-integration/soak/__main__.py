# SPDX-License-Identifier: MIT
"""Train for thousands of short epochs with everything on: `hatch run soak`.

Prints memory, descriptors, threads, objects and the processor's time for an epoch; ends with 1 when
any of them but time, which other programs disturb, grows with the epochs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from _soak import MIB, Sample, slope, soak, what_grows


def main() -> int:
    """Train, and print a table."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--epochs", type=int, default=2000)
    options = parser.parse_args()
    if options.epochs < 20:
        parser.error(f"--epochs must be at least 20, one for each sample, not {options.epochs}")
    torch.set_num_threads(1)
    print(f"{'epoch':>7}{'CPU ms':>10}{'MiB':>9}{'descriptors':>13}{'threads':>9}{'objects':>9}")
    with tempfile.TemporaryDirectory() as folder:
        every = max(1, options.epochs // 20)
        samples = soak(Path(folder), options.epochs, every=every, tell=_print)
    later = samples[len(samples) // 4 :]
    print(f"memory grows by {slope(later, 'memory') / 2**10:.2f} KiB with each epoch")
    grown = what_grows(samples)
    for problem in grown:
        print(problem, file=sys.stderr)
    return 1 if grown else 0


def _print(sample: Sample) -> None:
    print(
        f"{sample.epoch:>7}{1000 * sample.seconds:>10.1f}{sample.memory / MIB:>9.1f}"
        f"{sample.descriptors:>13}{sample.threads:>9}{sample.objects:>9}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
