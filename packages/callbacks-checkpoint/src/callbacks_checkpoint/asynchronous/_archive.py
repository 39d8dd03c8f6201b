# SPDX-License-Identifier: MIT
"""A sealed zip archive of parts that are stored as they are, laid out as `torch.save` does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple
from zlib import crc32

from .._checksum import Checksum, checksum_of_end
from ..sealing import DIGITS, END_MARK, About, comment_before_digits

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_DESCRIPTOR: Final = struct.Struct("<4s3L")
_LARGE_DESCRIPTOR: Final = struct.Struct("<4sLQQ")
_END: Final = struct.Struct("<4s4H2LH")
_LARGE_END: Final = struct.Struct("<4sQ2H2L4Q")
_LARGE_END_PLACE: Final = struct.Struct("<4sLQL")
_EXTRA: Final = struct.Struct("<2H")

_SIZE_LATER: Final = 0x0808  # UTF-8 names; a check sum that comes after the content
_LARGE = 0xFFFFFFFF  # from here on a number needs 64 bits
_ELSEWHERE: Final = 0xFFFFFFFF  # says: see the field of 64 bits
_VERSION, _LARGE_VERSION = 20, 45
_LARGE_FIELD: Final = 1
_PADDING_FIELD: Final = 0x4246  # the one that torch uses
_ALIGNMENT: Final = 64  # of the content, so that a mapped file's tensors are aligned
_BLOCK: Final = 1 << 20


class _Part(NamedTuple):
    name: bytes
    size: int
    checksum: int
    offset: int


class ArchiveWriter:
    """Writes a sealed zip archive front to back, without ever going back in the file.

    The bytes are summed up once: the check sums of large parts follow from that of the file.

    Args:
        write: Takes the bytes, all of them at each call.
        about: What the seal is to tell of the file.

    Raises:
        ValueError: *about* is too long for a seal.
    """

    def __init__(
        self, write: Callable[[memoryview], object], *, about: About | None = None
    ) -> None:
        self._write = write
        self._comment = comment_before_digits(about)
        self._checksum = Checksum()
        self._offset = 0
        self._parts: list[_Part] = []

    def add(self, name: str, content: bytes | memoryview) -> None:
        """Write a part.

        Args:
            name: Its name in the archive.
            content: Its bytes.
        """
        view = memoryview(content).cast("B")
        path, offset, is_large = name.encode(), self._offset, len(view) >= _LARGE
        self._put(_local_header(path, len(view), offset))
        before = self._checksum.value
        for start in range(0, len(view), _BLOCK):  # while a block is in the processor's cache
            self._put(view[start : start + _BLOCK])
        if len(view) < _BLOCK:
            checksum = crc32(view)
        else:
            checksum = checksum_of_end(before, self._checksum.value, len(view))
        descriptor = _LARGE_DESCRIPTOR if is_large else _DESCRIPTOR
        self._put(descriptor.pack(b"PK\7\x08", checksum, len(view), len(view)))
        self._parts.append(_Part(path, len(view), checksum, offset))

    def finish(self) -> None:
        """Write the list of the parts, with which an archive ends, and the seal."""
        start = self._offset
        self._put(b"".join(map(_central_header, self._parts)))
        size, count = self._offset - start, len(self._parts)
        if count >= 0xFFFF or max(start, size) >= _LARGE:
            place = self._offset
            self._put(
                _LARGE_END.pack(
                    b"PK\6\6", 44, _LARGE_VERSION, _LARGE_VERSION, 0, 0, count, count, size, start
                )
                + _LARGE_END_PLACE.pack(b"PK\6\7", 0, place, 1)
            )
        count = min(count, 0xFFFF)
        length = len(self._comment) + DIGITS
        end = _END.pack(END_MARK, 0, 0, count, count, _short(size), _short(start), length)
        self._put(end + self._comment)
        self._put(self._checksum.digits())

    def _put(self, content: bytes | memoryview) -> None:
        self._checksum.update(content)
        self._write(memoryview(content))
        self._offset += len(content)


def _short(number: int) -> int:
    return number if number < _LARGE else _ELSEWHERE


def _local_header(name: bytes, size: int, offset: int) -> bytes:
    extra = b""
    if size >= _LARGE:
        extra = _EXTRA.pack(_LARGE_FIELD, 16) + struct.pack("<2Q", size, size)
    begin = offset + _LOCAL.size + len(name) + len(extra) + _EXTRA.size
    padding = -begin % _ALIGNMENT
    extra += _EXTRA.pack(_PADDING_FIELD, padding) + bytes(padding)
    version = _LARGE_VERSION if size >= _LARGE else _VERSION
    short = _short(size)
    head = _LOCAL.pack(
        b"PK\3\4", version, _SIZE_LATER, 0, 0, 0, 0, short, short, len(name), len(extra)
    )
    return head + name + extra


def _central_header(part: _Part) -> bytes:
    extra = b""
    if part.size >= _LARGE:
        extra += struct.pack("<2Q", part.size, part.size)
    if part.offset >= _LARGE:
        extra += struct.pack("<Q", part.offset)
    version = _LARGE_VERSION if extra else _VERSION
    if extra:
        extra = _EXTRA.pack(_LARGE_FIELD, len(extra)) + extra
    short = _short(part.size)
    head = _CENTRAL.pack(
        b"PK\1\2",
        version,
        version,
        _SIZE_LATER,
        0,
        0,
        0,
        part.checksum,
        short,
        short,
        len(part.name),
        len(extra),
        0,
        0,
        0,
        0,
        _short(part.offset),
    )
    return head + part.name + extra
