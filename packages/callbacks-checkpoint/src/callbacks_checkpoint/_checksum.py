# SPDX-License-Identifier: MIT
"""CRC-32: of what goes by, and of a part of it from those of the whole."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from zlib import crc32

_POLYNOMIAL: Final = 0xEDB88320  # of zip and zlib; the bit for x^0 is the highest one
_ONE: Final = 1 << 31
_X_TO_THE_8: Final = 1 << 23


class Checksum:
    """A CRC-32 that grows with what it is given.

    Attributes:
        value: That of all bytes so far.
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def update(self, block: bytes | bytearray | memoryview) -> None:
        """Go on with the bytes of *block*."""
        self.value = crc32(block, self.value)

    def digits(self) -> bytes:
        """Return it in eight hexadecimal digits."""
        return b"%08x" % self.value


def checksum_of_end(before: int, whole: int, size: int) -> int:
    """Return the CRC-32 of the last bytes of something, without reading them again.

    A CRC is linear: that of two texts in a row is that of the second, and the first one's times
    x^8 for each byte of the second, modulo the polynomial (as `crc32_combine` of zlib has it).

    Args:
        before: The CRC-32 of all but these bytes.
        whole: The CRC-32 of everything.
        size: How many bytes.
    """
    return whole ^ _product(_shift(size), before)


@lru_cache(maxsize=256)  # the tensors of a state are of a few sizes only
def _shift(size: int) -> int:
    """Return x^(8 * size) modulo the polynomial."""
    power, square = _ONE, _X_TO_THE_8
    while size:
        if size & 1:
            power = _product(square, power)
        square = _product(square, square)
        size >>= 1
    return power


def _product(left: int, right: int) -> int:
    """Return the product of two polynomials over the bits, modulo the polynomial."""
    product, bit = 0, _ONE
    while bit:
        if left & bit:
            product ^= right
        right = right >> 1 ^ _POLYNOMIAL if right & 1 else right >> 1
        bit >>= 1
    return product
