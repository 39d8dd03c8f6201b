# SPDX-License-Identifier: MIT
r"""The same script in one process or in several.

    python two_ranks.py
    torchrun --standalone --nproc-per-node 2 two_ranks.py

On two machines, on each of them, with the first one's address:

    torchrun --nnodes 2 --nproc-per-node 8 \
        --rdzv-backend c10d --rdzv-endpoint HOST:29500 two_ranks.py

Each process sees its share of the data; the logs, which the first one writes, are those of all of
it. Nothing in here knows how many there are.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from callboard import CSVLogger, EarlyStopping, Model, TrainingCheckpoint, set_seeds


def main(arguments: list[str] | None = None) -> list[dict[str, float]]:
    """Train, and return the logs of the epochs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--out", default="runs/ranks")
    parser.add_argument("--strategy", default="auto", choices=("auto", "ddp"))
    options = parser.parse_args(arguments)

    set_seeds(0)
    x = torch.randn(520, 8)
    y = (x.sum(1) > 0).long()
    network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
    model = Model(
        network,
        {"optim": "sgd", "lr": 0.1},
        "cross_entropy",
        batch_metrics=["accuracy"],
        strategy=options.strategy,
    )
    return model.fit_generator(
        DataLoader(TensorDataset(x[:400], y[:400]), batch_size=16, shuffle=True),
        DataLoader(TensorDataset(x[400:], y[400:]), batch_size=16),
        epochs=options.epochs,
        callbacks=[
            EarlyStopping(monitor="val_loss", patience=3),
            CSVLogger(f"{options.out}/log.csv", append=True),
            TrainingCheckpoint(f"{options.out}/run"),
        ],
        resume="auto",
    )


if __name__ == "__main__":
    main()
