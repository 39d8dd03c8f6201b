# SPDX-License-Identifier: MIT
"""Words of one's own, with the values of an epoch in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from string import Formatter
from typing import Final, TypeAlias

from callbacks_core import did_you_mean

Words: TypeAlias = str | Callable[[Mapping[str, float]], str]

_ALWAYS: Final = ("epoch", "time", "loss", "val_loss")


class Template:
    """A format string over the logs of an epoch, or a function of them.

    Args:
        argument: The name of the argument, for messages.
        words: ``"epoch {epoch}: {val_loss:.3f}"``, or what is called with the logs and returns a
            str. A format string may ask for plain names only.

    Raises:
        TypeError: *words* is neither.
        ValueError: It is no format string, asks for more than a name, or for a name that looks
            like a slip for ``epoch``, ``time``, ``loss`` or ``val_loss``. The names of metrics are
            not known before the first epoch.
    """

    def __init__(self, argument: str, words: Words) -> None:
        if not isinstance(words, str) and not callable(words):
            raise TypeError(f"`{argument}` must be a format string or a function, not {words!r}")
        self._argument = argument
        self._words = words
        if isinstance(words, str):
            for name in self._fields(words):
                self._check(name)

    def render(self, logs: Mapping[str, float]) -> str:
        """Return the words for *logs*.

        Raises:
            ValueError: They ask for a name that *logs* do not have, or for an impossible format.
            TypeError: The function did not return a str.
        """
        if not isinstance(self._words, str):
            text = self._words(logs)
            if not isinstance(text, str):
                raise TypeError(f"`{self._argument}` returned {text!r}, which is no str")
            return text
        for name in self._fields(self._words):
            if name not in logs:
                raise ValueError(self._unknown(name, list(logs)))
        return self._words.format_map(logs)

    def _fields(self, words: str) -> Iterator[str]:
        try:
            parsed = list(Formatter().parse(words))
        except ValueError as error:
            raise ValueError(f"`{self._argument}` is no format string: {error}") from None
        return (name for _, name, _, _ in parsed if name is not None)

    def _check(self, name: str) -> None:
        if not name or name.isdecimal() or "." in name or "[" in name:
            raise ValueError(
                f"`{self._argument}` must ask for names of the logs, such as {{loss}}, "
                f"not for {{{name}}}"
            )
        if name not in _ALWAYS and any(_is_slip(name, known) for known in _ALWAYS):
            raise ValueError(self._unknown(name, list(_ALWAYS)))

    def _unknown(self, name: str, there: list[str]) -> str:
        return (
            f"`{self._argument}` asks for {name!r}, which the logs do not have"
            f"{did_you_mean(name, there)}"
        )


def _is_slip(name: str, known: str) -> bool:
    """Whether *name* is *known* with a letter left out or replaced, or with two exchanged.

    One letter more is no slip: ``"closs"`` may well be a metric.
    """
    if len(name) == len(known) - 1:
        return any(known[:at] + known[at + 1 :] == name for at in range(len(known)))
    if len(name) != len(known):
        return False
    different = [at for at in range(len(known)) if name[at] != known[at]]
    return len(different) == 1 or (
        len(different) == 2
        and different[1] == different[0] + 1
        and name[different[0]] == known[different[1]]
        and name[different[1]] == known[different[0]]
    )
