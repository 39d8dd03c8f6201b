# SPDX-License-Identifier: MIT
"""Several optimizers that look like one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import Tensor
from torch.optim import Optimizer


class CombinedOptimizer(Optimizer):
    """Several optimizers of one network, such as those of a generator and of a critic.

    It is what callbacks see: schedules and policies find the parameter groups of all of them, each
    under its optimizer's name, a checkpoint finds the state of all, and a step counts as one
    whichever of them have stepped.

    Args:
        optimizers: The optimizers by their names.

    Raises:
        TypeError: *optimizers* is no mapping of names to optimizers.
        ValueError: It is empty, or two of them train the same parameter.

    Attributes:
        optimizers: The optimizers by their names.
    """

    def __init__(self, optimizers: Mapping[str, Optimizer]) -> None:
        _check(cast("Mapping[object, object]", optimizers))
        self.optimizers = dict(optimizers)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group.setdefault("name", name)
        self._stepped = False
        super().__init__(self.param_groups, {})
        for optimizer in self.optimizers.values():
            optimizer.register_step_post_hook(self._member_stepped)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameter groups of all optimizers, in order; theirs, not copies."""
        return [group for member in self.optimizers.values() for group in member.param_groups]

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        """Leave the groups where they are: torch's own constructor sets an empty list."""

    @property
    def state(self) -> defaultdict[Tensor, Any]:
        """The state of all parameters."""
        merged: defaultdict[Tensor, Any] = defaultdict(dict)
        for member in self.optimizers.values():
            merged.update(member.state)
        return merged

    @state.setter
    def state(self, state: defaultdict[Tensor, Any]) -> None:
        """Leave the state where it is."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refuse a group that none of the optimizers has.

        Raises:
            TypeError: It is to be added to one of them.
        """
        if not any(param_group is group for group in self.param_groups):
            raise TypeError("add parameters to one of the optimizers, not to all of them combined")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none)

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Let all of them step."""
        loss = None if closure is None else closure()
        for optimizer in self.optimizers.values():
            optimizer.step()
        self._stepped = False
        return loss

    def _member_stepped(self, *_: object) -> None:
        self._stepped = True

    def announce(self) -> None:
        """Tell of one step those who count them, if any optimizer has stepped by itself."""
        if not self._stepped:
            return
        self._stepped = False
        self._opt_called = True  # what torch's schedulers look at before they complain
        for hook in self._optimizer_step_post_hooks.values():
            hook(self, (), {})

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each, by its name."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state of the same optimizers.

        Raises:
            ValueError: It is that of others.
        """
        if state_dict.keys() != self.optimizers.keys():
            raise ValueError(
                f"the state is that of the optimizers {_listed(state_dict)}, "
                f"not of {_listed(self.optimizers)}"
            )
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state_dict[name])


def is_several(optimizer: object) -> bool:
    """Whether *optimizer* is a mapping of optimizers, not one with settings."""
    return isinstance(optimizer, Mapping) and any(
        isinstance(value, Optimizer) for value in optimizer.values()
    )


def _check(optimizers: Mapping[object, object]) -> None:
    if not isinstance(optimizers, Mapping):
        raise TypeError(f"`optimizers` must be a mapping of names, not {optimizers!r}")
    if not optimizers:
        raise ValueError("`optimizers` must hold at least one optimizer")
    owners: dict[int, str] = {}
    for name, optimizer in optimizers.items():
        if not isinstance(name, str) or not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"`optimizers` must map names to optimizers, not {name!r} to "
                f"{type(optimizer).__name__}"
            )
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                owner = owners.setdefault(id(parameter), name)
                if owner != name:
                    raise ValueError(f"{owner!r} and {name!r} train the same parameter")


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(repr(name) for name in names)
