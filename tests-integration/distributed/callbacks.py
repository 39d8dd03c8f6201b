# SPDX-License-Identifier: MIT
"""Every public callback in two processes: one check for each."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from training import same, weights

from callbacks_core import EarlyStopping, is_rank_zero
from callbacks_trainer import Model

sys.path.insert(0, str(Path(__file__).parents[1]))
from test_callback_contract import FACTORIES, make


def trained(name: str) -> Callable[[Path], None]:
    """Return what trains with the callback of that name."""

    def check(folder: Path) -> None:
        generator = torch.Generator().manual_seed(3)
        x = torch.randn(22, 6, generator=generator)
        dataset = TensorDataset(x, (x[:, 0] + x[:, 1] > 0).long())
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        model = Model(network, optimizer, "cross_entropy", batch_metrics=["accuracy"])
        if is_rank_zero():
            shutil.copy(sys.argv[2], folder / "mlflow.db")  # an empty one, whose making takes long
        same(None)
        callback = make(name)(folder, model)
        history = model.fit_generator(
            DataLoader(dataset, 4, shuffle=True),
            DataLoader(dataset, 5),
            epochs=3,
            callbacks=[callback, EarlyStopping(monitor="val_loss", patience=9)],
            verbose=False,
        )
        same(history)
        same([weight.tolist() for weight in weights(model)])
        assert len(history) == 3
        if not is_rank_zero():
            assert not list(folder.glob("*.tmp"))

    return check


CHECKS = {name: trained(name) for name in FACTORIES}
