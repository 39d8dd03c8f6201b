# SPDX-License-Identifier: MIT
"""A network in the form in which MLflow keeps models."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any


@contextmanager
def save_model(network: Any, input_example: Any = None) -> Iterator[Path]:
    """Save a network as a model of MLflow's, in a folder that is there for the block.

    Args:
        network: The network.
        input_example: An input for it, from which the signature is inferred.

    Yields:
        The folder.
    """
    flavour = import_module("mlflow.pytorch")
    # Otherwise MLflow loads the model in another process to see what it imports: many seconds.
    options: dict[str, Any] = {"pip_requirements": [_version("mlflow"), _version("torch")]}
    if input_example is not None:
        options["input_example"] = _array(input_example)
        options["signature"] = _signature(network, input_example)
    elif "serialization_format" in signature(flavour.save_model).parameters:
        options["serialization_format"] = (
            "pickle"  # others trace the network, for which they need one
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        flavour.save_model(network, str(path), **options)
        yield path


def _version(module: str) -> str:
    return f"{module}=={import_module(module).__version__.partition('+')[0]}"


def _signature(network: Any, example: Any) -> Any:
    torch = import_module("torch")
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            output = network(example)
    finally:
        network.train(was_training)
    return import_module("mlflow.models").infer_signature(_array(example), _array(output))


def _array(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value
