# SPDX-License-Identifier: MIT
"""What the tables of bad input share: a row, a small task, and the look at what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
import torch
from torch import nn

from callbacks_trainer import Model

Kind: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]

X = torch.arange(36.0).reshape(12, 3) / 36
LABELS = torch.arange(12) % 2
VALUES = X.sum(1)


_IN_ORDER: dict[str, Any] = {"dataloader_kwargs": {"shuffle": False}}


class Case(NamedTuple):
    """Something that a new user gets wrong."""

    what: str
    """What is done."""
    do: Callable[[Path], object]
    """Does it, given an empty folder."""
    error: Kind
    """What is to be raised; a warning is raised here too."""
    said: tuple[str, ...]
    """What the message or one of its notes has to contain."""


def case(what: str, do: Callable[[Path], object], error: Kind, *said: str) -> Case:
    """Return a row of a table."""
    return Case(what, do, error, said)


def each(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """Return what runs a test with each row of a table."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.what) for case in cases])


def require_handled(case: Case, folder: Path) -> None:
    """Fail unless the bad input is refused in the words that help."""
    with pytest.raises(case.error) as caught:
        case.do(folder)
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    missing = [words for words in case.said if words not in text]
    assert not missing, f"{missing} not in: {text}"


def mistake(value: object) -> Any:
    """Return what is of the wrong type, so that a type checker lets it pass."""
    return value


def classifier() -> nn.Module:
    """Return a network with three inputs and the scores of two classes."""
    return nn.Linear(3, 2)


def model(
    network: nn.Module | None = None,
    optimizer: Any = "sgd",
    loss_function: Any = "cross_entropy",
    **options: Any,
) -> Model:
    """Return a model that is in order, but for what is given."""
    return Model(network or classifier(), optimizer, loss_function, **options)


def regression(loss_function: Any = "mse", outputs: int = 1) -> Model:
    """Return a model with three inputs and a column of outputs."""
    return Model(nn.Linear(3, outputs), "sgd", loss_function)


def fit(x: Any = X, y: Any = LABELS, of: Model | None = None, **options: Any) -> object:
    """Train for an epoch of three batches, or as the options say."""
    options = {"epochs": 1, "batch_size": 4, "verbose": False, **_IN_ORDER} | options
    return (of or model()).fit(x, y, **options)


def batches(*several: Any, of: Model | None = None, **options: Any) -> object:
    """Train on batches as they are."""
    options = {"epochs": 1, "verbose": False} | options
    return (of or model()).fit_generator(several, **options)
