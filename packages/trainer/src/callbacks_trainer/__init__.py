# SPDX-License-Identifier: MIT
"""Train, evaluate and predict with a PyTorch network."""

from callbacks_trainer.__about__ import __version__

__all__ = ["__version__"]
