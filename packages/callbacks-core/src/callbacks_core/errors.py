# SPDX-License-Identifier: MIT
"""The errors that no failure policy swallows, and the words for a near miss."""

from __future__ import annotations

from collections.abc import Iterable


class FatalCallbackError(Exception):
    """An error that ends the run whatever the callback's failure policy says.

    Raise it (or a subclass) for what no later epoch can mend: a wrong setting, a path that can
    never be written, a last save that failed.
    """


class MissingMetricError(FatalCallbackError, KeyError):
    """A callback asked the logs for a name that they do not have."""

    def __str__(self) -> str:
        """Return the message itself; a plain `KeyError` would show its repr."""
        return str(self.args[0])


class NotAttachedError(AttributeError, RuntimeError):
    """A callback was asked for its model or its parameters before a loop gave it any."""


def missing_metric(name: str, logs: Iterable[str]) -> MissingMetricError:
    """Return the error for a *name* that is not among *logs*, with what there is instead.

    Args:
        name: The name that was asked for.
        logs: The logs, or their names.
    """
    names = list(logs)
    if name.startswith("val_") and not any(key.startswith("val_") for key in names):
        hint = "; is there a validation loader?"
    else:
        hint = did_you_mean(name, names)
    there = ", ".join(repr(key) for key in names) or "nothing"
    return MissingMetricError(f"there is no {name!r} in the logs, which have {there}{hint}")


def did_you_mean(name: object, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of *choices*, or an empty string.

    Args:
        name: What was given.
        choices: What would have been right.
    """
    import difflib  # only for an error, and a tenth of this package's import time

    if not isinstance(name, str):
        return ""
    near = difflib.get_close_matches(name, list(choices), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_of(argument: str, value: object, choices: Iterable[str]) -> None:
    """Raise unless *value* is one of *choices*.

    Args:
        argument: The argument's name, for the message.
        value: What was given.
        choices: What is accepted.

    Raises:
        ValueError: *value* is none of them; the message suggests the near miss.
    """
    accepted = list(choices)
    if value not in accepted:
        listed = ", ".join(repr(choice) for choice in accepted)
        raise ValueError(
            f"`{argument}` must be one of {listed}, not {value!r}{did_you_mean(value, accepted)}"
        )


def whole_number(argument: str, value: object, *, at_least: int) -> None:
    """Raise unless *value* is an `int` (and no `bool`) of at least *at_least*.

    Args:
        argument: The argument's name, for the message.
        value: What was given.
        at_least: The smallest number accepted.

    Raises:
        TypeError: *value* is not a whole number.
        ValueError: *value* is too small.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"`{argument}` must be a whole number, not {value!r}")
    if value < at_least:
        raise ValueError(f"`{argument}` must be at least {at_least}, not {value}")
