# SPDX-License-Identifier: MIT
"""The checksum that stands in TensorBoard's files.

It is CRC-32C (Castagnoli; RFC 3720, section 12.1), masked as TensorFlow's record format asks for.
No module that this package may depend on computes it, and TensorBoard's own does so byte by byte:
about 30 µs for a value. Here it is worked out for many records of one length at once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from numpy import uint8, uint32
    from numpy.typing import NDArray

_POLYNOMIAL: Final = 0x82F63B78
_ALL: Final = 0xFFFFFFFF
_MASK: Final = 0xA282EAD8


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


@cache
def _array() -> NDArray[uint32]:
    import numpy as np

    return np.array(_table(), dtype=np.uint32)


def masked_crc(data: bytes) -> int:
    """Return the masked checksum of *data*."""
    table, crc = _table(), _ALL
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= _ALL
    return ((crc >> 15 | crc << 17) + _MASK) & _ALL


def masked_crcs(rows: NDArray[uint8]) -> NDArray[uint32]:
    """Return the masked checksum of each row.

    Args:
        rows: Shape ``(records, bytes)``.
    """
    import numpy as np

    table = _array()
    crc = np.full(len(rows), _ALL, dtype=np.uint32)
    for column in rows.T:
        crc = table[(crc ^ column) & 0xFF] ^ crc >> 8
    crc ^= np.uint32(_ALL)
    return ((crc >> 15 | crc << 17) + np.uint32(_MASK)).astype(np.uint32)
