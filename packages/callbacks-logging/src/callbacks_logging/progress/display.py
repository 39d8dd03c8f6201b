# SPDX-License-Identifier: MIT
"""What shows the lines of the display: a stream of text, or a notebook."""

from __future__ import annotations

from typing import Protocol

from .colours import ColorProgress
from .console import Console
from .line import Line
from .notebook import Notebook, in_notebook


class Display(Protocol):
    """Shows lines, of which the last one may be replaced until it is finished."""

    redraws: bool
    """Whether a line can be replaced."""
    interval: float
    """The seconds that should lie between two drawings, at least."""
    ascii_only: bool
    """Whether the characters of a smooth bar cannot be shown."""

    def has_room(self, parts: list[Line]) -> bool:
        """Whether a line of *parts* can be shown whole."""

    def draw(self, parts: list[Line]) -> None:
        """Show a line that the next one replaces; where that cannot be, it stays."""

    def finish(self, parts: list[Line]) -> None:
        """Show a line that stays."""

    def leave(self) -> None:
        """Let a line that is half-way stay as it is, and let go of what is shown on."""


def find_display(colors: ColorProgress) -> Display:
    """Return what shows lines where the program runs now."""
    return Notebook(colors) if in_notebook() else Console(colors)
