# SPDX-License-Identifier: MIT
"""Files that grow by whole lines."""

from .growing import GrowingFile
from .swapped import SwappedFile

__all__ = ["GrowingFile", "SwappedFile"]
