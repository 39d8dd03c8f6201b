# SPDX-License-Identifier: MIT
"""The command line: ``callboard demo``, ``doctor``, ``notify`` and ``checkpoints``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import checkpoints, notify
from .__about__ import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the process's exit code.

    Args:
        arguments: The words of the command line; by default those of the process.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] | None = getattr(options, "run", None)
    if run is None:
        parser.print_help()
        return 0
    try:
        return run(options)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="callboard", description="Training callbacks for PyTorch, à la carte."
    )
    parser.add_argument("--version", action="version", version=f"callboard {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="train a real classifier with every package at work",
        description="Train a classifier of handwritten digits with every package at work.",
    )
    demo.add_argument(
        "--epochs", type=_epochs, default=15, metavar="N", help="at most so many (default: 15)"
    )
    demo.add_argument(
        "--device", default="cpu", help='where to train, such as "cuda" (default: cpu)'
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("callboard-demo"),
        metavar="FOLDER",
        help="where to write (default: ./callboard-demo)",
    )
    demo.set_defaults(run=_demo)

    doctor = commands.add_parser(
        "doctor",
        help="tell what is installed, and what is missing",
        description="Tell which packages, extras and devices are there, and how to add the rest.",
    )
    doctor.set_defaults(run=_doctor)
    notify.add_parser(commands)
    checkpoints.add_parser(commands)
    return parser


def _epochs(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < 2:
        raise argparse.ArgumentTypeError("the learning-rate cycle needs at least 2 epochs")
    return number


def _demo(options: argparse.Namespace) -> int:
    print("loading torch and the loggers ...", flush=True)  # seconds without a sign otherwise
    from .demo import MissingPackageError, run_demo

    try:
        run_demo(epochs=options.epochs, device=options.device, out=options.out)
    except (MissingPackageError, OSError, RuntimeError) as error:
        print(f"callboard demo: {error}", file=sys.stderr)
        return 1
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import report

    print(report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
