# SPDX-License-Identifier: MIT
"""Events as TensorBoard reads them: protocol buffers in records with checksums.

The fields are those of TensorFlow's ``event.proto`` and ``summary.proto``, the records those of
its ``record_writer.cc``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import groupby
from typing import Final

from .crc import masked_crc, masked_crcs

_FEW: Final = 16
"""For so few values, going through their bytes is quicker than arrays are."""


def file_version(now: float) -> bytes:
    """Return the record with which a file begins."""
    return record(_wall_time(now) + _field(3, b"brain.Event:2"))


def session_start(now: float, step: int) -> bytes:
    """Return the record after which values from *step* on, of earlier files, no longer count."""
    status = b"\x08\x01"
    return record(_wall_time(now) + b"\x10" + varint(step) + _field(7, status))


def summary(now: float, step: int, message: bytes) -> bytes:
    """Return the record of a summary.

    Args:
        now: The time, in seconds since 1970.
        step: The step that it belongs to.
        message: The summary, a protocol buffer.
    """
    return record(_wall_time(now) + b"\x10" + varint(step) + _field(5, message))


def scalars(tag: str, now: float, steps: Sequence[int], values: Sequence[float]) -> bytes:
    """Return the records of one curve's values.

    Args:
        tag: The curve's name.
        now: The time, in seconds since 1970.
        steps: Where they stand, one number for each value; zero or more.
        values: The values.
    """
    if len(values) <= _FEW or find_spec("numpy") is None:
        return b"".join(map(record, _scalars(tag, now, steps, values)))
    parts, begin = [], 0
    for _, group in groupby(map(_varint_length, steps)):  # those as long as each other
        end = begin + sum(1 for _ in group)
        parts.append(_many(tag, now, steps[begin:end], values[begin:end]))
        begin = end
    return b"".join(parts)


def _scalars(
    tag: str, now: float, steps: Sequence[int], values: Sequence[float]
) -> Iterable[bytes]:
    name = _field(1, tag.encode())
    time = _wall_time(now)
    for step, value in zip(steps, values, strict=True):
        entry = name + b"\x15" + _float(value)
        yield time + b"\x10" + varint(step) + _field(5, _field(1, entry))


def _many(tag: str, now: float, steps: Sequence[int], values: Sequence[float]) -> bytes:
    import numpy as np

    first = next(iter(_scalars(tag, now, steps[:1], values[:1])))
    rows = np.tile(np.frombuffer(first, np.uint8), (len(values), 1))
    numbers = np.asarray(steps, dtype=np.int64)
    length = _varint_length(steps[0])
    for place in range(length):
        more = 0x80 if place < length - 1 else 0
        rows[:, 10 + place] = numbers >> 7 * place & 0x7F | more
    with np.errstate(over="ignore"):
        rows[:, -4:] = np.asarray(values, dtype="<f4")[:, None].view(np.uint8)
    header = struct.pack("<Q", len(first))
    header += struct.pack("<I", masked_crc(header))
    framed = np.empty((len(values), len(first) + 16), np.uint8)
    framed[:, :12] = np.frombuffer(header, np.uint8)
    framed[:, 12:-4] = rows
    framed[:, -4:] = masked_crcs(rows).astype("<u4")[:, None].view(np.uint8)
    return framed.tobytes()


def record(data: bytes) -> bytes:
    """Return *data* with its length and the checksums."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (
            length,
            struct.pack("<I", masked_crc(length)),
            data,
            struct.pack("<I", masked_crc(data)),
        )
    )


def varint(number: int) -> bytes:
    """Return a number that is not negative as a protocol buffer has it."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _varint_length(number: int) -> int:
    return max(1, (number.bit_length() + 6) // 7)


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(content)) + content


def _wall_time(now: float) -> bytes:
    return b"\x09" + struct.pack("<d", now)


def _float(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:  # beyond what four bytes hold
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))
