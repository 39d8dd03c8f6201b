# SPDX-License-Identifier: MIT
"""What of a saved run fits the one that is to go on with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .._logger import logger
from ..errors import did_you_mean
from ..rank import is_rank_zero
from ..run_saver import ResumeError

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer


_TELLING: Final = frozenset(
    {"alpha", "betas", "etas", "lambd", "lr_decay", "max_iter", "momentum", "rho", "t0"}
)
"""Settings that kinds of optimizers have, and others do not."""


class Matching:
    """Compares a saved run with the present one, and tells what differs.

    Attributes:
        matched: The names on both sides, by their kind.
    """

    def __init__(self) -> None:
        self.matched: dict[str, list[str]] = {}
        self._differences: list[str] = []

    def compare(self, kind: str, saved: Mapping[str, Any], here: Mapping[str, bool]) -> None:
        """Compare names.

        Args:
            kind: What they are names of.
            saved: The saved states by their names.
            here: The names there are now, and whether each has anything to learn.
        """
        self.matched[kind] = [name for name in here if name in saved]
        for name, learns in here.items():
            if name not in saved and learns:
                near = did_you_mean(name, (other for other in saved if other not in here))
                self._differences.append(f"the {kind} {name!r} is new, and begins anew{near}")
        for name, state in saved.items():
            if name not in here and state:
                self._differences.append(f"the {kind} {name!r} is gone, and its state is dropped")

    def compare_arguments(self, saved: Mapping[str, Any], here: Mapping[str, Any]) -> None:
        """Compare what the runs were started with."""
        for name in saved.keys() & here.keys():
            if saved[name] != here[name]:
                self._differences.append(f"`{name}` was {saved[name]!r} and is {here[name]!r} now")

    def tell(self, *, strict: bool) -> None:
        """Tell what was matched, and what differs.

        Raises:
            ResumeError: Something differs, and *strict* is set.
        """
        if strict and self._differences:
            raise ResumeError(f"the saved run differs: {'; '.join(self._differences)}")
        for difference in self._differences if is_rank_zero() else ():
            logger().warning("resuming: %s", difference)
        matched = [name for names in self.matched.values() for name in names]
        logger().info("resuming: matched %s", ", ".join(["network", "optimizer", *matched]))


def refuse_other_network(network: Module, saved: Mapping[str, Any]) -> None:
    """Raise unless *saved* is a state of such a network.

    Raises:
        ResumeError: It is another one's; the message tells the keys and shapes that differ.
    """
    own = network.state_dict()
    problems = [
        f"{name!r} has the shape {_shape(own[name])}, and {_shape(saved[name])} in the checkpoint"
        for name in own
        if name in saved and _shape(own[name]) != _shape(saved[name])
    ]
    for names, where in (
        ([name for name in own if name not in saved], "not in the checkpoint"),
        ([name for name in saved if name not in own], "not in the network"),
    ):
        if names:
            problems.append(f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {where}")
    if problems:
        raise ResumeError(f"the saved run is that of another network: {'; '.join(problems)}")


def refuse_other_optimizer(optimizer: Optimizer | None, saved: Mapping[str, Any] | None) -> None:
    """Raise unless *saved* is a state of such an optimizer.

    Raises:
        ResumeError: It is another one's.
    """
    if optimizer is None and saved is None:
        return
    if optimizer is None or saved is None:
        here = "has none now" if optimizer is None else "had none"
        raise ResumeError(f"the run {here}: an optimizer has to be there in both or in none")
    own = _sizes(optimizer.state_dict())
    if own != _sizes(saved):
        raise ResumeError(
            f"the saved run is that of another optimizer: its parameter groups have "
            f"{_sizes(saved)} parameters, and here they have {own}"
        )
    kinds = _kinds(saved), _kinds(optimizer.state_dict())
    if kinds[0] != kinds[1]:
        before, here = (", ".join(sorted(kind)) or "nothing of the kind" for kind in kinds)
        raise ResumeError(
            f"the saved run is that of another optimizer: its settings have {before}, and those "
            f"of {type(optimizer).__name__} here have {here}"
        )


def _sizes(state: Mapping[str, Any]) -> Any:
    if "param_groups" in state:
        return [len(group["params"]) for group in state["param_groups"]]
    return {name: _sizes(member) for name, member in state.items()}


def _kinds(state: Mapping[str, Any]) -> set[str]:
    """Return those settings that tell one kind of optimizer from another."""
    if "param_groups" in state:
        return {key for group in state["param_groups"] for key in group if key in _TELLING}
    return {key for member in state.values() for key in _kinds(member)}


def _shape(value: Any) -> Any:
    return tuple(value.shape) if hasattr(value, "shape") else type(value).__name__


def _listed(names: Iterable[str]) -> str:
    listed = [repr(name) for name in names]
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more
