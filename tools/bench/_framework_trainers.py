# SPDX-License-Identifier: MIT
"""How the frameworks train that have a trainer beside the network; see `_framework_loops`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from _framework_loops import PATIENCE
from _framework_tasks import Batch, Loader, make_optimizer
from torch import nn
from torch.nn.functional import cross_entropy


def lightning(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with Lightning's ``Trainer``."""
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    class Module(LightningModule):  # type: ignore[misc]  # unknown where it is not installed
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _: int) -> Any:
            x, y = batch
            loss = cross_entropy(self.network(x), y)
            self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(x))
            return loss

        def configure_optimizers(self) -> Any:
            return make_optimizer(self.network)

    shown = folder is not None
    callbacks: list[Any] = []
    if folder is not None:
        callbacks = [
            EarlyStopping("loss", patience=PATIENCE, check_on_train_epoch_end=True),
            ModelCheckpoint(folder),
        ]
    Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=callbacks,
        logger=False if folder is None else CSVLogger(folder),
        enable_checkpointing=shown,
        enable_progress_bar=shown,
        enable_model_summary=shown,
    ).fit(Module(), loader)


def keras(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with Keras on torch."""
    import keras as api
    from torch.utils.data import DataLoader

    model = api.Sequential([api.layers.TorchModuleWrapper(network)])
    model.compile(
        optimizer=api.optimizers.SGD(0.01, momentum=0.9),
        loss=api.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    callbacks: list[Any] = []
    if folder is not None:
        callbacks = [
            api.callbacks.CSVLogger(str(folder / "log.csv")),
            api.callbacks.EarlyStopping(monitor="loss", patience=PATIENCE),
            api.callbacks.ModelCheckpoint(str(folder / "last.weights.h5"), save_weights_only=True),
        ]
    model.fit(
        DataLoader(loader, batch_size=None, collate_fn=_as_it_is),
        epochs=epochs,
        verbose=0 if folder is None else 1,
        callbacks=callbacks,
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def transformers(network: nn.Module, loader: Loader, epochs: int, folder: Path | None) -> None:
    """Train with the Trainer of transformers; it stops early only after an evaluation."""
    from torch.optim.lr_scheduler import LambdaLR
    from transformers import Trainer, TrainingArguments

    class WithLoss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            scores = self.network(x)
            return {"loss": cross_entropy(scores, labels), "logits": scores}

    class OnBatches(Trainer):  # type: ignore[misc]  # it has no types
        def get_train_dataloader(self) -> Loader:
            return loader

    with tempfile.TemporaryDirectory() as unused:
        arguments = TrainingArguments(
            output_dir=unused if folder is None else str(folder),
            num_train_epochs=epochs,
            use_cpu=True,
            report_to="none",
            max_grad_norm=0,
            disable_tqdm=folder is None,
            logging_strategy="no" if folder is None else "epoch",
            save_strategy="no" if folder is None else "epoch",
            save_total_limit=1,
        )
        wrapped = WithLoss()
        optimizer = make_optimizer(wrapped)
        optimizers = (optimizer, LambdaLR(optimizer, lambda _: 1.0))
        OnBatches(wrapped, arguments, train_dataset=loader, optimizers=optimizers).train()


def with_names(batch: Batch) -> dict[str, Any]:
    """Return a batch as the Trainer of transformers wants it."""
    return {"x": batch[0], "labels": batch[1]}
