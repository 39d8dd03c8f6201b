# SPDX-License-Identifier: MIT
"""The options of a saver, checked against each other."""

from __future__ import annotations

import os

from callbacks_core import FatalCallbackError, PathLike, as_path, whole_number

from ._filename import FilenameTemplate
from .retention import Retention
from .triggers import EveryEpochs, OnException, Trigger, members


def refuse_half_options(
    keep_only_last_best: bool, restore_best: bool, save_best_only: bool, knows_best: bool
) -> None:
    """Raise if an option lacks another one that it needs.

    Raises:
        ValueError: It does.
    """
    if keep_only_last_best and not save_best_only:
        raise ValueError("`keep_only_last_best=True` needs `save_best_only=True`")
    if restore_best and not knows_best:
        raise ValueError(
            "`restore_best=True` needs `save_best_only=True`, or `keep=Retention(best=...)`"
        )


def refuse_vague(**flags: object) -> None:
    """Raise unless each flag is true or false.

    Raises:
        TypeError: One is not, such as ``"no"``, which would count as true.
    """
    for name, value in flags.items():
        if value not in (True, False):
            raise TypeError(f"`{name}` must be True or False, not {value!r}")


def chosen_trigger(
    trigger: Trigger | None, period: int, template: FilenameTemplate, save_best_only: bool
) -> Trigger:
    """Return what tells when to save.

    Raises:
        TypeError: *trigger* is none, or *period* no whole number.
        ValueError: The two exclude each other, or *trigger* goes ill with other options.
    """
    whole_number("period", period, at_least=1)
    if trigger is None:
        return EveryEpochs(period)
    if not isinstance(trigger, Trigger):
        raise TypeError(f"`trigger` must be one such as EveryBatches(100), not {trigger!r}")
    if period != 1:
        raise ValueError("give `period` or `trigger`, not both: EveryEpochs(n) is a trigger, too")
    if not trigger.within_epochs:
        return trigger
    if save_best_only:
        raise ValueError(
            "`save_best_only=True` needs a trigger for the ends of epochs, as only there is a "
            "value to tell the best; `keep=Retention(best=..., last=1)` goes with every trigger"
        )
    unknown = [field for field in template.fields if field not in ("epoch", "batch")]
    if unknown:
        raise ValueError(
            f"`filename` {template.text!r} has the field {unknown[0]!r}, which has no value yet "
            f"within an epoch, where `trigger` may save; there are 'epoch' and 'batch'"
        )
    return trigger


def refuse_lone_trigger(trigger: Trigger) -> None:
    """Raise if *trigger* may go off in one process when the others cannot be asked any more.

    Raises:
        FatalCallbackError: It may; they would wait for each other for ever.
    """
    if any(isinstance(each, OnException) for each in members(trigger)):
        raise FatalCallbackError(
            "a model that is spread over processes is saved by all of them at once, and an "
            "exception may come in one alone: use another trigger than OnException"
        )


def chosen_retention(
    keep: Retention | None, keep_only_last_best: bool, template: FilenameTemplate
) -> Retention | None:
    """Return what tells which files to keep, or None for all.

    Raises:
        TypeError: *keep* is none.
        ValueError: The two exclude each other, or every save has the same name.
    """
    if keep is None:
        return Retention(last=1) if keep_only_last_best else None
    if not isinstance(keep, Retention):
        raise TypeError(f"`keep` must be a Retention, such as Retention(last=3), not {keep!r}")
    if keep_only_last_best:
        raise ValueError("give `keep_only_last_best` or `keep`, not both")
    if not template.fields:
        raise ValueError(
            f"`keep` needs a field in `filename`, such as {{epoch}}: each file named "
            f"{template.text!r} takes the place of the one before"
        )
    return keep


def other_path(
    argument: str, path: PathLike | None, template: FilenameTemplate, *, atomic: bool = True
) -> str | None:
    """Return the path of a file that is not the saver's own, or None where there is none.

    Raises:
        TypeError: *path* is none.
        ValueError: It is or may be the saver's own, a folder's, or a second name for what is
            written in place.
    """
    if path is None:
        return None
    as_path(argument, path)
    text = os.fspath(path)
    if text == template.text:
        raise ValueError(f"`{argument}` must not be `filename` itself, {text!r}")
    if not os.path.basename(text):
        raise ValueError(f"`{argument}` {text!r} names a folder; add the name of a file")
    if _is_of_series(text, template):
        raise ValueError(
            f"`{argument}` {text!r} is a name that `filename` {template.text!r} may have, too"
        )
    if not atomic:
        raise ValueError(
            f"`{argument}` needs `atomic_write=True`: a file that is written in place changes "
            f"under all its names"
        )
    return text


def _is_of_series(path: str, template: FilenameTemplate) -> bool:
    """Whether the number of an epoch or batch makes *path* of the template."""
    if not template.fields or not set(template.fields) <= {"epoch", "batch"}:
        return False
    same_folder = os.path.dirname(path) == os.path.dirname(template.text)
    return same_folder and template.fits(os.path.basename(path))
