# SPDX-License-Identifier: MIT
"""Whether a file that is to be appended to is a log like the one to come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from callbacks_core import FatalCallbackError

from .._learning_rates import is_rate
from .columns import written

if TYPE_CHECKING:
    from .table import Table


class OtherColumnsError(FatalCallbackError, ValueError):
    """The file to append to has other columns than the log."""


def require_alike(table: Table, rates: list[str], batch_granularity: bool) -> None:
    """Raise unless the file has the columns that are known before the first value is.

    Args:
        table: The file.
        rates: The names of the learning rates; none without an optimizer.
        batch_granularity: Whether batches are written.

    Raises:
        OtherColumnsError: It has not.
    """
    require_columns(table, ["epoch", "time", *rates])
    if rates and rates != [name for name in table.columns if is_rate(name)]:
        raise _error(table, f"the optimizer has the learning rates {_listed(rates)} only")
    if batch_granularity != ("batch" in table.columns):
        there, here = ("no ", "") if batch_granularity else ("", "no ")
        raise _error(table, f"it has {there}rows of batches, and this log has {here}such rows")


def require_columns(table: Table, names: Iterable[str]) -> None:
    """Raise unless the file has a column for each of *names*.

    Raises:
        OtherColumnsError: It has not.
    """
    missing = [name for name in names if written(name) not in table.columns]
    if missing:
        raise _error(table, f"it has no column for {_listed(missing)}")


def _error(table: Table, problem: str) -> OtherColumnsError:
    return OtherColumnsError(
        f"cannot append to {table.path}: {problem}. Its columns, separated by "
        f"{table.separator!r}, are {_listed(table.columns)}. Choose another file, or append=False "
        f"to overwrite this one"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
