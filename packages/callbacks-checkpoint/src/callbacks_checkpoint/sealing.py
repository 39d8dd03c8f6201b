# SPDX-License-Identifier: MIT
"""A seal on a checkpoint: the check sum of the file, in a place where `torch.load` ignores it.

What `torch.save` writes is a zip archive, and a zip archive ends with a record that may carry a
comment of any text. The seal is such a comment: a label, a line of JSON that tells what the file
is, and eight hexadecimal digits, the CRC-32 of every byte before them. Whoever reads zip archives
skips it; so do all versions of `torch.load`.

It is there against accidents, not against forgers, so a CRC does: no damage within 32 bits in a
row escapes it, and of any other kind one in four thousand million. It takes less than half of the
time of SHA-256, and the archive needs it anyway.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import IO, Final, TypeAlias

from ._checksum import Checksum
from ._follower import Follower, read_back

About: TypeAlias = Mapping[str, str | int | float]
"""What a file tells of itself: plain values by name, such as its epoch."""

LABEL: Final = b"callbacks-checkpoint "
CHECKSUM_LABEL: Final = b" crc32 "
DIGITS: Final = 8
END_MARK: Final = b"PK\5\6"
END_SIZE: Final = 22  # of the record at the end of a zip archive that has no comment
NO_COMMENT: Final = b"\0\0"
LONGEST_COMMENT: Final = 0xFFFF
_LARGE: Final = 1 << 20


def comment_before_digits(about: About | None) -> bytes:
    """Return the comment that makes a seal, but for the check sum in `DIGITS` digits at its end.

    Args:
        about: What the seal is to tell of the file.

    Raises:
        ValueError: *about* is too long for a comment.
    """
    text = json.dumps(dict(about or {}), separators=(",", ":")).encode()
    comment = LABEL + text + CHECKSUM_LABEL
    if len(comment) + DIGITS > LONGEST_COMMENT:
        raise ValueError(f"`about` is too long for a seal: {len(text)} bytes of JSON")
    return comment


def write_all(file: IO[bytes], view: memoryview) -> None:
    """Write all of *view*; a raw file may take a part only."""
    while view:
        view = view[file.write(view) :]


class SealingWriter:
    """What `torch.save` writes to, so that the file it makes is sealed.

    The check sum is worked out while the bytes go by. From the first write of a megabyte on, a
    thread does it, so that a large file takes hardly longer than without a seal.

    Args:
        file: Where to write to: a file in a binary mode, empty so far.
        about: What the seal is to tell of the file.
        sync: Whether to have a large file brought to disk while the last of it is summed up.

    Raises:
        ValueError: *about* is too long for a comment.

    Attributes:
        error: What went wrong in writing, or None.
    """

    def __init__(
        self,
        file: IO[bytes],
        *,
        about: About | None = None,
        sync: bool = True,
    ) -> None:
        self._comment = comment_before_digits(about)
        self._file = file
        self._sync = sync
        self._checksum = Checksum()
        self._held = bytearray()
        self._written = 0
        self._follower: Follower | None = None
        self._can_follow = True
        self.error: OSError | None = None

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write *data*, but for the last bytes, which may turn out to be the end."""
        size = len(data)
        if size >= _LARGE:
            view = memoryview(data)
            self._put(memoryview(self._held))
            self._put(view[:-END_SIZE])
            self._held = bytearray(view[-END_SIZE:])
            return size
        self._held += data  # torch writes an archive in many small pieces
        if len(self._held) >= _LARGE:
            held = memoryview(self._held)
            self._put(held[:-END_SIZE])
            self._held = bytearray(held[-END_SIZE:])
        return size

    def flush(self) -> None:
        """Hand on what the file itself holds back."""
        self._file.flush()

    def finish(self) -> None:
        """Write the end of the archive, and the seal.

        Raises:
            ValueError: What was written is no zip archive.
            OSError: The file cannot be written or read back.
        """
        end = bytes(self._held[-END_SIZE:])
        if end[:4] != END_MARK or end[-2:] != NO_COMMENT:
            raise ValueError("only a zip archive without a comment can be sealed")
        size = (len(self._comment) + DIGITS).to_bytes(2, "little")
        self._put(memoryview(self._held[:-2] + size + self._comment))
        self._end_following()
        self._write_all(memoryview(self._checksum.digits()))

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
            self._checksum.update(view)
        elif len(view) >= _LARGE:
            self._file.flush()
            self._follower.written(self._written)

    def _write_all(self, view: memoryview) -> None:
        try:
            write_all(self._file, view)
        except OSError as error:
            self.error = error
            raise

    def _follow(self) -> None:
        self._file.flush()
        descriptor = read_back(self._file)
        self._can_follow = descriptor is not None
        if descriptor is not None:
            self._follower = Follower(descriptor, self._written, self._checksum)

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
