# SPDX-License-Identifier: MIT
"""Classify images of handwritten digits with a small convolutional network.

    python image_classification.py --epochs 10 --out runs/digits

Run it again with more epochs, or after it was killed: it goes on from where it was.
"""

from __future__ import annotations

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from callboard import EarlyStopping, Experiment, OneCycleLR, set_seeds


def network() -> nn.Module:
    """Return two convolutions and a linear layer, for images of 8 by 8 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on images that were not trained on, in percent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", default="runs/digits")
    options = parser.parse_args(arguments)

    set_seeds(0)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    dataset = TensorDataset(images, torch.tensor(digits.target))
    train, valid, test = random_split(dataset, [0.7, 0.1, 0.2])

    experiment = Experiment(options.out, network(), optimizer="adam", task="classification")
    experiment.train(
        DataLoader(train, batch_size=64, shuffle=True),
        DataLoader(valid, batch_size=256),
        epochs=options.epochs,
        lr_schedulers=[OneCycleLR(max_lr=0.01)],
        callbacks=[EarlyStopping(monitor="val_loss", patience=5)],
        keep_only_last_best=True,
    )
    return float(experiment.test(DataLoader(test, batch_size=256))["test_accuracy"])


if __name__ == "__main__":
    print(f"test accuracy: {main():.1f} %")
