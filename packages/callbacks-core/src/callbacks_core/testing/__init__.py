# SPDX-License-Identifier: MIT
"""Test a callback without a network, a loader or a trainer."""

from ._play import Played, play
from ._recorder import Call, Recorder

__all__ = ["Call", "Played", "Recorder", "play"]
