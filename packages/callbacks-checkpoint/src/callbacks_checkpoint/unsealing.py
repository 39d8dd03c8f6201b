# SPDX-License-Identifier: MIT
"""What the seal on a checkpoint says: whether the file is whole, and what it is."""

from __future__ import annotations

import json
import os
import zipfile
from typing import IO, Any, Final, Literal, NamedTuple, TypeAlias

from ._checksum import Checksum
from ._safetensors import check_safetensors, looks_like_safetensors
from .sealing import CHECKSUM_LABEL, DIGITS, END_MARK, END_SIZE, LABEL, LONGEST_COMMENT, NO_COMMENT

Verdict: TypeAlias = Literal["whole", "unverified"]

_BLOCK: Final = 1 << 20


class CheckedFile(NamedTuple):
    """What is known of a file that is not damaged."""

    verdict: Verdict
    """``"whole"`` when it is sealed and every byte is as it was; ``"unverified"`` when it has no
    seal and nothing speaks against it."""
    about: dict[str, Any]
    """What the seal tells of the file."""


def check(file: IO[bytes]) -> CheckedFile:
    """Find out whether a file is what was written once.

    A file without a seal, as `torch.save` writes it, is held against the check sums of the zip
    archive, which do not cover all of it. A file of safetensors is held against the hash in its
    metadata, where there is one. Other files are not looked at.

    Args:
        file: The file, open for reading; it is left at its beginning.

    Raises:
        ValueError: It is damaged; the message says what is wrong.
    """
    try:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            raise ValueError("it is empty")
        file.seek(max(0, size - END_SIZE - LONGEST_COMMENT))
        end = file.read()
        end = end[max(0, end.rfind(END_MARK)) :]
        if end.startswith(LABEL, END_SIZE):
            return _check_seal(file, size, end)
        file.seek(0)
        start = file.read(9)
        if start.startswith(b"PK"):
            _check_archive(file, end)
        elif looks_like_safetensors(start) and check_safetensors(file):
            return CheckedFile("whole", {})
        return CheckedFile("unverified", {})
    finally:
        file.seek(0)


def read_about(file: IO[bytes]) -> dict[str, Any] | None:
    """Return what the seal tells of a file, without checking it; None when it has no seal."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END_SIZE - LONGEST_COMMENT))
    end = file.read()
    end = end[max(0, end.rfind(END_MARK)) :]
    try:
        return _about(end) if end.startswith(LABEL, END_SIZE) else None
    except ValueError:
        return None


def _about(end: bytes) -> dict[str, Any]:
    text = end[END_SIZE + len(LABEL) : -DIGITS - len(CHECKSUM_LABEL)]
    about = json.loads(text)
    return about if isinstance(about, dict) else {}


def _check_seal(file: IO[bytes], size: int, end: bytes) -> CheckedFile:
    length = int.from_bytes(end[END_SIZE - 2 : END_SIZE], "little")
    if (
        length != len(end) - END_SIZE
        or end[-DIGITS - len(CHECKSUM_LABEL) : -DIGITS] != CHECKSUM_LABEL
    ):
        raise ValueError("its seal is broken")
    checksum = Checksum()
    left = size - DIGITS
    file.seek(0)
    while left > 0:
        block = file.read(min(left, _BLOCK))
        if not block:
            raise ValueError("it became shorter while it was read")
        checksum.update(block)
        left -= len(block)
    if checksum.digits() != end[-DIGITS:]:
        raise ValueError("its check sum is not the one it was sealed with: some bytes have changed")
    return CheckedFile("whole", _about(end))


def _check_archive(file: IO[bytes], end: bytes) -> None:
    if len(end) != END_SIZE or end[:4] != END_MARK or end[-2:] != NO_COMMENT:
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
