# SPDX-License-Identifier: MIT
"""A plain PyTorch loop that stays what it is, with callbacks of every package.

    python handwritten_loop.py --epochs 10 --out runs/loop

What was added to the loop is the `with`, the two `epoch.…(loader)`, and `loop.backward_end()` and
`loop.log(...)`. Started again it goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from callboard import (
    ClipNorm,
    CosineAnnealingLR,
    CSVLogger,
    EarlyStopping,
    JSONLinesLogger,
    LRMonitor,
    ModelCheckpoint,
    ProgressionCallback,
    TerminateOnNaN,
    TrainingCheckpoint,
    TrainingLoop,
    Warmup,
    set_seeds,
)


def main(arguments: list[str] | None = None) -> list[dict[str, float]]:
    """Train, and return the logs of the epochs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/loop"))
    options = parser.parse_args(arguments)
    out: Path = options.out

    set_seeds(0)
    x = torch.randn(640, 8)
    y = (x[:, :4].sum(1) > x[:, 4:].sum(1)).long()
    train = DataLoader(TensorDataset(x[:512], y[:512]), 32, shuffle=True)
    valid = DataLoader(TensorDataset(x[512:], y[512:]), 128)
    network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)

    callbacks = [
        ProgressionCallback(),
        TerminateOnNaN(),
        ClipNorm(network.parameters(), 1.0),
        Warmup(then=CosineAnnealingLR(T_max=100), steps=3),
        LRMonitor(),
        EarlyStopping(monitor="val_loss", patience=5),
        CSVLogger(out / "log.csv", append=True),
        JSONLinesLogger(out / "log.jsonl"),
        ModelCheckpoint(out / "best.pt", monitor="val_accuracy", mode="max", save_best_only=True),
        TrainingCheckpoint(out / "run"),
    ]
    with TrainingLoop(network, optimizer, callbacks=callbacks, resume="auto") as loop:
        for epoch in loop.epochs(options.epochs):
            for inputs, labels in epoch.train(train):
                loss = cross_entropy(network(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)
            for inputs, labels in epoch.valid(valid):
                scores = network(inputs)
                correct = (scores.argmax(1) == labels).float().mean()
                loop.log(loss=cross_entropy(scores, labels), accuracy=100 * correct)
    return loop.history


if __name__ == "__main__":
    print(f"validation accuracy: {main()[-1]['val_accuracy']:.1f} %")
