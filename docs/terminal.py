# SPDX-License-Identifier: MIT
"""A program's output in a terminal, as a picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final, NamedTuple

COLOURS: Final = {
    "31": "#f47067",
    "32": "#8ddb8c",
    "33": "#e0b45f",
    "34": "#6cb6ff",
    "35": "#dcbdfb",
    "36": "#76e3ea",
    "37": "#cdd9e5",
    "94": "#6cb6ff",
}
"""What the codes of a terminal look like on the dark background of the picture."""
PLAIN: Final = "#cdd9e5"
CELL: Final = (8.0, 20)


class Cell(NamedTuple):
    """One character in a row."""

    character: str
    colour: str


class Screen:
    r"""The rows that a terminal shows, of what a program writes.

    It knows what a line that is drawn over needs: new rows, ``\r`` and colours.

    Attributes:
        rows: What there is so far.
    """

    def __init__(self) -> None:
        self.rows: list[list[Cell]] = [[]]
        self._column = 0
        self._colour = PLAIN

    def write(self, output: str) -> None:
        """Show *output*.

        Raises:
            ValueError: It has a control code that this screen does not know.
        """
        for code, characters in re.findall(r"\x1b\[([\d;]*[A-Za-z])|([^\x1b]+)", output):
            if code:
                self._paint(code)
            for character in characters:
                self._put(character)

    def _paint(self, code: str) -> None:
        if code == "0m":
            self._colour = PLAIN
            return
        if not code.endswith("m") or code[:-1] not in COLOURS:
            raise ValueError(f"the screen does not know the code {code!r}")
        self._colour = COLOURS[code[:-1]]

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
            return
        if character == "\n":
            self.rows.append([])
            return
        row = self.rows[-1]
        row += [Cell(" ", PLAIN)] * (self._column + 1 - len(row))
        row[self._column] = Cell(character, self._colour)
        self._column += 1

    def texts(self) -> list[str]:
        """Return the rows without their colours."""
        return ["".join(cell.character for cell in row).rstrip() for row in self.rows]


def run(
    source: str, *, columns: int, until: Callable[[str], bool] = lambda output: False
) -> Screen:
    """Run a Python program in a terminal of its own, and return what it shows there.

    Args:
        source: The program.
        columns: How wide the terminal is.
        until: Whether this is the moment to be shown, asked with all output so far. By default
            that is the end.

    Raises:
        RuntimeError: The program has failed.
    """
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "FORCE_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-c", source], stdout=theirs, env=environment) as child:
        os.close(theirs)
        output = ""
        for part in _read(ours):
            output += part
            if until(output):
                child.kill()
                break
    os.close(ours)
    if child.returncode > 0:
        raise RuntimeError(f"the program ended with {child.returncode}:\n{output}")
    screen = Screen()
    screen.write(output)
    return screen


def _read(descriptor: int) -> Iterator[str]:
    """Yield what comes, a whole drawing at a time, until nobody is left to write."""
    pending = b""
    while True:
        try:
            read = os.read(descriptor, 4096)
        except OSError:  # Linux says so when the other end is closed
            return
        if not read:
            return
        pending += read
        try:
            text, pending = pending.decode(), b""
        except UnicodeDecodeError:  # in the middle of a character
            continue
        yield text


def as_svg(rows: Sequence[Sequence[Cell]], *, columns: int, title: str) -> str:
    """Return *rows* as an SVG picture of a dark window."""
    across, down = CELL
    width, height = columns * across + 32, len(rows) * down + 28
    lines = [_row(row, 16, 32 + index * down) for index, row in enumerate(rows)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img">',
            f"<title>{escape(title)}</title>",
            "<style>text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "
            '"DejaVu Sans Mono", monospace; white-space: pre }</style>',
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#22272e"/>',
            *(line for line in lines if line),
            "</svg>\n",
        ]
    )


def _row(row: Sequence[Cell], left: float, y: float) -> str:
    """Return pieces of one colour, each at its place and of its width in any font."""
    pieces, column = [], 0
    for colour, group in groupby(row, lambda cell: cell.colour):
        text = "".join(cell.character for cell in group)
        if text.strip():
            x, width = left + column * CELL[0], len(text) * CELL[0]
            pieces.append(
                f'<text x="{x:g}" y="{y:g}" fill="{colour}" textLength="{width:g}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(text)}</text>'
            )
        column += len(text)
    return "".join(pieces)
