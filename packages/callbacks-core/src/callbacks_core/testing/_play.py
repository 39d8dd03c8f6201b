# SPDX-License-Identifier: MIT
"""The hooks of a training, played from a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from ..callback import Callback
from ..callback_list import CallbackList
from ..logs import LazyLogs, Scalar
from ..model_like import ModelLike, SimpleModel
from ..params import Params
from ..stopping import allow_training


class Played(NamedTuple):
    """What came of a played training."""

    history: list[dict[str, float]]
    """The logs of the epochs that ended."""
    model: ModelLike
    """The model that the callbacks had."""
    callbacks: CallbackList
    """The callbacks, with their times."""


def play(
    callbacks: Iterable[Callback] | Callback,
    epochs: Sequence[Mapping[str, Scalar]],
    *,
    batches: int | Sequence[Mapping[str, Scalar]] = 2,
    valid_batches: int = 1,
    model: ModelLike | None = None,
    initial_epoch: int = 1,
) -> Played:
    """Call the hooks of a training in their order, with logs from a script.

    ``play(EarlyStopping(patience=2), [{"val_loss": 3.0}, {"val_loss": 4.0}])`` plays two epochs.
    An epoch with any ``val_`` value is validated. ``stop_training`` and `abandons_epoch` do what
    they do in a real loop, and an exception is told to the callbacks before it is raised.

    Args:
        callbacks: The callbacks to try.
        epochs: The logs of each epoch's end. ``epoch``, ``time`` and ``loss`` (0.0) are added
            where they are missing.
        batches: The training batches in an epoch: how many, or the logs of each.
        valid_batches: The validation batches in an epoch.
        model: What the callbacks get as their model; by default one with neither network nor
            optimizer. Its optimizer takes a step after each `on_backward_end`; without gradients
            that changes no weight, and whatever counts steps counts it.
        initial_epoch: The number of the first epoch.

    Returns:
        The history, the model and the callbacks.
    """
    script = [{"loss": 0.0}] * batches if isinstance(batches, int) else batches
    listed = callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks)
    model = SimpleModel(cast("Any", None)) if model is None else model
    allow_training(model)
    params = Params(epochs=initial_epoch - 1 + len(epochs), steps=len(script))
    if any(_validated(logs) for logs in epochs):
        params["valid_steps"] = valid_batches
    listed.set_model(model)
    listed.set_params(params)
    history: list[dict[str, float]] = []
    try:
        listed.on_train_begin({})
        for number, logs in enumerate(epochs, initial_epoch):
            if model.stop_training:
                break
            listed.on_epoch_begin(number, {})
            _train(listed, script, model)
            if listed.abandons_epoch():
                model.stop_training = True
                break
            if _validated(logs):
                _validate(listed, logs, valid_batches)
            ended = LazyLogs({"epoch": number, "time": 0.0, "loss": 0.0, **logs}).copy()
            listed.on_epoch_end(number, ended)
            history.append(ended)
            listed.on_settled(number, ended)
        listed.on_train_end({})
    except BaseException as error:
        listed.on_exception(error)
        raise
    finally:
        listed.close()
    return Played(history, model, listed)


def _validated(logs: Mapping[str, Scalar]) -> bool:
    return any(name.startswith("val_") for name in logs)


def _train(
    callbacks: CallbackList, script: Sequence[Mapping[str, Scalar]], model: ModelLike
) -> None:
    step = getattr(model.optimizer, "step", None)  # a stand-in for an optimizer may have none
    for number, values in enumerate(script, 1):
        callbacks.on_train_batch_begin(number, {})
        callbacks.on_backward_end(number)
        if step is not None:
            step()
        logs = LazyLogs({"batch": number, "size": 1, "time": 0.0, **values})
        callbacks.on_train_batch_end(number, logs)
        if not (model.stop_training and callbacks.abandons_epoch()):
            callbacks.on_batch_settled(number, logs)
        if model.stop_training:
            break


def _validate(callbacks: CallbackList, logs: Mapping[str, Scalar], batches: int) -> None:
    values = {name: value for name, value in logs.items() if name.startswith("val_")}
    callbacks.on_valid_begin({})
    for number in range(1, batches + 1):
        callbacks.on_valid_batch_begin(number, {})
        batch = LazyLogs({"batch": number, "size": 1, "time": 0.0, **values})
        callbacks.on_valid_batch_end(number, batch)
    callbacks.on_valid_end(LazyLogs({"time": 0.0, **values}))
