# SPDX-License-Identifier: MIT
"""File names with fields that each epoch fills in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from callbacks_core import FatalCallbackError, MissingMetricError, PathLike, as_path, did_you_mean

_formatter = Formatter()


class FilenameTemplate:
    """A file name such as ``"weights.{epoch:02d}-{val_loss:.2f}.pt"``.

    The fields are ``epoch`` and whatever the logs of an epoch hold. They are plain names: a
    template can neither index nor reach into the attributes of what it formats.

    Args:
        filename: The name, with or without fields; a brace itself is written twice.

    Raises:
        TypeError: *filename* is neither a str nor a path.
        ValueError: It is empty or a folder's, its braces do not match, a field is no plain name, or
            a format fits no number.

    Attributes:
        text: The name as it was given.
        fields: The names of the fields, sorted.
    """

    def __init__(self, filename: PathLike) -> None:
        as_path("filename", filename)  # refuses what is no path
        self.text = os.fspath(filename)
        if not os.path.basename(self.text):
            raise ValueError(f"`filename` {self.text!r} names a folder; add the name of a file")
        try:
            parsed = list(_formatter.parse(self.text))
            names = list(_names(self.text))
        except ValueError as error:
            raise ValueError(f"`filename` {self.text!r} is no valid template: {error}") from None
        for name in names:
            _check_name(name, self.text)
        self.fields = sorted(set(names))
        samples: dict[str, float] = {}
        known = ""
        for literal, field, spec, conversion in parsed:
            if not samples:
                known += literal
            if field is not None:
                samples[field] = _sample(field, spec or "", conversion, self.text)
        self._sample = Path(self.text.format_map({**dict.fromkeys(names, 1), **samples}))
        self._known_folder = Path(os.path.dirname(known))

    def path(self, epoch_number: int, logs: Mapping[str, float]) -> str:
        """Return the file name of an epoch.

        Raises:
            MissingMetricError: The logs lack a field; the message lists what they have.
            FatalCallbackError: A value does not fit its format.
        """
        values = {**logs, "epoch": epoch_number}
        for name in self.fields:
            if name not in values:
                raise MissingMetricError(
                    f"`filename` {self.text!r} has the field {name!r}, which is not in the logs; "
                    f"they have {', '.join(map(repr, values))}{did_you_mean(name, values)}"
                )
        try:
            return self.text.format_map(values)
        except (ValueError, TypeError) as error:
            used = {name: values[name] for name in self.fields}
            raise FatalCallbackError(
                f"`filename` {self.text!r} cannot be filled with {used}: {error}"
            ) from error

    def matches(self) -> list[tuple[str, int, int | None]]:
        """Return each file there is whose name fits, with its epoch and, where named, its batch.

        There are none without a field for the epoch, or with fields in the name of a folder.
        """
        folder, name = os.path.split(self.text)
        if "epoch" not in _names(name) or any(True for _ in _names(folder)):
            return []
        folder = folder.format_map({})
        pattern = re.compile(_pattern(name))
        found = []
        for other in os.listdir(folder or os.curdir) if os.path.isdir(folder or os.curdir) else ():
            match = pattern.fullmatch(other)
            if match is not None:
                batch = match.groupdict().get("batch")
                path = os.path.join(folder, other)
                found.append((path, int(match["epoch"]), None if batch is None else int(batch)))
        return sorted(found, key=lambda file: (file[1], file[2] or 0))

    def fits(self, name: str) -> bool:
        """Whether a file of that name, without its folder, may be one of this template."""
        return re.fullmatch(_pattern(os.path.basename(self.text)), name) is not None

    def trial_path(self, *, is_folder: bool = False) -> Path:
        """Return a path to try before training, as like those to come as makes no folder.

        Where only the last part of the name has fields, it is such a name; otherwise it is one
        in the innermost folder that is known beforehand.

        Args:
            is_folder: Whether what gets the name will be a folder, beside which to try.
        """
        if self._sample.parent == self._known_folder and not is_folder:
            return self._sample
        return self._known_folder / ".callbacks-checkpoint"


def _pattern(name: str) -> str:
    """Return a regular expression for names; the numbers of epoch and batch are its groups."""
    pattern, seen = "", set()
    for literal, field, _, _ in _formatter.parse(name):
        pattern += re.escape(literal)
        if field in ("epoch", "batch") and field not in seen:
            seen.add(field)
            pattern += rf"\s*(?P<{field}>\d+)"
        elif field is not None:
            pattern += ".+?"
    return pattern


def _names(text: str) -> Iterator[str]:
    for _, name, spec, _ in _formatter.parse(text):
        if name is not None:
            yield name
            yield from _names(spec or "")


def _check_name(name: str, text: str) -> None:
    if not name or name.isdecimal():
        raise ValueError(
            f"`filename` {text!r} has a field without a name; write {{epoch}}, or the name of a "
            f"value in the logs, or double a brace that belongs to the name itself"
        )
    if any(mark in name for mark in ".[]"):
        raise ValueError(
            f"`filename` {text!r} has the field {name!r}; a field is the plain name of a value, "
            f"without attributes or indices"
        )


def _sample(name: str, spec: str, conversion: str | None, text: str) -> float:
    """Return a number that the field can be filled with."""
    spec = spec.format_map(dict.fromkeys(_names(spec), 1))
    problem: Exception | None = None
    for number in (1, 1.0):
        try:
            converted: Any = _formatter.convert_field(number, conversion)
            format(converted, spec)
        except ValueError as error:
            problem = error
        else:
            return number
    raise ValueError(f"`filename` {text!r}: no number fits the field {name!r}: {problem}")
