# SPDX-License-Identifier: MIT
"""What a process did to a folder, call by call, and what a power cut would leave of it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

_HEAD = struct.Struct("16s5q")

Image: TypeAlias = "dict[str, bytes | str | None]"  # a file's content, a link's, None for a folder


class Call(NamedTuple):
    """A call that touched the folder, or a mark: its number is then the epoch's."""

    what: str
    number: int
    opening: int
    value: int
    first: bytes
    second: str


def read_trace(path: Path) -> Iterator[Call]:
    """Yield the calls; a record that a kill cut off is left out."""
    data = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        what, number, opening, value, size, more = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        first, second = data[at : at + size], data[at + size : at + size + more]
        at += size + more
        if at > len(data):
            return
        yield Call(what.rstrip(b"\0").decode(), number, opening, value, first, os.fsdecode(second))


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


class _Link(NamedTuple):
    target: str


@dataclass(eq=False)
class _Folder:
    entries: dict[str, _Node] = field(default_factory=dict)
    safe: dict[str, _Node] = field(default_factory=dict)


_Node: TypeAlias = "_File | _Link | _Folder"


class _Change(NamedTuple):
    """A change of entries that has not been brought to disk."""

    removed: tuple[_Folder, str] | None
    added: tuple[_Folder, str] | None
    node: _Node | None

    @property
    def folder(self) -> _Folder:
        """The folder whose sync brings it to disk."""
        place = self.added or self.removed
        assert place is not None
        return place[0]

    def apply(self, entries: Callable[[_Folder], dict[str, _Node]]) -> None:
        if self.removed is not None:
            entries(self.removed[0]).pop(self.removed[1], None)
        if self.added is not None and self.node is not None:
            entries(self.added[0])[self.added[1]] = self.node


class Disk:
    """A folder under a strict reading of POSIX: what was not synced may be lost.

    A file's content is safe once the file is synced, an entry once its folder is.

    Args:
        root: The folder, which is empty at first.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._top = _Folder()
        self._pending: list[_Change] = []
        self._openings: dict[int, _File | _Folder] = {}

    def apply(self, call: Call) -> None:
        """Do what *call* did."""
        path = os.fsdecode(call.first) if call.what != "write" else ""
        if call.what == "open":
            self._open(call, path)
        elif call.what == "write":
            file = self._file(call.opening)
            end = call.value + len(call.first)
            file.content.extend(bytes(max(0, end - len(file.content))))
            file.content[call.value : end] = call.first
        elif call.what == "truncate":
            file = self._file(call.opening)
            file.content.extend(bytes(max(0, call.value - len(file.content))))
            del file.content[call.value :]
        elif call.what == "fsync":
            self._sync(self._openings[call.opening])
        elif call.what in ("unlink", "rmdir"):
            self._change(path, None, None)
        elif call.what == "rename":
            self._change(path, call.second, self._find(path))
        elif call.what == "link":
            self._change(None, call.second, self._find(path))
        elif call.what == "symlink":
            self._change(None, call.second, _Link(path))
        elif call.what == "mkdir":
            self._change(None, path, _Folder())

    def _file(self, opening: int) -> _File:
        file = self._openings[opening]
        assert isinstance(file, _File)
        return file

    def _place(self, path: str) -> tuple[_Folder, str]:
        folder, parts = self._top, path[len(self._root) :].split("/")
        for part in parts[1:-1]:
            node = folder.entries[part]
            assert isinstance(node, _Folder)
            folder = node
        return folder, parts[-1]

    def _find(self, path: str) -> _Node | None:
        if path == self._root:
            return self._top
        folder, name = self._place(path)
        return folder.entries.get(name)

    def _open(self, call: Call, path: str) -> None:
        node = self._find(path)
        while isinstance(node, _Link):
            path = os.path.join(os.path.dirname(path), node.target)
            node = self._find(path)
        if node is None:
            assert call.value & os.O_CREAT
            node = _File()
            self._change(None, path, node)
        assert not isinstance(node, _Link)
        if isinstance(node, _File) and call.value & os.O_TRUNC:
            node.content.clear()
        self._openings[call.opening] = node

    def _change(self, removed: str | None, added: str | None, node: _Node | None) -> None:
        change = _Change(
            None if removed is None else self._place(removed),
            None if added is None else self._place(added),
            node,
        )
        change.apply(lambda folder: folder.entries)
        self._pending.append(change)

    def _sync(self, node: _File | _Folder) -> None:
        if isinstance(node, _File):
            node.synced = bytes(node.content)
            return
        for change in self._pending:
            if change.folder is node:
                change.apply(lambda folder: folder.safe)
        self._pending = [change for change in self._pending if change.folder is not node]

    def content(self) -> Image:
        """Return what a process sees in the folder."""
        image: Image = {}
        _add(image, self._root, self._top, lambda folder: folder.entries, "all")
        return image

    def images(self) -> Iterator[Image]:
        """Yield what may be left after a power cut.

        Of the changes to entries that were not synced, the first few have come to disk, or any
        single one; of what was written and not synced nothing, half, zeros, or all.
        """
        survived = [self._pending[:count] for count in range(len(self._pending) + 1)]
        survived += [[change] for change in self._pending[1:]]
        for changes in survived:
            kept: dict[_Folder, dict[str, _Node]] = {}

            def left(
                folder: _Folder, kept: dict[_Folder, dict[str, _Node]] = kept
            ) -> dict[str, _Node]:
                return kept.setdefault(folder, dict(folder.safe))

            for change in changes:
                change.apply(left)
            for data in ("none", "half", "zeros", "all"):
                image: Image = {}
                _add(image, self._root, self._top, left, data)
                yield image


def _add(
    image: Image,
    path: str,
    folder: _Folder,
    entries: Callable[[_Folder], dict[str, _Node]],
    data: str,
) -> None:
    for name, node in entries(folder).items():
        below = f"{path}/{name}"
        if isinstance(node, _Link):
            image[below] = node.target
        elif isinstance(node, _Folder):
            image[below] = None
            _add(image, below, node, entries, data)
        else:
            image[below] = _left(node, data)


def _left(file: _File, data: str) -> bytes:
    content = bytes(file.content)
    if data == "all" or content == file.synced:
        return content
    if data == "none":
        return file.synced
    safe = file.synced if content.startswith(file.synced) else b""  # what was added to stays
    rest = content[len(safe) :]
    return safe + (bytes(len(rest)) if data == "zeros" else rest[: len(rest) // 2])


def write_image(image: Image) -> None:
    """Make the files of *image* in the folder that their paths name, which is empty."""
    for path in sorted(image):
        content = image[path]
        if content is None:
            os.mkdir(path)
        elif isinstance(content, str):
            os.symlink(content, path)
        else:
            Path(path).write_bytes(content)


def read_image(root: Path) -> Image:
    """Return what is in the folder *root*."""
    image: Image = {}
    for folder, folders, files in os.walk(root):
        for name in folders:
            image[os.path.join(folder, name)] = None
        for name in files:
            path = os.path.join(folder, name)
            image[path] = os.readlink(path) if os.path.islink(path) else Path(path).read_bytes()
    return image
