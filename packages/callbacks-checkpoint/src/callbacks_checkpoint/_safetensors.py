# SPDX-License-Identifier: MIT
"""Whether a file in the format of safetensors is whole, found out without reading its tensors."""

from __future__ import annotations

import hashlib
import json
import os
from typing import IO, Any, Final

BLANK: Final = 64 * "0"
"""What stands for the hash in the bytes that are hashed."""

WRITER: Final = "callbacks-checkpoint"
"""What stands in the metadata beside the hash, so that one of the two is missed."""

_BLOCK: Final = 1 << 20
_LONGEST_HEADER: Final = 100_000_000  # as the format has it


def entry(digest: str) -> bytes:
    """Return what the metadata holds of a hash, as it stands in the file."""
    return f'"sha256":"{digest}"'.encode()


def looks_like_safetensors(start: bytes) -> bool:
    """Whether a file that begins with *start*, nine bytes, may be one."""
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= _LONGEST_HEADER


def check_safetensors(file: IO[bytes]) -> bool:
    """Return whether the file carries its hash, which fits then.

    Raises:
        ValueError: It is damaged; the message says what is wrong.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(8)
    text = file.read(int.from_bytes(start, "little"))
    try:
        header: dict[str, Any] = json.loads(text)
        metadata = header.pop("__metadata__", {})
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("its header is broken") from error
    if size != len(start) + len(text) + end:
        raise ValueError("its length is not the one its header tells")
    digest = metadata.get("sha256")
    if digest is None and metadata.get("writer") == WRITER:
        raise ValueError("its SHA-256 is missing")
    if not isinstance(digest, str):
        return False
    hashed = hashlib.sha256(start + text.replace(entry(digest), entry(BLANK), 1))
    while block := file.read(_BLOCK):
        hashed.update(block)
    if hashed.hexdigest() != digest:
        raise ValueError("its SHA-256 is not the one in its metadata: some bytes have changed")
    return True
