# SPDX-License-Identifier: MIT
"""The values that a loop hands to callbacks, read from the device only when somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

if TYPE_CHECKING:
    from torch import Tensor

Logs: TypeAlias = dict[str, float]
Scalar: TypeAlias = "float | Tensor"


class LazyLogs(dict[str, float]):
    """A dict of numbers, some of which may still be on the device.

    Tensors put into it stay where they are until the first value is read; then all of them come
    over in one transfer. Keys and the length never cost a transfer, and neither does writing.
    Whatever reads a dict sees numbers: ``dict(logs)``, ``{**logs}``, ``json.dumps(logs)``,
    ``"{loss:.3f}".format_map(logs)``, ``copy``, ``pickle``.

    Args:
        values: Names with numbers or one-element tensors.
        **named: More of them.
    """

    __slots__ = ("_pending",)

    def __init__(
        self,
        values: Mapping[str, Scalar] | Iterable[tuple[str, Scalar]] = (),
        /,
        **named: Scalar,
    ) -> None:
        if isinstance(values, LazyLogs):
            values = values._raw()
        super().__init__(values, **named)  # type: ignore[arg-type]  # tensors wait to be read
        self._pending = True

    def _raw(self) -> list[tuple[str, Scalar]]:
        return [(key, super(LazyLogs, self).__getitem__(key)) for key in super().__iter__()]

    def peek(self, key: str) -> Scalar:
        """Return the value under *key* as it is, a tensor if it has not been read yet.

        Raises:
            KeyError: There is no such key.
        """
        return super().__getitem__(key)

    def read(self) -> None:
        """Bring over all values that are still on a device, in one transfer for each device."""
        if not self._pending:
            return
        waiting = [(key, value) for key, value in self._raw() if is_tensor(value)]
        if waiting:
            numbers = read_scalars([value for _, value in waiting])
            for (key, _), number in zip(waiting, numbers, strict=True):
                super().__setitem__(key, number)
        self._pending = False

    def __setitem__(self, key: str, value: Scalar) -> None:
        """Set a value; a tensor is not read yet."""
        super().__setitem__(key, value)  # type: ignore[assignment]  # tensors wait to be read
        self._pending = True

    def update(self, *others: Any, **named: Any) -> None:
        """Set several values; tensors are not read yet."""
        for other in (*others, named):
            pairs = other._raw() if isinstance(other, LazyLogs) else dict(other).items()
            for key, value in pairs:
                self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Set *key* to *default* if it is missing, and return its value."""
        if key not in self:
            self[key] = default
        return self[key]

    def __getitem__(self, key: str) -> float:
        """Return the number under *key*."""
        self.read()
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the number under *key*, or *default*."""
        self.read()
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove *key* and return its number, or the default."""
        self.read()
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, float]:
        """Remove the last item and return it."""
        self.read()
        return super().popitem()

    def values(self) -> ValuesView[float]:  # type: ignore[override]  # dict_values is final
        """Return a view of the numbers."""
        self.read()
        return super().values()

    def items(self) -> ItemsView[str, float]:  # type: ignore[override]  # dict_items is final
        """Return a view of the items, values as numbers."""
        self.read()
        return super().items()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys; being overridden, it also keeps ``dict(logs)`` honest."""
        return super().__iter__()

    def copy(self) -> dict[str, float]:
        """Return a plain dict of the numbers."""
        return dict(self.items())

    def __copy__(self) -> dict[str, float]:
        """Return a plain dict of the numbers."""
        return self.copy()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[str, float]]]:
        """Pickle and deepcopy as a plain dict of the numbers."""
        return dict, (self.copy(),)

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., Any], tuple[dict[str, float]]]:
        """Pickle and deepcopy as a plain dict of the numbers."""
        return self.__reduce__()

    def __eq__(self, other: object) -> bool:
        """Compare the numbers."""
        self.read()
        if isinstance(other, LazyLogs):
            other.read()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        """Compare the numbers."""
        return not self == other

    __hash__ = None

    def __or__(self, other: Any) -> dict[str, float]:  # type: ignore[override]
        """Return a plain dict of both."""
        return {**self, **other}

    def __ror__(self, other: Any) -> dict[str, float]:  # type: ignore[override]
        """Return a plain dict of both."""
        return {**other, **self}

    def __ior__(self, other: Any) -> LazyLogs:  # type: ignore[override]
        """Set several values; tensors are not read yet."""
        self.update(other)
        return self

    def __repr__(self) -> str:
        """Show the numbers, as a dict does."""
        self.read()
        return super().__repr__()


def is_tensor(value: object) -> TypeGuard[Tensor]:
    """Whether *value* is a tensor; never imports torch, as nothing is one before torch is there."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def read_scalars(tensors: list[Tensor]) -> list[float]:
    """Return the numbers in one-element *tensors*, with one transfer for each device.

    Integers and booleans come back as `int`, everything else as `float`.
    """
    torch = sys.modules["torch"]
    numbers: list[float] = [0.0] * len(tensors)
    groups: dict[Any, list[int]] = {}
    for index, tensor in enumerate(tensors):
        groups.setdefault((tensor.device, tensor.dtype), []).append(index)
    by_device: dict[Any, list[list[int]]] = {}
    for (device, _), indices in groups.items():
        by_device.setdefault(device, []).append(indices)
    for device, parts in by_device.items():
        wide = torch.float32 if device.type == "mps" else torch.float64
        stacks = [torch.stack([tensors[i].detach().reshape(()) for i in part]) for part in parts]
        joined = stacks[0] if len(stacks) == 1 else torch.cat([stack.to(wide) for stack in stacks])
        order = [index for part in parts for index in part]
        for index, number in zip(order, joined.tolist(), strict=True):
            whole = not (tensors[index].is_floating_point() or tensors[index].is_complex())
            numbers[index] = int(number) if whole else float(number)
    return numbers
