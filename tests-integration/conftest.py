# SPDX-License-Identifier: MIT
"""What the integration tests share: a small real task, and an MLflow database made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from callbacks_trainer import Model

Batches = list[tuple[Tensor, Tensor]]


@pytest.fixture
def batches() -> Batches:
    """Five batches of a task that can be learnt: 24 examples and a smaller last batch."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(22, 6, generator=generator)
    y = (x[:, 0] + x[:, 1] > 0).long()
    return list(zip(x.split(5), y.split(5), strict=True))


@pytest.fixture
def make_model() -> Callable[[], Model]:
    """Makes the same small classifier again and again."""

    def make() -> Model:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        return Model(network, optimizer, "cross_entropy", batch_metrics=["accuracy"])

    return make


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables, whose making takes seconds."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "template.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    """A copy of the empty MLflow database, for one test."""
    return Path(shutil.copy(empty_database, tmp_path / "mlflow.db"))
