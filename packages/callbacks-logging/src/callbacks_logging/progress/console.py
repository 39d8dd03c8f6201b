# SPDX-License-Identifier: MIT
"""The one writer of the display: to a terminal, a pipe or a file, and never in the way."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Final, TextIO

import colorama

from .colours import Palette
from .line import Line, fitting, folded, painted, plain, width

TERMINAL_INTERVAL: Final = 0.1
"""Seconds between two drawings in a terminal, at least."""
PLAIN_INTERVAL: Final = 60.0
"""Seconds between two lines in the middle of an epoch, at least, where there is no terminal."""
FALLBACK_COLUMNS: Final = 80


class Console:
    """Writes lines to standard output as it is now; once that fails, it keeps quiet.

    In a terminal a line can be drawn over until it is finished, and none is wider than the
    window. Anywhere else every line is plain, whole and final.

    Args:
        palette: The colours, for where they are wanted.

    Attributes:
        terminal: Whether lines can be drawn over.
        interval: The seconds that should lie between two drawings, at least.
        ascii_only: Whether the encoding lacks the characters of a smooth bar.
    """

    def __init__(self, palette: Palette) -> None:
        self._stream: TextIO | None = sys.stdout
        self._drawn = 0
        self.terminal = self._is_terminal()
        self.interval = TERMINAL_INTERVAL if self.terminal else PLAIN_INTERVAL
        self._encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self.ascii_only = "?" in self._encodable("▏█")
        self._palette = palette if palette.applies(terminal=self.terminal) else None
        if self._palette and self.terminal:
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
        return shutil.get_terminal_size((FALLBACK_COLUMNS, 24)).columns - 1

    def has_room(self, parts: list[Line]) -> bool:
        """Whether a line of *parts* can be shown whole."""
        return not self.terminal or width(plain(parts)) <= self.columns

    def draw(self, parts: list[Line]) -> None:
        """Show a line that the next one replaces; where that cannot be, it stays."""
        if not self.terminal:
            self.finish(parts)
            return
        shown = fitting(parts, self.columns)
        self._write("\r" + painted(shown, self._palette) + self._padding(shown))
        self._drawn = width(plain(shown))

    def finish(self, parts: list[Line]) -> None:
        """Show a line that stays, in several rows if it is wider than the terminal."""
        rows = folded(parts, self.columns) if self.terminal else [parts]
        first = "\r" if self.terminal else ""
        padding = self._padding(rows[0]) if rows else ""
        text = "\n".join(painted(row, self._palette) for row in rows[1:])
        line = painted(rows[0], self._palette) if rows else ""
        self._write(f"{first}{line}{padding}\n" + (text + "\n" if text else ""))
        self._drawn = 0

    def leave(self) -> None:
        """Go to a new row if a line is half-way, so that what others print starts there."""
        if self._drawn:
            self._drawn = 0
            self._write("\n")

    def _padding(self, parts: list[Line]) -> str:
        return " " * (min(self._drawn, self.columns) - width(plain(parts)))

    def _encodable(self, text: str) -> str:
        return text.encode(self._encoding, "replace").decode(self._encoding, "replace")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(self._encodable(text))
            self._stream.flush()
        except (OSError, ValueError):  # a broken pipe, a full disk, a closed file
            self._stream = None
