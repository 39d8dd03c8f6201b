# SPDX-License-Identifier: MIT
"""Tell somebody how training goes."""

from callbacks_notify.__about__ import __version__

__all__ = ["__version__"]
