# SPDX-License-Identifier: MIT
"""A seal on a checkpoint: the SHA-256 of the file, in a place where `torch.load` ignores it.

What `torch.save` writes is a zip archive, and a zip archive ends with a record that may carry a
comment of any text. The seal is such a comment: a label and 64 hexadecimal digits, the hash of
every byte before them. Whoever reads zip archives skips it; so do all versions of `torch.load`.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from typing import IO, Final, Literal, TypeAlias

from ._digest import Follower, read_back

Seal: TypeAlias = Literal["whole", "unverified"]

_LABEL: Final = b"callbacks-checkpoint sha256 "
_DIGITS: Final = 64
_END_MARK: Final = b"PK\5\6"
_END_SIZE: Final = 22  # of the record at the end of a zip archive that has no comment
_NO_COMMENT: Final = b"\0\0"
_COMMENT_SIZE: Final = (len(_LABEL) + _DIGITS).to_bytes(2, "little")
_SEAL_SIZE: Final = _END_SIZE + len(_LABEL) + _DIGITS
_LARGE: Final = 1 << 20
_BLOCK: Final = 1 << 20


class SealingWriter:
    """What `torch.save` writes to, so that the file it makes is sealed.

    The hash is worked out while the bytes go by. From the first write of a megabyte on, a thread
    does it, so that a large file takes hardly longer than without a seal.

    Args:
        file: Where to write to: a file in a binary mode, empty so far.
        sync: Whether to have a large file brought to disk while the last of it is hashed.

    Attributes:
        error: What went wrong in writing, or None.
    """

    def __init__(self, file: IO[bytes], *, sync: bool = True) -> None:
        self._file = file
        self._sync = sync
        self._digest = hashlib.sha256()
        self._tail = b""
        self._written = 0
        self._follower: Follower | None = None
        self._can_follow = True
        self.error: OSError | None = None

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write *data*, but for the last bytes, which may turn out to be the end."""
        view = memoryview(data).cast("B")
        if len(view) < _LARGE:
            joined = self._tail + bytes(view)
            self._put(memoryview(joined)[: max(0, len(joined) - _END_SIZE)])
            self._tail = joined[-_END_SIZE:]
            return len(view)
        self._put(memoryview(self._tail))
        self._put(view[:-_END_SIZE])
        self._tail = bytes(view[-_END_SIZE:])
        return len(view)

    def flush(self) -> None:
        """Hand on what the file itself holds back."""
        self._file.flush()

    def finish(self) -> None:
        """Write the end of the archive, and the seal.

        Raises:
            ValueError: What was written is no zip archive.
            OSError: The file cannot be written or read back.
        """
        tail = self._tail
        if tail[:4] != _END_MARK or tail[-2:] != _NO_COMMENT:
            raise ValueError("only a zip archive without a comment can be sealed")
        self._put(memoryview(tail[:-2] + _COMMENT_SIZE + _LABEL))
        self._end_following()
        self._write_all(memoryview(self._digest.hexdigest().encode()))

    def abandon(self) -> None:
        """Let go of the thread, after an error."""
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.give_up()

    def _put(self, view: memoryview) -> None:
        if len(view) >= _LARGE and self._follower is None and self._can_follow:
            self._follow()
        self._write_all(view)
        self._written += len(view)
        if self._follower is None:
            self._digest.update(view)
        elif len(view) >= _LARGE:
            self._file.flush()
            self._follower.written(self._written)

    def _write_all(self, view: memoryview) -> None:
        try:
            while view:  # a raw file may take a part only
                view = view[self._file.write(view) :]
        except OSError as error:
            self.error = error
            raise

    def _follow(self) -> None:
        self._file.flush()
        descriptor = read_back(self._file)
        self._can_follow = descriptor is not None
        if descriptor is not None:
            self._follower = Follower(descriptor, self._written, self._digest)

    def _end_following(self) -> None:
        follower, self._follower = self._follower, None
        if follower is None:
            return
        try:
            self._file.flush()
            follower.written(self._written)
            if self._sync:
                os.fsync(self._file.fileno())
        finally:
            follower.finish()


def check_seal(file: IO[bytes]) -> Seal:
    """Find out whether a file is what was written once.

    Args:
        file: The file, open for reading; it is left at its beginning.

    Returns:
        ``"whole"`` when it is sealed and every byte is as it was; ``"unverified"`` when it has no
        seal, as `torch.save` writes it, and its parts fit the check sums of the zip archive (which
        do not cover all of it), or when it is no archive at all.

    Raises:
        ValueError: It is damaged; the message says what is wrong.
    """
    try:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            raise ValueError("it is empty")
        file.seek(max(0, size - _SEAL_SIZE))
        end = file.read(_SEAL_SIZE)
        if _is_sealed(end):
            _check_digest(file, size - _DIGITS, end[-_DIGITS:])
            return "whole"
        file.seek(0)
        if file.read(2) == b"PK":
            _check_archive(file, end[-_END_SIZE:])
        return "unverified"
    finally:
        file.seek(0)


def _is_sealed(end: bytes) -> bool:
    return (
        len(end) == _SEAL_SIZE
        and end.startswith(_END_MARK)
        and end[_END_SIZE - 2 : -_DIGITS] == _COMMENT_SIZE + _LABEL
    )


def _check_digest(file: IO[bytes], length: int, expected: bytes) -> None:
    digest = hashlib.sha256()
    file.seek(0)
    while length > 0:
        block = file.read(min(length, _BLOCK))
        if not block:
            raise ValueError("it became shorter while it was read")
        digest.update(block)
        length -= len(block)
    if digest.hexdigest().encode() != expected:
        raise ValueError("its SHA-256 is not the one it was sealed with: some bytes have changed")


def _check_archive(file: IO[bytes], end: bytes) -> None:
    if end[:4] != _END_MARK or end[-2:] != _NO_COMMENT:
        raise ValueError("its end is missing or has changed")
    try:
        with zipfile.ZipFile(file) as archive:
            for part in archive.infolist():
                if part.CRC:  # without `torch.serialization.set_crc32_options` it is 0
                    _read_through(archive, part)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise ValueError(f"its archive is broken: {error}") from error


def _read_through(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    with archive.open(part) as content:
        while content.read(_BLOCK):
            pass
