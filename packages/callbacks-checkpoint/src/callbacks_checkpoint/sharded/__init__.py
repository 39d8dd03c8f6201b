# SPDX-License-Identifier: MIT
"""Checkpoints of models that are spread over several processes."""

from ._group import OtherRankError
from ._manifest import NAME as MANIFEST
from .sharded import is_sharded, load_sharded, save_sharded, verify_sharded

__all__ = [
    "MANIFEST",
    "OtherRankError",
    "is_sharded",
    "load_sharded",
    "save_sharded",
    "verify_sharded",
]
