# SPDX-License-Identifier: MIT
"""Learning-rate schedulers as callbacks."""

from callbacks_lr.__about__ import __version__

__all__ = ["__version__"]
