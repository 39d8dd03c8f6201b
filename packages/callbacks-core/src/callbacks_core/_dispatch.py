# SPDX-License-Identifier: MIT
"""One hook of a list, bound to the callbacks that listen to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Final

from ._logger import logger
from .callback import Callback, FailurePolicy
from .errors import FatalCallbackError, one_of
from .hooks import SHARED_HOOKS
from .run_saver import run_savers

FAILURES_IN_A_ROW = 3
"""After so many, a callback whose policy is ``"disable"`` is switched off."""

_SETTLED: Final = frozenset({"on_batch_settled", "on_settled", "close"})
"""Hooks in which the savers of the whole run come last, to see what the others have learnt."""


class Member:
    """A callback in a list, with the record of its failures."""

    __slots__ = ("callback", "disabled", "failures", "in_a_row", "name", "policy")

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.name = type(callback).__name__
        self.policy: FailurePolicy = callback.on_error if is_real(callback) else "raise"
        one_of(f"{self.name}.on_error", self.policy, ("raise", "warn", "disable"))
        self.in_a_row: dict[str, int] = {}
        self.begin_run()

    def begin_run(self) -> None:
        """Forget the failures of an earlier run."""
        self.failures = 0
        self.in_a_row.clear()
        self.disabled = False

    def failed(self, hook: str, error: BaseException) -> bool:
        """Record a failure and tell whether it must end the run."""
        fatal = not isinstance(error, Exception) or isinstance(error, FatalCallbackError)
        if fatal or self.policy == "raise":
            name_culprit(error, f"{self.name}.{hook}")
            return True
        self.failures += 1
        self.in_a_row[hook] = self.in_a_row.get(hook, 0) + 1
        self._report(hook, error)
        return False

    def _report(self, hook: str, error: BaseException) -> None:
        if self.policy == "warn":
            logger().warning("%s.%s failed; training goes on", self.name, hook, exc_info=error)
            return
        if self.failures == 1:
            logger().warning(
                "%s.%s failed; training goes on, and further failures are only counted",
                self.name,
                hook,
                exc_info=error,
            )
        in_a_row = sum(self.in_a_row.values())
        if in_a_row >= FAILURES_IN_A_ROW and not self.disabled:
            self.disabled = True
            logger().warning(
                "%s is switched off after %d failures in a row, the last one in %s: %r",
                self.name,
                in_a_row,
                hook,
                error,
            )


class Target:
    """One callback's hook, with the count and the time of its calls."""

    __slots__ = ("call", "calls", "member", "nanoseconds", "slowest")

    def __init__(self, member: Member, hook: str) -> None:
        self.member = member
        self.call: Callable[..., object] = getattr(member.callback, hook)
        self.calls = self.nanoseconds = self.slowest = 0


class Hook:
    """Calls one hook of every callback that listens, in order.

    Args:
        name: The hook's name.
        members: The callbacks of the list; those that do not listen are left out.
    """

    __slots__ = ("name", "targets")

    def __init__(self, name: str, members: Sequence[Member]) -> None:
        self.name = name
        self.targets: list[Target] = []
        for member in members:
            self.add(member)

    def add(self, member: Member) -> None:
        """Call *member* too, after the others, if it listens."""
        if not _listens(member.callback, self.name):
            return
        target = Target(member, self.name)
        if self.name in _SETTLED and not _saves_run(member.callback):
            savers = sum(_saves_run(other.member.callback) for other in self.targets)
            self.targets.insert(len(self.targets) - savers, target)
            return
        self.targets.append(target)

    def __call__(self, *arguments: object) -> None:
        """Call the targets, keep their times and apply their failure policies."""
        for target in self.targets:
            member = target.member
            if member.disabled:
                continue
            start = perf_counter_ns()
            try:
                target.call(*arguments)
            except BaseException as error:
                if member.failed(self.name, error):
                    raise
            else:
                if member.in_a_row:  # a logger that fails at each epoch's end may begin it well
                    member.in_a_row.pop(self.name, None)
            took = perf_counter_ns() - start
            target.calls += 1
            target.nanoseconds += took
            if took > target.slowest:
                target.slowest = took

    def call_all(self, *arguments: object) -> list[BaseException]:
        """Call every target, disabled or not; return what they raised instead of raising it."""
        errors: list[BaseException] = []
        for target in self.targets:
            try:
                target.call(*arguments)
            except BaseException as error:
                if target.member.failed(self.name, error):
                    errors.append(error)
        return errors


def _saves_run(callback: Callback) -> bool:
    return any(True for _ in run_savers([callback]))


def is_real(callback: Callback) -> bool:
    """Whether *callback* is what it says, and no mock made to look like one."""
    return issubclass(type(callback), Callback)


def name_culprit(error: BaseException, culprit: str) -> None:
    """Add a note to *error* that tells who raised it, unless a list within a list has done so."""
    if not any(note.startswith("raised by ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"raised by {culprit}")


def _listens(callback: Callback, hook: str) -> bool:
    if is_real(callback):
        return callback.listens_to(hook)
    return hook in SHARED_HOOKS and callable(getattr(callback, hook, None))
