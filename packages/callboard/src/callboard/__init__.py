# SPDX-License-Identifier: MIT
"""Training callbacks for PyTorch, à la carte: every public name in one place."""

from callboard.__about__ import __version__

__all__ = ["__version__"]
