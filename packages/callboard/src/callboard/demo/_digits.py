# SPDX-License-Identifier: MIT
"""Handwritten digits, and a network that reads them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Digits(NamedTuple):
    """Images of shape ``(n, 1, 8, 8)`` from 0 to 1, with their digits, in three parts."""

    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load_digits() -> Digits:
    """Return the 1,797 digits that ship with scikit-learn: 1,257 to train, 180, and 360 to test."""
    from sklearn.datasets import load_digits as load
    from sklearn.model_selection import train_test_split

    bunch = load()
    images = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 16
    targets = torch.tensor(bunch.target, dtype=torch.int64)
    rest, test = train_test_split(
        range(len(targets)), test_size=360, stratify=targets, random_state=1
    )
    train, valid = train_test_split(rest, test_size=180, stratify=targets[rest], random_state=1)
    return Digits(*((images[part], targets[part]) for part in (train, valid, test)))


def make_network() -> nn.Module:
    """Return a small convolutional network: 17,706 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(128, 96),
        nn.ReLU(),
        nn.Linear(96, 10),
    )
