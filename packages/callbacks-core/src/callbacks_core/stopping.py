# SPDX-License-Identifier: MIT
"""Stopping a training, with a word on why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model_like import ModelLike


def stop_training(model: ModelLike, reason: str) -> None:
    """Ask for the end of the training, and say why; the first reason is the one that counts.

    ``model.stop_training = True`` alone does the same without a reason.

    Args:
        model: What is being trained.
        reason: Why, in words that finish the sentence "it was stopped because".
    """
    if not stop_reason(model):
        _attributes(model)["stop_reason"] = reason
    model.stop_training = True


def stop_reason(model: ModelLike) -> str:
    """Return why the training was stopped; empty when it was not, or nobody said."""
    return str(_attributes(model).get("stop_reason", ""))


def allow_training(model: ModelLike) -> None:
    """Take back an earlier stop, and its reason; a loop calls this when a training begins."""
    _attributes(model).pop("stop_reason", None)
    model.stop_training = False


def _attributes(model: ModelLike) -> dict[str, object]:
    return getattr(model, "__dict__", {})  # a model with slots just keeps no reason
