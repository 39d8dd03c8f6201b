# SPDX-License-Identifier: MIT
"""A training that fails in one of two processes, in the middle of an epoch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from callbacks_core import Callback, rank
from callbacks_trainer import Model


class Fails(Callback):
    """Raises in one process, in the second epoch."""

    def on_train_batch_end(self, batch_number: int, logs: Any) -> None:
        if self.epoch == 2 and batch_number == 3 and rank() == 1:
            raise ValueError("the third batch was bad")

    def on_epoch_begin(self, epoch_number: int, logs: Any) -> None:
        self.epoch = epoch_number


class Closes(Callback):
    """Says that it was closed."""

    def close(self) -> None:
        print(f"rank {rank()} is closed", flush=True)


def fail() -> None:
    """Train, which does not come to its end."""
    x, y = torch.randn(64, 3), torch.zeros(64, dtype=torch.long)
    model = Model(nn.Linear(3, 2), "sgd", "cross_entropy")
    callbacks = [Fails(), Closes()]
    model.fit(x, y, batch_size=4, epochs=3, callbacks=callbacks, verbose=False)
    print("went on to the end", flush=True)
