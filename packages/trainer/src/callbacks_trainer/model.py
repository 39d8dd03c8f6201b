# SPDX-License-Identifier: MIT
"""A network that can be fitted, evaluated and asked for predictions."""

from __future__ import annotations

from ._evaluation import EvaluationMethods
from ._training import TrainingMethods
from ._weights import WeightMethods


class Model(TrainingMethods, EvaluationMethods, WeightMethods):
    """A network with all it needs to be trained.

    ``Model(network, "adam", "cross_entropy", batch_metrics=["accuracy"]).fit(x, y, epochs=5)``

    Args:
        network: The network.
        optimizer: Its optimizer; or the name of one of torch's, such as ``"adam"``; or a mapping
            such as ``{"optim": "sgd", "lr": 0.1}``; or several by their names, for a
            *training_step* that uses them; or None for a model that is not trained.
        loss_function: A function of the prediction and the truth that returns a scalar; or the
            name of one in `torch.nn.functional`; or None for a model that only predicts.
        batch_metrics: Names such as ``"accuracy"``, functions of the prediction and the truth,
            objects of torchmetrics; ``(name, metric)`` gives one another name. What a function
            returns is averaged over the examples; all else adds up by itself.
        epoch_metrics: Names, `Metric`, objects of torchmetrics, functions of scikit-learn: what is
            worked out for the epoch alone.
        device: Where to train: the network is moved there, and batches are as they come. By
            default everything stays where it is, unless there are several processes.
        training_step: A function of the model and a batch that trains on it in a way of its own:
            several losses, several optimizers, batches that are no pairs. See `training_step`,
            which a subclass may override instead.
        precision: How many bits the forward and the loss are computed with, in training,
            evaluation and prediction: ``"fp32"``, ``"bf16"``, or ``"fp16"`` with gradients that
            are scaled, so that they do not vanish, and unscaled again before `on_backward_end`.
            Weights stay as they are, and predictions are returned as float32.
        compile: Whether to compile the forward with `torch.compile`, or a mapping of its
            arguments. The network itself and the names of its weights stay as they are.
        channels_last: Whether weights and inputs of four dimensions are laid out with the channels
            last, which makes convolutions faster on most devices. Shapes stay as they are.
        strategy: How several processes, such as ``torchrun`` starts, train together: ``"auto"``
            and ``"ddp"`` with the whole network in each (`DistributedDataParallel`), ``"fsdp"``
            with a part of it in each (`fully_shard`); a mapping with such a ``"name"`` and options
            of torch's class or function; or None, each by itself. A process that is alone is not
            changed by it. In several, the GPU is the one of the process's number, and
            ``device="cpu"`` trains on the CPU.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: A name is unknown or taken, the optimizer is that of another network, or it is
            one that needs a closure with ``precision="fp16"``.
        RuntimeError: There is no such device, or no compiler for `compile`.

    Attributes:
        network: The network.
        optimizer: The optimizer, or None.
        loss_function: The loss function, or None.
        device: Where batches are moved to; None leaves them where they are.
        strategy: What trains it in one process or several; callbacks need not look.
        scaler: The scaler of the gradients with ``precision="fp16"``, else None.
        stop_training: Set this to True to end a training after the running batch.
    """
