# SPDX-License-Identifier: MIT
"""Optimizers by name, and the check that one belongs to a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from inspect import signature
from typing import Any, Final, TypeAlias, cast

import torch
from torch.nn import Module, Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from callbacks_core import did_you_mean

from .combined import CombinedOptimizer, is_several
from .losses import is_loss

OptimizerLike: TypeAlias = "Optimizer | str | Mapping[str, Any] | None"


_RATES: Final = ("learning_rate", "learningrate", "rate", "alpha")
_CLASSES: Final[dict[str, type[Optimizer]]] = {
    name.lower(): value
    for name, value in vars(torch.optim).items()
    if isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer
}


def get_optimizer(optimizer: OptimizerLike, network: Module) -> Optimizer | None:
    """Return an optimizer of *network*.

    Args:
        optimizer: An optimizer; a name such as ``"adam"``, in any case, for torch's own with its
            defaults (``"sgd"`` with a learning rate of 0.01); a mapping of such a name under
            ``"optim"`` and the optimizer's arguments; a mapping of names to several optimizers,
            which become a `CombinedOptimizer`; or None.
        network: The network whose parameters it trains.

    Raises:
        TypeError: *optimizer* is none of these.
        ValueError: There is no optimizer of that name, or it has parameters that are not the
            network's.
    """
    if optimizer is None:
        return None
    if isinstance(optimizer, Optimizer):
        _require_own_parameters(optimizer, network)
        return optimizer
    if is_several(optimizer):
        combined = CombinedOptimizer(cast("Mapping[str, Optimizer]", optimizer))
        _require_own_parameters(combined, network)
        return combined
    if isinstance(optimizer, str):
        return _make(optimizer, {}, network)
    if isinstance(optimizer, Mapping):
        settings = dict(optimizer)
        if "optim" not in settings:
            raise ValueError(
                f"the optimizer's name is missing: {settings!r} has no 'optim', as in "
                f"{{'optim': 'sgd', 'lr': 0.1}}"
            )
        return _make(settings.pop("optim"), settings, network)
    raise _wrong_kind(optimizer)


def needs_closure(optimizer: Optimizer) -> bool:
    """Whether a step of *optimizer*, such as one of ``LBFGS``, computes the loss by itself."""
    return _asks_for_closure(type(optimizer).step)


@lru_cache(maxsize=64)
def _asks_for_closure(step: Callable[..., Any]) -> bool:
    closure = signature(step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _wrong_kind(optimizer: object) -> TypeError:
    if isinstance(optimizer, type):
        return TypeError(
            f"`optimizer` is the class {optimizer.__name__}, not an instance of it: "
            f"write {optimizer.__name__}(network.parameters()) or {optimizer.__name__.lower()!r}"
        )
    hint = ""
    if isinstance(optimizer, Iterator):
        hint = "; parameters belong into one: torch.optim.Adam(network.parameters())"
    elif isinstance(optimizer, LRScheduler):
        hint = "; a schedule is a callback of fit: see callbacks-lr"
    elif isinstance(optimizer, int | float):
        hint = f"; a learning rate goes with a name: {{'optim': 'sgd', 'lr': {optimizer!r}}}"
    return TypeError(
        f"`optimizer` must be an optimizer, its name, a mapping with 'optim', or None, "
        f"not {optimizer!r}{hint}"
    )


def _make(name: object, settings: dict[str, Any], network: Module) -> Optimizer:
    if not isinstance(name, str):
        raise TypeError(f"the optimizer's name, under 'optim', must be a str, not {name!r}")
    if name.lower() not in _CLASSES:
        hint = did_you_mean(name.lower(), _CLASSES)
        if is_loss(name):
            hint = "; it is the name of a loss: Model(network, optimizer, loss_function)"
        raise ValueError(
            f"there is no optimizer {name!r}{hint} "
            f"(those of torch.optim: {', '.join(sorted(_CLASSES))})"
        )
    if name.lower() == "sgd":
        settings.setdefault("lr", 1e-2)
    kind = _CLASSES[name.lower()]
    _require_known(name, settings, kind)
    parameters = _trainable(name, network)
    try:
        return kind(parameters, **settings)
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        error.add_note(f"as the optimizer {name!r} was made with {given}")
        raise


def _require_known(name: str, settings: Mapping[str, Any], kind: type[Optimizer]) -> None:
    known = [key for key in signature(kind).parameters if key != "params"]
    for key in settings:
        if key not in known:
            hint = "; did you mean 'lr'?" if key in _RATES else did_you_mean(key, known)
            raise TypeError(
                f"the optimizer {name!r} has no argument {key!r}{hint} "
                f"(there are {', '.join(known)})"
            )


def _trainable(name: str, network: Module) -> list[Parameter]:
    parameters = list(network.parameters())
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    if trainable:
        return trainable
    what = "no parameters at all"
    if parameters:
        what = f"{len(parameters)} parameters, and requires_grad is False for all of them"
    raise ValueError(
        f"the optimizer {name!r} has nothing to train: {type(network).__name__} has {what}; a "
        f"model that is only evaluated has optimizer=None"
    )


def _require_own_parameters(optimizer: Optimizer, network: Module) -> None:
    own = {id(parameter) for parameter in network.parameters()}
    given = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    strangers = [parameter for parameter in given if id(parameter) not in own]
    if strangers:
        raise ValueError(
            f"the optimizer does not belong to the network: {len(strangers)} of its "
            f"{len(given)} parameters are not the network's (the first has the shape "
            f"{tuple(strangers[0].shape)}). Was the network replaced or copied after the "
            f"optimizer was made?"
        )
