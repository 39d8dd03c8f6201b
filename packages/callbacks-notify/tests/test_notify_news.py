# SPDX-License-Identifier: MIT
"""What is told, when, and in which words."""

import math
import time
from datetime import datetime

import pytest

from callbacks_core import CallbackList, EarlyStopping, LambdaCallback, TerminateOnNaN
from callbacks_core.testing import play
from callbacks_notify import NotificationCallback, Notificator
from callbacks_notify.quiet_hours import QuietHours
from callbacks_notify.template import Template


class Inbox(Notificator):
    """A channel that keeps what is sent."""

    def __init__(self):
        self.messages = []

    def send_notification(self, message, *, subject=None):
        self.messages.append((subject, message))

    @property
    def subjects(self):
        return [subject for subject, _ in self.messages]

    def body(self, subject):
        return dict(self.messages)[subject]


@pytest.fixture
def inbox():
    return Inbox()


def losses(*values):
    return [{"val_loss": value} for value in values]


def test_each_new_best_is_told(inbox):
    """The value, and the one before."""
    play(NotificationCallback(inbox, 9, monitor="val_loss"), losses(0.5, 0.7, 0.25))
    assert inbox.subjects == [
        "Start of the training.",
        "New best in epoch 1.",
        "New best in epoch 3.",
        "End of the training.",
    ]
    assert inbox.body("New best in epoch 1.") == "val_loss: 0.5\n"
    assert inbox.body("New best in epoch 3.") == "val_loss: 0.25 (before: 0.5)\n"


def test_a_monitor_that_is_not_there_ends_nothing(inbox, caplog):
    """It is said once, with the near miss."""
    played = play(NotificationCallback(inbox, 9, monitor="val_los"), losses(0.5, 0.25))
    assert len(played.history) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "there is no 'val_los' in the logs, so no new best is told; did you mean 'val_loss'?"
    ]


def test_the_first_nan_is_told_and_no_other(inbox):
    """Once per run, with the values that it hit."""
    play(NotificationCallback(inbox, 9), losses(0.5, math.nan, math.inf))
    assert inbox.subjects == ["Start of the training.", "NaN in epoch 2.", "End of the training."]
    assert inbox.body("NaN in epoch 2.") == "val_loss: nan\n"


def test_an_epoch_that_was_abandoned_is_told(inbox):
    """A loss that is no number ends the epoch before its end; the reason is there."""
    batches = [{"loss": 0.5}, {"loss": math.nan}]
    play([TerminateOnNaN(), NotificationCallback(inbox)], losses(0.5), batches=batches)
    text = (
        "It was stopped in epoch 1, which was abandoned: the loss was no finite number by batch 2"
        ".\n"
    )
    assert inbox.messages[1:] == [("NaN in epoch 1.", text), ("End of the training.", text)]


def test_a_stop_without_a_reason_is_told_too(inbox):
    """Who sets ``stop_training`` need not say why."""

    class Stop(LambdaCallback):
        def on_epoch_end(self, epoch_number, logs):
            self.model.stop_training = True

    play([Stop(), NotificationCallback(inbox)], losses(0.5, 0.5))
    assert inbox.messages[-1] == ("End of the training.", "It was stopped after epoch 1.\n")


def test_the_summary_has_time_best_epoch_and_last_values(inbox):
    """The best epoch is the one with the least ``val_loss`` unless told otherwise."""
    play(NotificationCallback(inbox, 9, summary=True), losses(0.5, 0.25, 0.75))
    assert inbox.body("End of the training.") == (
        "It took 0:00:00 to epoch 3.\nThe best was epoch 2 with val_loss 0.25.\n"
        "Here the last metrics: \nepoch: 3\n time: 0.0\n loss: 0.0\n val_loss: 0.75\n"
    )


def test_the_summary_follows_the_monitor(inbox):
    """Larger may be better."""
    callback = NotificationCallback(inbox, 9, summary=True, monitor="accuracy", mode="max")
    play(callback, [{"accuracy": 0.5}, {"accuracy": 0.75}])
    assert "The best was epoch 2 with accuracy 0.75.\n" in inbox.body("End of the training.")


def test_a_stall_and_its_end_are_told(inbox):
    """Each once: no batch has ended for a while, and then one has."""

    def wait(batch, logs):
        if batch == 2:
            time.sleep(0.3)

    waiting = LambdaCallback(on_train_batch_begin=wait)
    callback = NotificationCallback(inbox, 9, stalled_after=0.1)
    play([callback, waiting], losses(0.5), batches=60)
    after = LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.005))
    play([callback, waiting, after], losses(0.5), batches=60)
    assert inbox.subjects.count("The training is stalled.") >= 2
    assert inbox.body("The training is stalled.").startswith("No batch has ended for ")
    assert "The training goes on." in inbox.subjects


def test_batches_are_only_listened_to_for_a_stall():
    """Without a watchdog a batch costs nothing."""
    hooks = ("on_train_batch_end", "on_valid_batch_end", "on_test_batch_end")
    for stalled_after in (None, 60.0):
        callbacks = CallbackList(NotificationCallback(Inbox(), stalled_after=stalled_after))
        heard = [callbacks.listens_to(hook) for hook in hooks]
        assert heard == [stalled_after is not None] * 3


def test_what_matters_less_can_be_left_out(inbox):
    """Only warnings and errors, and an early stop is neither."""
    callback = NotificationCallback(inbox, minimum_severity="warning")
    play([EarlyStopping(), callback], losses(0.5, math.nan, 0.5))
    assert inbox.subjects == ["NaN in epoch 2."]


