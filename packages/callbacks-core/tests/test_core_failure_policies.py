# SPDX-License-Identifier: MIT
import logging

import pytest

from callbacks_core import (
    HOOKS,
    Callback,
    CallbackList,
    DelayCallback,
    FatalCallbackError,
    SimpleModel,
)
from callbacks_core.testing import Recorder, play

RUN_HOOKS = [hook for hook in HOOKS if hook not in ("on_exception", "close")]
FATAL = [FatalCallbackError, KeyboardInterrupt, SystemExit]


class Failing(Callback):
    """Raises in one hook as long as *errors* last, where None stands for a success."""

    def __init__(self, hook, on_error="raise", errors=()):
        self.on_error = on_error
        self.errors = iter(errors)
        self.calls = 0
        setattr(self, hook, self.fail)

    def fail(self, *arguments):
        self.calls += 1
        error = next(self.errors, None)
        if error is not None:
            raise error


def call(callbacks, hook):
    getattr(callbacks, hook)(*[1] * (getattr(Callback, hook).__code__.co_argcount - 1))


def messages(caplog):
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("hook", RUN_HOOKS)
def test_raise_ends_the_run_and_names_the_culprit(hook):
    """The error comes out with a note, and those further down the list are not called."""
    error, after = ValueError("no"), Recorder()
    with pytest.raises(ValueError, match="no") as caught:
        call(CallbackList([Failing(hook, errors=[error]), after]), hook)
    assert caught.value is error
    assert error.__notes__ == [f"raised by Failing.{hook}"]
    assert after.calls == []


@pytest.mark.parametrize("hook", RUN_HOOKS)
def test_warn_reports_every_failure_and_goes_on(hook, caplog):
    """Each failure is a warning with its traceback; the next callbacks are called."""
    errors, after = [ValueError(str(n)) for n in range(4)], Recorder()
    callbacks = CallbackList([Failing(hook, "warn", errors), after])
    for _ in errors:
        call(callbacks, hook)
    assert messages(caplog) == [f"Failing.{hook} failed; training goes on"] * 4
    assert [record.exc_info[1] for record in caplog.records] == errors
    assert {(record.name, record.levelno) for record in caplog.records} == {
        ("callbacks_core", logging.WARNING)
    }
    assert after.hooks == [hook] * 4


@pytest.mark.parametrize("hook", RUN_HOOKS)
def test_disable_reports_once_and_switches_off_after_three_in_a_row(hook, caplog):
    """The first failure is told with its traceback, the third ends the calls; no more is said."""
    errors, after = [ValueError(str(n)) for n in range(9)], Recorder()
    failing = Failing(hook, "disable", errors)
    callbacks = CallbackList([failing, after])
    for _ in range(6):
        call(callbacks, hook)
    assert failing.calls == 3
    assert after.hooks == [hook] * 6
    assert messages(caplog) == [
        f"Failing.{hook} failed; training goes on, and further failures are only counted",
        "Failing is switched off after 3 failures in a row, "
        f"the last one in {hook}: ValueError('2')",
    ]
    assert caplog.records[0].exc_info[1] is errors[0]


def test_a_success_resets_the_count(caplog):
    """Two failures, a success and two failures switch nothing off."""
    no = ValueError("no")
    failing = Failing("on_epoch_end", "disable", [no, no, None, no, no, None, no])
    play([failing], [{}] * 9)
    assert failing.calls == 9
    assert messages(caplog) == [
        "Failing.on_epoch_end failed; training goes on, and further failures are only counted"
    ]


def test_the_success_of_another_hook_does_not_reset_the_count():
    """A logger that begins its epochs well and cannot end one is switched off all the same."""

    class Logger(Callback):
        on_error = "disable"
        ended = 0

        def on_epoch_begin(self, epoch_number, logs):
            pass

        def on_epoch_end(self, epoch_number, logs):
            self.ended += 1
            raise ConnectionError("no server")

    logger = Logger()
    play([logger], [{}] * 6)
    assert logger.ended == 3


def test_failures_of_several_hooks_add_up():
    """A callback that fails wherever it is called is switched off after three calls."""
    calls = []

    class Broken(Callback):
        on_error = "disable"

        def on_train_begin(self, logs):
            calls.append("on_train_begin")
            raise OSError

        def on_epoch_begin(self, epoch_number, logs):
            calls.append("on_epoch_begin")
            raise OSError

    play([Broken()], [{}] * 4)
    assert calls == ["on_train_begin", "on_epoch_begin", "on_epoch_begin"]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("hook", ["on_epoch_end", "on_test_batch_end"])
