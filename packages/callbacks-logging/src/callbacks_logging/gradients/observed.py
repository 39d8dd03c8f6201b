# SPDX-License-Identifier: MIT
"""The gradients of a network, measured without a look at any number."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .layout import Part, parts
from .rows import statistics
from .spread import is_spread

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter

_LAYOUTS = 16
"""So many are remembered: networks whose layers take turns have a few."""


class Measured(NamedTuple):
    """Measures of the tensors on one device.

    Attributes:
        part: Which tensors they are.
        measures: A column for each of them.
    """

    part: Part
    measures: Tensor


class Observed:
    """The parameters of a network whose gradients are looked at.

    Args:
        network: The network; None has no parameters.
        keep_bias: Whether those are among them whose names contain ``bias``.
        orders: The orders of norms that do not follow from the other measures.
    """

    def __init__(
        self, network: Module | None, *, keep_bias: bool, orders: Sequence[float] = ()
    ) -> None:
        named = [] if network is None else list(network.named_parameters())
        kept = [(name, weight) for name, weight in named if keep_bias or "bias" not in name]
        self.names = [name for name, _ in kept]
        self.parameters: list[Parameter] = [weight for _, weight in kept]
        self.is_spread = any(map(is_spread, self.parameters))
        self._orders = orders
        self._layouts: dict[tuple[Any, ...], list[Part]] = {}

    def gradients(self) -> list[Tensor | None]:
        """Return the gradients: None for a parameter that has none or is not trained."""
        return [weight.grad if weight.requires_grad else None for weight in self.parameters]

    def measure(self) -> list[Measured]:
        """Measure the gradients on their devices, without waiting for any."""
        torch = sys.modules["torch"]
        with torch.no_grad():
            gradients = self.gradients()
            return [
                Measured(part, part.measure(gradients, self._orders))
                for part in self._parts(gradients)
            ]

    def _parts(self, gradients: Sequence[Tensor | None]) -> list[Part]:
        key = tuple(None if gradient is None else gradient.layout for gradient in gradients)
        found = self._layouts.get(key)
        if found is None:
            if len(self._layouts) >= _LAYOUTS:
                self._layouts.pop(next(iter(self._layouts)))
            found = self._layouts[key] = parts(gradients)
        return found


class Update:
    """How far a step moves the weights: the norm of the change in relation to that of the weights.

    Between its making and `ratios` it holds a copy of the weights.

    Args:
        observed: The parameters.
    """

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        with sys.modules["torch"].no_grad():
            weights = [
                weight if gradient is not None else None
                for weight, gradient in zip(observed.parameters, observed.gradients(), strict=True)
            ]
            self._parts = parts(weights)
            self._before = [part.copies(weights) for part in self._parts]

    def ratios(self) -> list[Measured]:
        """Return the ratios, in a row; the step has been made."""
        torch = sys.modules["torch"]
        found = []
        with torch.no_grad():
            weights = self._observed.parameters
            for part, before in zip(self._parts, self._before, strict=True):
                was = part.squares(before)
                for matrix, now in zip(before, part.copies(weights), strict=True):
                    matrix.sub_(now)
                found.append(Measured(part, (part.squares(before) / was).sqrt().unsqueeze(0)))
        return found


class Reading:
    """Measures on their way to the host.

    Nothing waits for them but the thread that asks for them.

    Args:
        measured: The measures.
    """

    def __init__(self, measured: Sequence[Measured]) -> None:
        self._parts = [(part, *sent(measures)) for part, measures in measured]

    def rows(self) -> list[tuple[Part, Tensor]]:
        """Return the measures, once they have come over."""
        for _, _, event in self._parts:
            if event is not None:
                event.synchronize()
        return [(part, measures) for part, measures, _ in self._parts]

    def statistics(self, orders: Sequence[float]) -> dict[int, dict[str, float]]:
        """Return the statistics of each tensor, by its index and their names."""
        torch = sys.modules["torch"]
        found: dict[int, dict[str, float]] = {}
        for part, measures in self.rows():
            table = statistics(measures, torch.tensor(part.counts, dtype=measures.dtype), orders)
            values = zip(*(column.tolist() for column in table.values()), strict=True)
            for index, row in zip(part.order, values, strict=True):
                found[index] = dict(zip(table, row, strict=True))
        return dict(sorted(found.items()))

    def values(self) -> dict[int, float]:
        """Return the only measure of each tensor, by its index."""
        return {
            index: value
            for part, measures in self.rows()
            for index, value in zip(part.order, measures[0].tolist(), strict=True)
        }


def sent(tensor: Tensor) -> tuple[Tensor, Any]:
    """Return the copy on the host, and the event after which it is complete."""
    torch = sys.modules["torch"]
    if tensor.device.type != "cuda":
        return tensor.cpu(), None
    with torch.cuda.device(tensor.device):
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        copy.copy_(tensor, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
    return copy, event