def test_in_quiet_hours_only_errors_wake_anybody(inbox, monkeypatch):
    """The rest waits, and comes as one at the end of the run."""
    monkeypatch.setattr(QuietHours, "left", lambda self, now: 3600.0)
    callback = NotificationCallback(inbox, quiet_hours=("22:00", "07:30"))
    seen = []

    def look(epoch, logs):
        deadline = time.monotonic() + 5
        while epoch == 2 and not inbox.messages and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(list(inbox.subjects))

    play([callback, LambdaCallback(on_epoch_end=look)], losses(0.5, math.nan, 0.5))
    assert seen == [[], ["NaN in epoch 2."], ["NaN in epoch 2."]]
    assert inbox.subjects == ["NaN in epoch 2.", "End of the training. (and 4 more)"]


@pytest.mark.parametrize(
    ("hours", "now", "left"),
    [
        (("22:00", "07:30"), "23:30", 8 * 3600),
        (("22:00", "07:30"), "07:29", 60),
        (("22:00", "07:30"), "07:30", 0),
        (("22:00", "07:30"), "12:00", 0),
        (("01:00", "02:00"), "01:30", 1800),
        (("01:00", "02:00"), "02:30", 0),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours, now, left):
    """The end belongs to the day."""
    assert QuietHours(hours).left(datetime.fromisoformat(f"2026-02-28T{now}")) == left


def test_words_of_ones_own(inbox):
    """A format string or a function of the logs makes an epoch's message."""
    callback = NotificationCallback(
        inbox, subject="{epoch}: {val_loss:.2f}", message=lambda logs: f"{logs['loss']:g}!"
    )
    play(callback, losses(0.123))
    assert inbox.messages[1] == ("1: 0.12", "0!")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "{val_acurracy}",
            "`message` asks for 'val_acurracy', which the logs do not have; "
            "did you mean 'val_accuracy'?; the usual words are sent",
        ),
        (lambda logs: 3, "`message` returned 3, which is no str; the usual words are sent"),
    ],
)
def test_words_that_fail_later_end_nothing(inbox, words, told, caplog):
    """A metric is not known before the first epoch; then the mistake is told once."""
    play(NotificationCallback(inbox, message=words), [{"val_accuracy": 0.5}] * 2)
    assert [record.getMessage() for record in caplog.records] == [told]
    assert "val_accuracy: 0.5" in inbox.messages[1][1]


def test_a_metric_may_be_called_almost_like_a_loss():
    """One letter more is no slip, and names may have slashes."""
    template = Template("message", "{closs} {loss_2} {a/b:.1f} {{}}")
    assert template.render({"closs": 1, "loss_2": 2, "a/b": 3.0}) == "1 2 3.0 {}"


def test_what_was_told_is_not_told_again_after_a_resumption(inbox):
    """The resumed run tells that it goes on, and what is new."""
    first = NotificationCallback(inbox, monitor="val_loss")
    play(first, losses(0.5, math.nan))
    state = CallbackList(first).state_dict()
    inbox.messages.clear()
    second = NotificationCallback(inbox, monitor="val_loss")
    CallbackList(second).load_state_dict(state)
    play(second, losses(0.5, 0.6, math.nan, 0.4), initial_epoch=2)
    assert inbox.subjects == [
        "The training is resumed.",
        "Epoch 3 is done.",
        "Epoch 4 is done.",
        "Epoch 5 is done.",
        "New best in epoch 5.",
        "End of the training.",
    ]
    assert inbox.messages[0][1] == "It goes on with epoch 2.\n"


def test_a_finished_run_that_is_started_again_tells_nothing(inbox):
    """There was nothing left to do."""
    first = NotificationCallback(inbox)
    play(first, losses(0.5))
    inbox.messages.clear()
    second = NotificationCallback(inbox)
    second.load_state_dict(first.state_dict())
    play(second, [])
    assert inbox.messages == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"per_minute": 0}, ValueError, "`per_minute` must be at least 1, not 0"),
        (
            {"minimum_severity": "eror"},
            ValueError,
            "`minimum_severity` must be one of 'progress', 'info', 'warning', 'error', not "
            "'eror'; did you mean 'error'?",
        ),
        (
            {"stalled_after": 0},
            ValueError,
            "`stalled_after` must be more than zero, and finite, not 0",
        ),
        (
            {"message": "{eopch}"},
            ValueError,
            "`message` asks for 'eopch', which the logs do not have; did you mean 'epoch'?",
        ),
        (
            {"subject": "{val_los:.3f}"},
            ValueError,
            "`subject` asks for 'val_los', which the logs do not have; did you mean 'val_loss'?",
        ),
        (
            {"message": "{}"},
            ValueError,
            "`message` must ask for names of the logs, such as {loss}, not for {}",
        ),
        (
            {"message": "{loss.real}"},
            ValueError,
            "`message` must ask for names of the logs, such as {loss}, not for {loss.real}",
        ),
        (
            {"message": "{loss"},
            ValueError,
            "`message` is no format string: expected '}' before end of string",
        ),
        ({"message": 3}, TypeError, "`message` must be a format string or a function, not 3"),
        (
            {"quiet_hours": ("22:00", "25:00")},
            ValueError,
            "`quiet_hours` must be times such as \"22:00\", and '25:00' is none",
        ),
        (
            {"quiet_hours": "22:00"},
            TypeError,
            '`quiet_hours` must be two times such as ("22:00", "07:30"), not \'22:00\'',
        ),
        (
            {"quiet_hours": ("22:00", "22:00")},
            ValueError,
            "`quiet_hours` begin and end at the same time, '22:00'",
        ),
    ],
)
def test_bad_options_are_refused_at_once(options, error, message):
    """The message says what was expected, and the near miss."""
    with pytest.raises(error) as caught:
        NotificationCallback(Inbox(), **options)
    assert str(caught.value) == message
