# SPDX-License-Identifier: MIT
"""Teach a network that knows one half of the digits the other half, thawing it layer by layer.

    python transfer_learning.py --epochs 8

The body learns to tell 0 to 4 apart. Then it gets a new head for 5 to 9, which is trained alone at
first; the body's layers join in one after the other, with a smaller learning rate.
"""

from __future__ import annotations

import argparse

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from callboard import EarlyStopping, GradualUnfreezing, Model, set_seeds


def digits(first: int) -> tuple[Tensor, Tensor]:
    """Return the images of five digits, and their numbers from 0 to 4."""
    data = load_digits()
    chosen = (data.target >= first) & (data.target < first + 5)
    images = torch.tensor(data.data[chosen], dtype=torch.float32) / 16
    return images, torch.tensor(data.target[chosen] - first)


class Network(nn.Module):
    """A body that sees, and a head that decides."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Sequential(nn.Linear(64, 64), nn.ReLU()),
            nn.Sequential(nn.Linear(64, 32), nn.ReLU()),
        )
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of shape (batch, 5) for images of shape (batch, 64)."""
        return self.head(self.body(x))


def main(arguments: list[str] | None = None) -> float:
    """Train twice, and return the accuracy on digits from 5 to 9, in percent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args(arguments)

    set_seeds(0)
    network = Network()
    x, y = digits(0)
    Model(network, "adam", "cross_entropy").fit(x, y, epochs=options.epochs)

    network.head = nn.Linear(32, 5)
    groups = [
        {"params": network.head.parameters(), "lr": 1e-2},
        {"params": network.body.parameters(), "lr": 1e-3},
    ]
    model = Model(network, torch.optim.Adam(groups), "cross_entropy", batch_metrics=["accuracy"])
    x, y = digits(5)
    model.fit(
        x[:600],
        y[:600],
        validation_data=(x[600:], y[600:]),
        epochs=options.epochs,
        callbacks=[
            GradualUnfreezing(["body.1", "body.0"], every=2),
            EarlyStopping(monitor="val_loss", patience=4),
        ],
    )
    return float(model.evaluate(x[600:], y[600:])[1])


if __name__ == "__main__":
    print(f"accuracy on digits from 5 to 9: {main():.1f} %")
