# SPDX-License-Identifier: MIT
"""Show and record how training goes."""

from callbacks_logging.__about__ import __version__

__all__ = ["__version__"]
