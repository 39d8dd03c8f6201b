# SPDX-License-Identifier: MIT
"""Tell sums from differences: sequences of different lengths, padded batch by batch.

    python text_classification.py --epochs 8

Each text is an arithmetic puzzle such as ``"17+4"``; its class is the operator, which the network
has to find among the digits. What fills up a batch is never looked at.
"""

from __future__ import annotations

import argparse
import random

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

from callboard import BestModelRestore, ClipNorm, Model, set_seeds

OPERATORS = "+-*/"
VOCABULARY = "0123456789" + OPERATORS


def texts(count: int) -> list[tuple[Tensor, int]]:
    """Return puzzles as numbers of characters, 0 being kept for what fills up; and their class."""
    made = []
    for _ in range(count):
        kind = random.randrange(len(OPERATORS))
        numbers = [str(random.randrange(10 ** random.randint(1, 6))) for _ in range(2)]
        text = OPERATORS[kind].join(numbers)
        made.append((torch.tensor([VOCABULARY.index(letter) + 1 for letter in text]), kind))
    return made


def padded(batch: list[tuple[Tensor, int]]) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Return a batch as ((characters, lengths), classes): two inputs and a target."""
    sequences, kinds = zip(*batch, strict=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return (pad_sequence(list(sequences), batch_first=True), lengths), torch.tensor(kinds)


class Reader(nn.Module):
    """Reads from both ends, and decides by what it has read last."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY) + 1, 16, padding_idx=0)
        self.reader = nn.GRU(16, 32, batch_first=True, bidirectional=True)
        self.output = nn.Linear(64, len(OPERATORS))

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Return scores of shape (batch, classes) for characters of shape (batch, longest)."""
        packed = pack_padded_sequence(
            self.embedding(characters), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, last = self.reader(packed)
        return self.output(torch.cat([last[0], last[1]], dim=1))


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the accuracy on new puzzles, in percent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--texts", type=int, default=2000)
    options = parser.parse_args(arguments)

    set_seeds(0)
    train, valid = texts(options.texts), texts(500)
    model = Model(Reader(), {"optim": "adam", "lr": 0.01}, "cross_entropy", batch_metrics=["acc"])
    model.fit_generator(
        DataLoader(train, batch_size=64, shuffle=True, collate_fn=padded),
        DataLoader(valid, batch_size=500, collate_fn=padded),
        epochs=options.epochs,
        callbacks=[ClipNorm(model.network.parameters(), 1.0), BestModelRestore()],
    )
    _, accuracy = model.evaluate_generator(DataLoader(texts(500), 500, collate_fn=padded))
    return float(accuracy)


if __name__ == "__main__":
    print(f"accuracy on new puzzles: {main():.1f} %")
