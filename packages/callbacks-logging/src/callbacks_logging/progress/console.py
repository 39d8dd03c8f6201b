# SPDX-License-Identifier: MIT
"""The one writer of the display: to a terminal, a pipe or a file, and never in the way."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Final, TextIO

import colorama

from .bar import SMOOTH
from .colours import ColorProgress
from .line import Line, fitting, folded, painted, plain, width
from .prints import Prints, left_open

TERMINAL_INTERVAL: Final = 0.1
"""Seconds between two drawings in a terminal, at least."""
PLAIN_INTERVAL: Final = 60.0
"""Seconds between two lines in the middle of an epoch, at least, where there is no terminal."""
FALLBACK_COLUMNS: Final = 80


class Console:
    """Writes lines to standard output as it is now; once that fails, it keeps quiet.

    In a terminal a line can be drawn over until it is finished, and none is wider than the
    window; what others print meanwhile takes its row, and it goes on below. Anywhere else every
    line is plain, whole and final.

    Args:
        colors: The colours, for where they are wanted.

    Attributes:
        redraws: Whether lines can be drawn over.
        interval: The seconds that should lie between two drawings, at least.
        ascii_only: Whether the encoding lacks the characters of a smooth bar.
    """

    def __init__(self, colors: ColorProgress) -> None:
        self._stream: TextIO | None = sys.stdout
        self._drawn = 0
        self._open = False  # whether the cursor is in a row that somebody else has begun
        self._prints: Prints | None = None
        self.redraws = self._is_terminal()
        self.interval = TERMINAL_INTERVAL if self.redraws else PLAIN_INTERVAL
        self._encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self.ascii_only = "?" in self._encodable(SMOOTH)
        self._colors = colors if colors.applies(terminal=self.redraws) else None
        if self._colors and self.redraws:
            colorama.just_fix_windows_console()

    def _is_terminal(self) -> bool:
        if self._stream is None or os.environ.get("TERM") == "dumb":
            return False
        try:
            return self._stream.isatty()
        except ValueError:  # it is closed
            return False

    @property
    def columns(self) -> int:
        """The columns that a line may take; a full row would move some cursors on."""
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns if self._stream else 0
        except (OSError, ValueError):  # no terminal of the system's, such as a test's
            columns = 0
        return max(1, (columns or shutil.get_terminal_size((FALLBACK_COLUMNS, 24)).columns) - 1)

    def has_room(self, parts: list[Line]) -> bool:
        """Whether a line of *parts* can be shown whole."""
        return not self.redraws or width(plain(parts)) <= self.columns

    def draw(self, parts: list[Line]) -> None:
        """Show a line that the next one replaces; where that cannot be, it stays."""
        if not self.redraws:
            self.finish(parts)
            return
        if self._prints is None:
            self._prints = Prints(self._make_way, self._printed)
            self._prints.watch(self._stream, getattr(sys, "stderr", None))
        shown = fitting(parts, self.columns)
        text = self._begin_row() + painted(shown, self._colors) + self._padding(shown)
        self._drawn = width(plain(shown))  # before, in case another thread prints meanwhile
        self._write(text)

    def finish(self, parts: list[Line]) -> None:
        """Show a line that stays, in several rows if it is wider than the terminal."""
        rows = (folded(parts, self.columns) if self.redraws else [parts]) or [[]]
        begin = self._begin_row() if self.redraws else ""
        first, *others = (painted(row, self._colors) for row in rows)
        self._write("\n".join([begin + first + self._padding(rows[0]), *others]) + "\n")
        self._drawn = 0

    def leave(self) -> None:
        """Go to a new row if a line is half-way, so that what others print starts there."""
        if self._prints is not None:
            self._prints.unwatch()
            self._prints = None
        if self._drawn:
            self._drawn = 0
            self._write("\n")

    def _make_way(self) -> None:
        """Clear the row for what somebody else is about to print."""
        if self._drawn:
            self._write(f"\r{self._padding([])}\r")
            self._drawn = 0

    def _printed(self, text: str) -> None:
        self._open = left_open(text)

    def _begin_row(self) -> str:
        below, self._open = self._open, False
        return "\n" if below else "\r"

    def _padding(self, parts: list[Line]) -> str:
        return " " * (min(self._drawn, self.columns) - width(plain(parts)))

    def _encodable(self, text: str) -> str:
        return text.encode(self._encoding, "replace").decode(self._encoding, "replace")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        text = self._encodable(text)
        try:
            if self._prints is None:
                self._stream.write(text)
            else:
                self._prints.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a broken pipe, a full disk, a closed file
            self._stream = None
