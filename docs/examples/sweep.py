# SPDX-License-Identifier: MIT
"""Ten short runs with different learning rates, compared in MLflow.

    python sweep.py --tracking-uri sqlite:///sweep.db
    mlflow ui --backend-store-uri sqlite:///sweep.db

Each run has its parameters, its curves and a status; the best one is found by asking MLflow.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

from callboard import BestModelRestore, MLFlowLogger, Model, set_seeds


def run(rate: float, tracking_uri: str, epochs: int) -> None:
    """Train one network with a learning rate."""
    set_seeds(0)
    x = torch.randn(512, 8)
    y = x @ torch.linspace(-1, 1, 8).unsqueeze(1)
    network = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    logger = MLFlowLogger("sweep", tracking_uri)
    logger.log_config_params({"optimizer": {"name": "sgd", "lr": rate}, "width": 32})
    model = Model(network, {"optim": "sgd", "lr": rate, "momentum": 0.9}, "mse")
    model.fit(
        x[:384],
        y[:384],
        validation_data=(x[384:], y[384:]),
        epochs=epochs,
        verbose=False,
        callbacks=[logger, BestModelRestore()],
    )


def main(arguments: list[str] | None = None) -> float:
    """Train ten times, and return the learning rate of the best run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--tracking-uri", default="sqlite:///sweep.db")
    options = parser.parse_args(arguments)

    for step in range(options.runs):
        run(10 ** (-3 + 2.5 * step / (options.runs - 1)), options.tracking_uri, options.epochs)

    from mlflow.tracking import MlflowClient

    client = MlflowClient(options.tracking_uri)
    experiment = client.get_experiment_by_name("sweep")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], order_by=["metrics.val_loss ASC"])
    for found in runs:
        rate, loss = float(found.data.params["optimizer.lr"]), found.data.metrics["val_loss"]
        print(f"learning rate {rate:.4f}: validation loss {loss:.4g}")
    return float(runs[0].data.params["optimizer.lr"])


if __name__ == "__main__":
    print(f"the best learning rate: {main():.4f}")
