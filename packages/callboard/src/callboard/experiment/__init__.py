# SPDX-License-Identifier: MIT
"""A training with all it needs in a directory of its own."""

from .experiment import Experiment

ModelBundle = Experiment

__all__ = ["Experiment", "ModelBundle"]
