# SPDX-License-Identifier: MIT
"""The names of the hooks, in the order in which a loop can call them."""

from __future__ import annotations

from typing import Final

TRAINING_HOOKS: Final = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_backward_end",
    "on_train_batch_end",
    "on_valid_begin",
    "on_valid_batch_begin",
    "on_valid_batch_end",
    "on_valid_end",
    "on_epoch_end",
    "on_train_end",
)

EVALUATION_HOOKS: Final = (
    "on_test_begin",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_predict_begin",
    "on_predict_batch_begin",
    "on_predict_batch_end",
    "on_predict_end",
)

SHARED_HOOKS: Final = TRAINING_HOOKS + EVALUATION_HOOKS
"""Hooks that other callback libraries know too: called on anything that has them."""

OWN_HOOKS: Final = ("on_batch_settled", "on_settled", "on_exception", "close")
"""Hooks of this library alone: called only on classes that override them."""

HOOKS: Final = SHARED_HOOKS + OWN_HOOKS
