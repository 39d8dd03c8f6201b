# SPDX-License-Identifier: MIT
"""Averaged weights together with the trainer, and with what keeps weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from callbacks_checkpoint import BestModelRestore
from callbacks_policies import EMA, SWA
from callbacks_policies.averaged_weights import AveragedWeights
from callbacks_trainer import Model

Batches = list[tuple[Tensor, Tensor]]


def fit(model: Model, batches: Batches, *callbacks: object) -> list[dict[str, float]]:
    """Train five epochs, with a validation each."""
    return model.fit_generator(batches, batches, epochs=5, verbose=False, callbacks=[*callbacks])


@pytest.mark.parametrize(
    "make", [lambda: EMA(0.8), lambda: SWA(2), lambda: SWA(2, every=3)], ids=["ema", "swa", "steps"]
)
def test_the_validation_is_that_of_the_averaged_weights(
    make: Callable[[], AveragedWeights], make_model: Callable[[], Model], batches: Batches
) -> None:
    """An evaluation with the callback repeats the last one, and one without it does not."""
    model, average = make_model(), make()
    history = fit(model, batches, average)
    alone = fit(make_model(), batches)
    assert [logs["loss"] for logs in history] == [logs["loss"] for logs in alone]
    loss, _ = model.evaluate_generator(batches, verbose=False, callbacks=[average])
    assert loss == pytest.approx(history[-1]["val_loss"])
    loss, _ = model.evaluate_generator(batches, verbose=False)
    assert loss == pytest.approx(alone[-1]["val_loss"])
    assert loss != pytest.approx(history[-1]["val_loss"], rel=1e-6)


def test_the_best_averaged_weights_are_kept(
    make_model: Callable[[], Model], batches: Batches
) -> None:
    """A saver that comes before in the list keeps what was validated."""
    model = make_model()
    keep = BestModelRestore(monitor="val_loss", mode="max")  # so that the best is not the last
    history = fit(model, batches, keep, EMA(0.5, until_epoch_end=True))
    worst = max(logs["val_loss"] for logs in history)
    assert worst != history[-1]["val_loss"]
    loss, _ = model.evaluate_generator(batches, verbose=False)
    assert loss == pytest.approx(worst)


def test_the_averaged_weights_can_be_those_that_are_left(
    make_model: Callable[[], Model], batches: Batches
) -> None:
    """With `swap_at_end` the model that comes out of training is the one that was validated."""
    model = make_model()
    history = fit(model, batches, EMA(0.8, swap_at_end=True))
    loss, _ = model.evaluate_generator(batches, verbose=False)
    assert loss == pytest.approx(history[-1]["val_loss"])
    assert all(torch.isfinite(weight).all() for weight in model.network.parameters())
