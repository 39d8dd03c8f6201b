# SPDX-License-Identifier: MIT
"""What others print while a line is being drawn over."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Final, TextIO

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Prints:
    """Watches what is printed into a terminal, so that a line that is being drawn makes way.

    The streams stay the objects that they are, since log handlers hold on to them: only their
    ``write`` is another one until `unwatch`.

    Args:
        before: Called before somebody prints.
        after: Called with what was printed.
    """

    def __init__(self, before: Callable[[], object], after: Callable[[str], object]) -> None:
        self._before = before
        self._after = after
        self._watched: list[tuple[Any, Callable[[str], int], Callable[[str], int]]] = []
        self.write: Callable[[str], int]
        """Writes to the first stream without anybody being told."""

    def watch(self, stream: TextIO | None, *others: TextIO | None) -> None:
        """Watch *stream*, and *others* where they lead to the same terminal."""
        if stream is None:
            return
        self.write = stream.write
        self._watch(stream)
        for other in others:
            if other is not None and other is not stream and _same_terminal(stream, other):
                self._watch(other)

    def unwatch(self) -> None:
        """Leave the streams as they were, unless somebody has changed them since."""
        for stream, write, watching in self._watched:
            if vars(stream).get("write") is not watching:
                continue
            del stream.write
            if stream.write != write:  # it had one of its own before
                stream.write = write
        self._watched.clear()

    def _watch(self, stream: Any) -> None:
        write = stream.write

        def watching(text: str) -> int:
            self._before()
            count: int = write(text)
            if text:
                self._after(text)
            return count

        try:
            stream.write = watching
        except AttributeError:  # a stream of a kind that cannot be changed
            return
        self._watched.append((stream, write, watching))


def left_open(text: str) -> bool:
    """Whether a row is begun and not ended by *text*; one that is to be drawn over is not."""
    row = _ESCAPES.sub("", text).rpartition("\n")[2]
    return bool(row) and "\r" not in row


def _same_terminal(one: TextIO, other: TextIO) -> bool:
    try:
        return other.isatty() and os.ttyname(one.fileno()) == os.ttyname(other.fileno())
    except (AttributeError, OSError, ValueError):
        return False
