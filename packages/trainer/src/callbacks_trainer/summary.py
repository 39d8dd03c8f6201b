# SPDX-License-Identifier: MIT
"""What a network consists of, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from torch import Tensor
from torch.nn import Module

from callbacks_core import NetworkMode, get_random_states, set_random_states

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


class Layer(NamedTuple):
    """A module within a network.

    Attributes:
        name: Its name within the network; the network's own is empty.
        kind: Its class.
        depth: How deep it lies; the network itself has 0.
        shape: That of its output, or of several; None when it was not run.
        parameters: How many numbers it learns, its submodules' included; shared ones count once.
        trainable: How many of them can change.
    """

    name: str
    kind: str
    depth: int
    shape: Any
    parameters: int
    trainable: int


class Summary(NamedTuple):
    """What a network consists of; printing it prints the table.

    Attributes:
        layers: Its modules, each before those within it.
        parameters: How many numbers it learns.
        trainable: How many of them can change.
        size: What parameters and buffers take, in bytes.
    """

    layers: list[Layer]
    parameters: int
    trainable: int
    size: int

    def __str__(self) -> str:
        """Return the table."""
        return "\n".join(_table(self))


def summarize(network: Module, *inputs: Any, depth: int | None = None) -> Summary:
    """Look at what a network consists of.

    Args:
        network: The network.
        *inputs: What to call it with, to find out the shapes; without, the table has none. It runs
            in evaluation mode, without gradients, and is as before afterwards.
        depth: How deep to look; 1 for the network's own children. By default all there is.

    Raises:
        TypeError: *network* is no module.
        ValueError: *depth* is negative.
    """
    _require_module(network)
    if depth is not None and depth < 0:
        raise ValueError(f"`depth` must be at least 0, not {depth}")
    shapes = _shapes(network, inputs) if inputs else {}
    layers = []
    for name, module in network.named_modules(remove_duplicate=False):
        level = name.count(".") + 1 if name else 0
        if depth is None or level <= depth:
            layers.append(
                Layer(name, type(module).__name__, level, shapes.get(module), *_count(module))
            )
    held = [*network.parameters(), *network.buffers()]
    return Summary(layers, *_count(network), sum(tensor.nbytes for tensor in held))


def _require_module(network: object) -> None:
    if not isinstance(network, Module):
        what = network.__name__ if isinstance(network, type) else type(network).__name__
        raise TypeError(f"`network` must be a torch.nn.Module, and an instance, not {what}")


def _count(module: Module) -> tuple[int, int]:
    parameters = list(module.parameters())
    trainable = [parameter.numel() for parameter in parameters if parameter.requires_grad]
    return sum(parameter.numel() for parameter in parameters), sum(trainable)


def _shapes(network: Module, inputs: tuple[Any, ...]) -> dict[Module, Any]:
    shapes: dict[Module, Any] = {}

    def note(module: Module, given: Any, output: Any) -> None:
        shapes[module] = _shape(output)

    mode, random_states = NetworkMode(network), get_random_states()
    with ExitStack() as stack:
        stack.callback(set_random_states, random_states)
        stack.callback(mode.restore)
        for module in network.modules():
            stack.callback(module.register_forward_hook(note).remove)
        mode.evaluate()
        network(*inputs)
    return shapes


def _shape(output: Any) -> Any:
    if isinstance(output, Tensor):
        return tuple(output.shape)
    if isinstance(output, dict):
        return {name: _shape(value) for name, value in output.items()}
    if isinstance(output, tuple | list):
        return [_shape(value) for value in output]
    return type(output).__name__


def _table(summary: Summary) -> Iterator[str]:
    rows = [("module", "output", "parameters", "trainable")]
    for layer in summary.layers:
        name = "  " * layer.depth + (layer.name.rpartition(".")[2] or layer.kind)
        kind = f" ({layer.kind})" if layer.name else ""
        rows.append(
            (
                name + kind,
                "" if layer.shape is None else str(layer.shape),
                f"{layer.parameters:,}",
                "" if layer.trainable == layer.parameters else f"{layer.trainable:,}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        left = f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}"
        yield f"{left}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}".rstrip()
    yield (
        f"{summary.parameters:,} parameters, {summary.trainable:,} of them trainable, "
        f"{_readable(summary.size)}"
    )


def _readable(size: float) -> str:
    """Return a number of bytes as people read it."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.0f} {_UNITS[unit]}" if not unit else f"{size:.1f} {_UNITS[unit]}"