def test_a_new_run_gives_a_disabled_callback_another_chance(nested, hook):
    """Attaching a list to a run forgets what went wrong in the last one, in lists within too."""
    failing = Failing(hook, "disable", [ValueError("no")] * 3)
    callbacks = CallbackList([CallbackList([failing])] if nested else [failing])
    for expected in (3, 7):
        callbacks.set_model(SimpleModel(None))
        callbacks.set_params({})
        for _ in range(4):
            call(callbacks, hook)
        assert failing.calls == expected


@pytest.mark.parametrize("policy", ["raise", "warn", "disable"])
@pytest.mark.parametrize("kind", FATAL)
@pytest.mark.parametrize("hook", RUN_HOOKS)
def test_what_is_fatal_ends_the_run_under_every_policy(hook, kind, policy):
    """A fatal error, Ctrl-C and an exit come out, with the culprit's name."""
    with pytest.raises(kind) as caught:
        call(CallbackList([Failing(hook, policy, [kind()])]), hook)
    assert caught.value.__notes__ == [f"raised by Failing.{hook}"]


@pytest.mark.parametrize("wrap", [lambda one: CallbackList([one]), DelayCallback])
def test_the_culprit_within_a_wrapper_is_named_once(wrap):
    """The note names the callback that raised, not the lists around it."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        play([wrap(Failing("on_epoch_end", errors=[error]))], [{}])
    assert error.__notes__ == ["raised by Failing.on_epoch_end"]


@pytest.mark.parametrize("policy", ["raise", "warn", "disable"])
def test_close_runs_for_everyone(policy):
    """One that fails does not rob the next; under "raise" its error comes out at the end."""
    error, after = OSError("disk full"), Recorder()
    callbacks = CallbackList([Failing("close", policy, [error]), after])
    if policy == "raise":
        with pytest.raises(OSError, match="disk full") as caught:
            callbacks.close()
        assert caught.value.__notes__ == ["raised by Failing.close"]
    else:
        callbacks.close()
    assert after.hooks == ["close"]


def test_the_first_error_of_close_comes_out_and_the_others_are_reported(caplog):
    """No failure to close is lost."""
    first, second = OSError("first"), OSError("second")
    callbacks = CallbackList([Failing("close", errors=[first]), Failing("close", errors=[second])])
    with pytest.raises(OSError, match="first"):
        callbacks.close()
    assert messages(caplog) == ["a further error while closing"]
    assert caplog.records[0].exc_info[1] is second


def test_a_disabled_callback_is_closed_and_told_of_exceptions(caplog):
    """Being switched off does not keep a callback from letting go of its files."""
    closed = []

    class Logger(Failing):
        def on_exception(self, exception):
            closed.append("on_exception")

        def close(self):
            closed.append("close")
            raise OSError("still no disk")

    class Last(Callback):
        def on_epoch_end(self, epoch_number, logs):
            if epoch_number == 5:
                raise RuntimeError("stop here")

    logger = Logger("on_epoch_begin", "disable", [ValueError("no")] * 9)
    with pytest.raises(RuntimeError, match="stop here"):
        play([logger, Last()], [{}] * 9)
    assert logger.calls == 3
    assert closed == ["on_exception", "close"]
    assert len(messages(caplog)) == 2


@pytest.mark.parametrize("policy", ["raise", "warn", "disable"])
@pytest.mark.parametrize("late", [ValueError("late"), KeyboardInterrupt("late")])
def test_an_error_in_on_exception_does_not_hide_the_first(policy, late, caplog):
    """The run's own error comes out; what goes wrong while telling of it is reported."""
    first, after = RuntimeError("first"), Recorder()
    failing = Failing("on_exception", policy, [late])
    with pytest.raises(RuntimeError, match="first"):
        play([failing, Failing("on_epoch_end", errors=[first]), after], [{}])
    assert [record.exc_info[1] for record in caplog.records] == [late]
    assert after.hooks[-2:] == ["on_exception", "close"]


@pytest.mark.parametrize("policy", ["warn", "disable"])
def test_an_error_in_abandons_epoch_always_ends_the_run(policy):
    """The question whether an epoch is lost cannot go unanswered."""

    class Unsure(Callback):
        on_error = policy

        def abandons_epoch(self):
            raise ValueError("who knows")

    with pytest.raises(ValueError, match="who knows") as caught:
        play([Unsure()], [{}])
    assert caught.value.__notes__ == ["raised by Unsure.abandons_epoch"]
