# SPDX-License-Identifier: MIT
"""The saves of a callback that are done in the background."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from callbacks_core import ModelLike, one_of

from .asynchronous import AsynchronousSaver, WhileSaving
from .retention import SavedFile
from .sealing import About


class Ended(NamedTuple):
    """How a save ended: with a file on disk, or with an error."""

    file: SavedFile
    error: Exception | None


class Background:
    """Hands over what a callback saves, and tells later what became of it.

    Args:
        while_saving: What is done when a save is due while another is being written.
        overlap: Whether weights are copied beside the next forward and backward pass.
    """

    def __init__(self, while_saving: WhileSaving, *, overlap: bool) -> None:
        self.while_saving = while_saving
        self.overlap = overlap
        self._saver = AsynchronousSaver(while_saving=while_saving)
        self._under_way: list[SavedFile] = []

    def is_free(self) -> bool:
        """Whether to begin a save that is due; waits for the one before if it has to."""
        if self.while_saving == "wait":
            self.drain()
        return self.while_saving == "latest" or not self._saver.is_saving

    def save_state(
        self, state: Any, file: SavedFile, *, about: About, temporary: str | None, model: ModelLike
    ) -> None:
        """Begin to save *state*."""
        self._under_way.append(file)
        self._saver.begin(
            state,
            file.path,
            about=about,
            temporary=temporary,
            overlap=model if self.overlap else None,
            note=file,
        )

    def save_content(
        self,
        write: Callable[[IO[Any]], object],
        file: SavedFile,
        *,
        is_text: bool,
        temporary: str | None,
    ) -> None:
        """Begin to save what *write* writes to the file that it is given, in memory."""
        content = io.BytesIO()
        if is_text:
            text = io.TextIOWrapper(content, encoding="utf-8", write_through=True)
            write(text)
            text.flush()
        else:
            write(content)
        self._under_way.append(file)
        self._saver.begin_bytes(content.getvalue(), file.path, temporary=temporary, note=file)

    def values_under_way(self) -> list[float]:
        """Return the monitored values of the files that are not on disk yet."""
        return [file.value for file in self._under_way if file.value is not None]

    def ended(self) -> Iterator[Ended]:
        """Yield the saves that have ended since it was last asked for, but those left out."""
        for saved in self._saver.ended():
            assert isinstance(saved.note, SavedFile)
            self._under_way = [file for file in self._under_way if file is not saved.note]
            if saved.error is not None and not isinstance(saved.error, Exception):
                raise saved.error
            if saved.is_written or saved.error is not None:
                yield Ended(saved.note, saved.error)

    def drain(self) -> None:
        """Wait until nothing is being written."""
        self._saver.drain()

    def close(self) -> None:
        """Wait, and let go of the memory."""
        self._saver.drain()
        self._saver.release()


def chosen_background(
    asynchronous: bool,
    while_saving: WhileSaving,
    overlap: bool,
    *,
    atomic: bool,
    is_state: bool,
) -> Background | None:
    """Return what saves in the background, or None when training is to wait.

    Raises:
        TypeError: *overlap* is asked of a saver that writes no state.
        ValueError: An option lacks another one, or has a wrong value.
    """
    one_of("while_saving", while_saving, ("wait", "skip", "latest"))
    if not asynchronous:
        if while_saving != "wait":
            raise ValueError(f"`while_saving={while_saving!r}` needs `asynchronous=True`")
        if overlap:
            raise ValueError("`overlap=True` needs `asynchronous=True`")
        return None
    if not atomic:
        raise ValueError("`asynchronous=True` needs `atomic_write=True`")
    if overlap and not is_state:
        raise TypeError("`overlap=True` needs a saver of states, such as ModelCheckpoint")
    return Background(while_saving, overlap=overlap)
