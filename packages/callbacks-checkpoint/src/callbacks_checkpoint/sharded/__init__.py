# SPDX-License-Identifier: MIT
"""Checkpoints of models that are spread over several processes."""

from ._group import OtherRankError
from .sharded import is_sharded, load_sharded, save_sharded, verify_sharded

__all__ = ["OtherRankError", "is_sharded", "load_sharded", "save_sharded", "verify_sharded"]
