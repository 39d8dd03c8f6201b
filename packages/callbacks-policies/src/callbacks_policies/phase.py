# SPDX-License-Identifier: MIT
"""A stretch of training in which settings of the optimizer move along curves."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import repeat
from numbers import Real
from typing import TYPE_CHECKING, Final

from callbacks_core import did_you_mean
from callbacks_core.plotting import draw_curves

from ._checks import finite
from .spaces import Space

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL: Final = slice(None)


class Phase:
    """What the optimizer's settings are at each step of a stretch of training.

    ``Phase(lr=linspace(0.1, 1, 100), momentum=0.9)`` lasts 100 steps. Going through it gives a
    dict for each step, ``{"lr": 0.1, "momentum": 0.9}`` first, as often as one likes.

    Args:
        lr: The learning rate: a number for each step, or one number for all of them.
        momentum: The momentum, likewise. For Adam and its kin it is the first of the ``betas``.
        **others: Any other number in the optimizer's parameter groups, likewise, such as
            ``weight_decay``.

    Raises:
        TypeError: A setting is neither a number nor something that numbers can be taken from.
        ValueError: There is no setting, all of them are single numbers so that the length is
            unknown, their lengths differ, one is empty, or a number is not finite.
    """

    def __init__(
        self,
        *,
        lr: Iterable[float] | float | None = None,
        momentum: Iterable[float] | float | None = None,
        **others: Iterable[float] | float | None,
    ) -> None:
        given = {"lr": lr, "momentum": momentum, **others}
        self._settings = {
            name: _values(name, values) for name, values in given.items() if values is not None
        }
        if not self._settings:
            raise ValueError("a phase needs at least one setting, such as `lr` or `momentum`")
        lengths = {
            name: len(values)
            for name, values in self._settings.items()
            if not isinstance(values, float)
        }
        if not lengths:
            raise ValueError(
                f"a phase of single numbers has no length: make one of "
                f"{', '.join(f'`{name}`' for name in self._settings)} a sequence, such as "
                f"constant(value, steps)"
            )
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
            raise ValueError(f"the settings of a phase must have equal lengths, but {listed}")
        self._length = next(iter(lengths.values()))
        self._first = {  # copied for each step, as only some settings move
            name: values if isinstance(values, float) else values[0]
            for name, values in self._settings.items()
        }
        self._moving = [
            (name, values)
            for name, values in self._settings.items()
            if not isinstance(values, float)
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the settings."""
        return tuple(self._settings)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, step: int) -> dict[str, float]:
        """Return the settings of one step, counted from 0."""
        if not 0 <= step < self._length:
            step = range(self._length)[step]
        settings = self._first.copy()
        for name, values in self._moving:
            settings[name] = values[step]
        return settings

    def __iter__(self) -> Iterator[dict[str, float]]:
        names = tuple(self._settings)
        columns = (
            repeat(values) if isinstance(values, float) else values
            for values in self._settings.values()
        )
        for row in zip(*columns, strict=False):
            yield dict(zip(names, row, strict=True))

    def values(self, name: str, *, steps: slice = ALL) -> list[float]:
        """Return the values of one setting.

        Args:
            name: The setting's name.
            steps: The steps to look at; all by default.

        Raises:
            ValueError: The phase has no such setting.
        """
        if name not in self._settings:
            raise ValueError(
                f"the phase has no setting {name!r}, but {', '.join(map(repr, self._settings))}"
                f"{did_you_mean(name, self._settings)}"
            )
        values = self._settings[name]
        if isinstance(values, float):
            return [values] * len(range(self._length)[steps])
        return list(values[steps])

    def plot(self, param_name: str = "lr", ax: Axes | None = None) -> Axes:
        """Draw a setting over the steps.

        Args:
            param_name: The setting's name.
            ax: The axes to draw on; by default new ones.

        Returns:
            The axes, for a title or for ``ax.figure.savefig(...)``.

        Raises:
            ImportError: matplotlib is not installed; the extra ``plot`` brings it.
            ValueError: The phase has no such setting.
        """
        curves = [(param_name, self.values(param_name))]
        return draw_curves(curves, ylabel=param_name, ax=ax, distribution="callbacks-policies")

    def __repr__(self) -> str:
        lines = [
            f"\n    {name}: {reprlib.repr(values) if isinstance(values, tuple) else repr(values)}"
            for name, values in self._settings.items()
        ]
        return "Phase:" + "".join(lines)


def _values(name: str, values: object) -> Space | tuple[float, ...] | float:
    if isinstance(values, Space):
        return values
    if isinstance(values, Real):
        return finite(name, values)
    if isinstance(values, str | Mapping | Set) or not isinstance(values, Iterable):
        raise TypeError(f"`{name}` must be a number or a sequence of numbers, not {values!r}")
    listed = tuple(
        finite(f"{name}[{index}]", value.item() if hasattr(value, "item") else value)
        for index, value in enumerate(values)
    )
    if not listed:
        raise ValueError(f"`{name}` must have at least one value, not none")
    return listed
