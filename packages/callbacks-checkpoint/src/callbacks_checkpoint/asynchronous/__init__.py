# SPDX-License-Identifier: MIT
"""Saves that training does not wait for."""

from ._structure import ChangedTensorError
from .saver import AsynchronousSaver, EndedSave, WhileSaving

__all__ = ["AsynchronousSaver", "ChangedTensorError", "EndedSave", "WhileSaving"]
