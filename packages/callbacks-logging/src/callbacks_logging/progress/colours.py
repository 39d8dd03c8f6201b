# SPDX-License-Identifier: MIT
"""Which colour each part of the display has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import colorama

from callbacks_core import did_you_mean, one_of

Field: TypeAlias = Literal[
    "text_color", "ratio_color", "metric_value_color", "time_color", "progress_bar_color"
]
Coloring: TypeAlias = "bool | Mapping[str, str]"

DEFAULTS: Final[dict[Field, str]] = {
    "text_color": "MAGENTA",
    "ratio_color": "CYAN",
    "metric_value_color": "LIGHTBLUE_EX",
    "time_color": "GREEN",
    "progress_bar_color": "MAGENTA",
}
NAMES: Final = sorted(name for name in vars(colorama.Fore) if name.isupper())


class ColorProgress:
    r"""The colours of the progress display; none at all where they are not wanted.

    Args:
        coloring: Whether to colour; a dict chooses the colour, by its name in ``colorama.Fore``,
            of any of the fields ``text_color`` (magenta), ``ratio_color`` (cyan),
            ``metric_value_color`` (light blue), ``time_color`` (green) and
            ``progress_bar_color`` (magenta).

    Attributes:
        colors: The name of each field's colour.
        wanted: Whether to colour at all.

    Raises:
        TypeError: *coloring* is neither a bool nor a mapping.
        ValueError: There is no such field or no such colour.

    Example:
        >>> colors = ColorProgress({"time_color": "RED"})
        >>> colors.paint("time_color", "1.25s")
        '\x1b[31m1.25s\x1b[0m'
    """

    def __init__(self, coloring: Coloring = True) -> None:
        if not isinstance(coloring, bool | Mapping):
            raise TypeError(f"`coloring` must be a bool or a dict, not {coloring!r}")
        chosen = {} if isinstance(coloring, bool) else coloring
        for field, name in chosen.items():
            one_of("coloring", field, DEFAULTS)
            _require_colour(field, name)
        self.wanted = coloring is not False
        self.colors: dict[Field, str] = {
            field: chosen.get(field, name) for field, name in DEFAULTS.items()
        }
        self._codes: dict[Field, str] = {
            field: getattr(colorama.Fore, name) for field, name in self.colors.items()
        }

    def code(self, field: Field) -> str:
        """Return what turns on the colour of *field*."""
        return self._codes[field]

    @property
    def reset(self) -> str:
        """What turns off all colours."""
        return str(colorama.Style.RESET_ALL)

    def paint(self, field: Field, text: str) -> str:
        """Return *text* in the colour of *field*, or as it is where no colour is wanted.

        Raises:
            ValueError: There is no such field.
        """
        one_of("field", field, DEFAULTS)
        return f"{self._codes[field]}{text}{self.reset}" if self.wanted else text

    def applies(self, *, terminal: bool) -> bool:
        """Whether to colour what goes to a terminal, or to something else.

        ``NO_COLOR`` and then ``FORCE_COLOR`` decide where they are set.
        """
        if not self.wanted or os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or terminal


def _require_colour(field: str, name: object) -> None:
    if name in NAMES:
        return
    near = did_you_mean(name.upper(), NAMES) if isinstance(name, str) else ""
    hint = near or f"; the colours are {', '.join(NAMES)}"
    raise ValueError(f"`coloring[{field!r}]` must be a colour of colorama.Fore, not {name!r}{hint}")
