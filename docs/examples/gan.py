# SPDX-License-Identifier: MIT
"""Two networks against each other: a generator of points on a ring, and a critic.

    python gan.py --epochs 30

Each has an optimizer of its own, and takes its step within one training step; callbacks see both.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from callboard import EMA, CSVLogger, Model, set_seeds


class GAN(nn.Module):
    """A generator that makes points of noise, and a critic that scores points."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 32), nn.LeakyReLU(0.2), nn.Linear(32, 2))
        self.critic = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, noise: Tensor) -> Tensor:
        """Return points of shape (batch, 2) for noise of shape (batch, 4)."""
        return self.generator(noise)


def training_step(model: Model, batch: Tensor) -> Mapping[str, Tensor]:
    """Train the critic on real and made-up points, then the generator on what the critic says."""
    gan = model.network
    assert isinstance(gan, GAN)
    made_up = gan.generator(torch.randn(len(batch), 4))
    critic_loss = (softplus(-gan.critic(batch)) + softplus(gan.critic(made_up.detach()))).mean()
    model.optimize(critic_loss, "critic")
    loss = softplus(-gan.critic(made_up)).mean()
    model.optimize(loss, "generator")
    return {"loss": loss, "critic_loss": critic_loss}


def ring(count: int) -> Tensor:
    """Return points near the circle of radius 1."""
    angles = 2 * math.pi * torch.rand(count)
    return torch.stack([angles.cos(), angles.sin()], 1) + 0.02 * torch.randn(count, 2)


def main(arguments: list[str] | None = None) -> float:
    """Train, and return the mean distance of made-up points from the centre; it should be 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--log", default="gan.csv")
    options = parser.parse_args(arguments)

    set_seeds(0)
    gan = GAN()
    optimizers = {
        "generator": torch.optim.Adam(gan.generator.parameters(), lr=2e-3, betas=(0.5, 0.9)),
        "critic": torch.optim.Adam(gan.critic.parameters(), lr=4e-3, betas=(0.5, 0.9)),
    }
    model = Model(gan, optimizers, None, training_step=training_step)
    model.fit_generator(
        list(ring(6400).split(64)),
        epochs=options.epochs,
        callbacks=[EMA(decay=0.99), CSVLogger(options.log)],
    )
    with torch.no_grad():
        return float(gan(torch.randn(1000, 4)).norm(dim=1).mean())


if __name__ == "__main__":
    print(f"mean distance from the centre: {main():.2f}")
