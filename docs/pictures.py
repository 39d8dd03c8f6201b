# SPDX-License-Identifier: MIT
"""The pictures that are kept beside the pages, each drawn by the code that it shows.

``python docs/pictures.py`` draws all of them anew into ``docs/images``: the display of a training
in a terminal, the order of the hooks, the packages, what the blocks of the tutorial have drawn, and
the curves of the demo. What the site draws by itself is in ``gallery.py``.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import hook_order
import package_map
import terminal

DOCS: Final = Path(__file__).resolve().parent
COLUMNS: Final = 130

TRAINING: Final = """
from callboard import Model, ProgressionCallback, TensorDataset, set_seeds
from callboard.demo._digits import load_digits, make_network

set_seeds(1)
digits = load_digits()
model = Model(make_network(), "adam", "cross_entropy", batch_metrics=["accuracy"])
model.fit(
    *digits.train,
    validation_data=digits.valid,
    epochs=10,
    batch_size=8,
    callbacks=[ProgressionCallback()],
    verbose=False,
)
"""
"""What the display is shown of: a small convolutional network and the digits of the demo."""

BLOCKS: Final = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def progress() -> str:
    """Return the display of a training in a terminal, in the middle of its fifth epoch."""
    screen = terminal.run(TRAINING, columns=COLUMNS, until=_in_the_fifth_epoch)
    return terminal.as_svg(screen.rows, columns=COLUMNS, title="The progress of a training")


def _in_the_fifth_epoch(output: str) -> bool:
    last = output.rpartition("\r")[2]
    return re.search(r"Epoch: .*? 5/10.* [67]\d\.\d\d%.*ETA", last) is not None


def blocks(page: Path) -> list[str]:
    """Return the Python blocks of *page*, in order."""
    return BLOCKS.findall(page.read_text(encoding="utf-8"))


def run_tutorial() -> None:
    """Run the blocks of the tutorial, in the current folder."""
    names = {"__name__": "__main__"}
    for number, block in enumerate(blocks(DOCS / "getting-started.md"), 1):
        exec(compile(block, f"block {number}", "exec"), names)


def tutorial(folder: Path) -> None:
    """Run the tutorial, and take over what it has drawn."""
    with TemporaryDirectory() as work, chdir(work):
        run_tutorial()
        shutil.copy("curves/loss.png", folder / "tutorial-loss.png")
        shutil.copy("schedule.png", folder / "tutorial-schedule.png")


def demo(folder: Path) -> None:
    """Run the demo, and take over its curves."""
    from callboard.demo import run_demo

    with TemporaryDirectory() as work:
        summary = run_demo(epochs=15, device="cpu", out=Path(work))
        shutil.copy(summary.files.curves, folder / "curves.png")


def text(name: str, make: Callable[[], str]) -> Callable[[Path], None]:
    """Return what writes a picture that is text."""

    def write(folder: Path) -> None:
        (folder / name).write_text(make(), encoding="utf-8")

    return write


PICTURES: Final[dict[str, Callable[[Path], None]]] = {
    "hooks": text("hooks.svg", hook_order.picture),
    "packages": text("packages.svg", package_map.picture),
    "progress": text("progress.svg", progress),
    "tutorial": tutorial,
    "demo": demo,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name](DOCS / "images")
