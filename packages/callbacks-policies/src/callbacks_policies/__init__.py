# SPDX-License-Identifier: MIT
"""Phases of optimizer settings, and gradient clipping."""

from callbacks_policies.__about__ import __version__

__all__ = ["__version__"]
