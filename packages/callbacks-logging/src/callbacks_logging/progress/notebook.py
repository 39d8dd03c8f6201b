# SPDX-License-Identifier: MIT
"""The display in a notebook: HTML that is replaced in its place."""

from __future__ import annotations

import sys
from html import escape
from typing import Any, Final

from .colours import ColorProgress
from .console import TERMINAL_INTERVAL
from .line import Line, plain

_HUES: Final = {
    "BLACK": "#57606a",
    "BLUE": "#3b78d8",
    "CYAN": "#0f8b9d",
    "GREEN": "#2e9e45",
    "MAGENTA": "#b455c4",
    "RED": "#d64541",
    "WHITE": "#8b949e",
    "YELLOW": "#b08800",
}
"""For the names of colorama, shades that can be read on white as on black."""

_ROW: Final = '<pre style="margin:0;white-space:pre-wrap;line-height:1.4">{}</pre>'


def in_notebook() -> bool:
    """Whether standard output goes to a notebook's cell; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is None:
        return False
    return type(sys.stdout).__module__.partition(".")[0] == "ipykernel"  # not redirected


class Notebook:
    """Shows each line as an output of the cell, replaced in its place until it is finished.

    Args:
        colors: The colours, for where they are wanted.
    """

    redraws = True
    interval = TERMINAL_INTERVAL
    ascii_only = False

    def __init__(self, colors: ColorProgress) -> None:
        self._colors = colors if colors.applies(terminal=True) else None
        self._output: Any = None

    def has_room(self, parts: list[Line]) -> bool:
        """Whether a line of *parts* can be shown whole; a browser folds it."""
        return True

    def draw(self, parts: list[Line]) -> None:
        """Show a line that the next one replaces."""
        shown = {"text/html": as_html(parts, self._colors), "text/plain": plain(parts)}
        if self._output is not None:
            self._output.update(shown, raw=True)
            return
        display = sys.modules["IPython"].display.display
        self._output = display(shown, raw=True, display_id=True)

    def finish(self, parts: list[Line]) -> None:
        """Show a line that stays."""
        self.draw(parts)
        self._output = None

    def leave(self) -> None:
        """Let the line stay as it is."""
        self._output = None


def as_html(parts: list[Line], colors: ColorProgress | None) -> str:
    """Return the words of *parts* as HTML, in colours if there are any."""
    if colors is None:
        return _ROW.format(escape(plain(parts)))
    words = " ".join(
        "".join(
            f'<span style="color:{_hue(colors.colors[field])}">{escape(text)}</span>'
            for field, text in part
        )
        for part in parts
    )
    return _ROW.format(words)


def _hue(name: str) -> str:
    return _HUES.get(name.removeprefix("LIGHT").removesuffix("_EX"), "inherit")
