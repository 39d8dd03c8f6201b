# SPDX-License-Identifier: MIT
"""The bar that fills as steps are done."""

from __future__ import annotations

from typing import Final

from callbacks_core import whole_number

_FULL: Final = "█"
_PARTS: Final = ("", *"▏▎▍▌▋▊▉")
SMOOTH: Final = _FULL + "".join(_PARTS)
"""The characters of a bar that is not limited to ASCII."""


class ProgressBar:
    """A bar of cells, with its percentage, that fills as steps are done.

    `ProgressionCallback` shows one; it is also of use by itself, for work of another kind.

    Args:
        steps: How many steps there are.
        cells: How many characters the bar has when it is full.
        ascii_only: Whether to draw with ``#`` alone, instead of eighths of a cell.

    Attributes:
        step: How many steps are done.

    Raises:
        TypeError: *steps* or *cells* is not a whole number.
        ValueError: One of them is less than 1.

    Example:
        >>> bar = ProgressBar(4, cells=8)
        >>> bar.update(1)
        >>> print(bar)
         25.00% |██      |
    """

    def __init__(self, steps: int, *, cells: int = 20, ascii_only: bool = False) -> None:
        whole_number("steps", steps, at_least=1)
        whole_number("cells", cells, at_least=1)
        self.steps = steps
        self.cells = cells
        self.ascii_only = ascii_only
        self.step = 0

    def update(self, step: int) -> None:
        """Take note that *step* steps are done; more than all of them leave the bar full.

        Raises:
            TypeError: *step* is not a whole number.
            ValueError: *step* is negative.
        """
        whole_number("step", step, at_least=0)
        self.step = step

    @property
    def fraction(self) -> float:
        """The part that is done, from 0 to 1."""
        return min(self.step / self.steps, 1.0)

    def __str__(self) -> str:
        """Return the percentage and the bar."""
        full, rest = divmod(int(self.fraction * self.cells * 8), 8)
        drawn = "#" * full if self.ascii_only else _FULL * full + _PARTS[rest]
        return f"{100 * self.fraction:6.2f}% |{drawn:<{self.cells}}|"
