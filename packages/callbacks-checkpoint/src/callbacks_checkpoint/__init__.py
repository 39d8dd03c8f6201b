# SPDX-License-Identifier: MIT
"""Save a network while it trains, and bring its best weights back."""

from callbacks_checkpoint.__about__ import __version__

__all__ = ["__version__"]
