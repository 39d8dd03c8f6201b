# SPDX-License-Identifier: MIT
"""Pictures of a training, drawn with matplotlib."""

from .figures import plot_history, plot_metric

__all__ = ["plot_history", "plot_metric"]
