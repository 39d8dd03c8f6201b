# SPDX-License-Identifier: MIT
import copy
import pickle
import threading
from unittest.mock import Mock

import pytest

from callbacks_core import EarlyStopping, LambdaCallback, secrets
from callbacks_core.testing import play
from callbacks_notify import NotificationCallback, Notificator


class Inbox(Notificator):
    """A channel that keeps what is sent."""

    def __init__(self):
        self.messages = []

    def send_notification(self, message, *, subject=None):
        self.messages.append((subject, message))

    @property
    def subjects(self):
        return [subject for subject, _ in self.messages]


def test_a_training_is_told_from_its_beginning_to_its_end():
    """Subjects and bodies are the reference's."""
    inbox = Inbox()
    play(NotificationCallback(inbox), [{"loss": 0.5, "val_loss": 0.25}])
    assert inbox.messages == [
        ("Start of the training.", ""),
        (
            "Epoch 1 is done.",
            "Here the epoch metrics: \nepoch: 1\n time: 0.0\n loss: 0.5\n val_loss: 0.25\n",
        ),
        ("End of the training.", ""),
    ]


def test_a_test_is_told():
    """Subjects and bodies are the reference's."""
    inbox = Inbox()
    callback = NotificationCallback(inbox, experiment_name="digits")
    callback.on_test_begin({})
    callback.on_test_end({"time": 1.5, "test_loss": 0.5})
    callback.close()
    assert inbox.messages == [
        ("Start of the testing for digits.", ""),
        (
            "End of the testing for digits.",
            "Here the test metrics: \ntime: 1.5\n test_loss: 0.5\n",
        ),
    ]


def test_epochs_are_told_as_often_as_asked():
    """The number of the epoch counts, so that a resumed training keeps the rhythm."""
    inbox = Inbox()
    play(NotificationCallback(inbox, 3, "digits"), [{"loss": 0.5}] * 5, initial_epoch=2)
    assert inbox.subjects == [
        "Start of the training for digits.",
        "Epoch 3 is done for digits.",
        "Epoch 6 is done for digits.",
        "End of the training for digits.",
    ]


def test_an_early_end_is_told():
    """Whoever waits for the last epoch learns that it does not come."""
    inbox = Inbox()
    play([EarlyStopping(), NotificationCallback(inbox)], [{"val_loss": 1.0}] * 5)
    assert inbox.messages[-1] == (
        "End of the training.",
        "It was stopped after epoch 2: val_loss has not improved on 1 for 1 epoch.\n",
    )


def boom(epoch, logs):
    raise ValueError("no route to postgresql://ada:hunter2@host/db")


def test_a_crash_is_told_without_secrets(monkeypatch):
    """The message has the error and where it happened, and no password."""
    monkeypatch.setattr(secrets, "_known", set())  # what other tests have made known
    inbox = Inbox()
    callback = NotificationCallback(inbox, experiment_name="digits")
    with pytest.raises(ValueError, match="no route"):
        play([callback, LambdaCallback(on_epoch_end=boom)], [{"loss": 0.5}])
    subject, message = inbox.messages[-1]
    assert subject == "The training failed for digits."
    first, note, blank, *frames = message.splitlines()
    assert first == "ValueError: no route to postgresql://***@host/db"
    assert note == "raised by LambdaCallback.on_epoch_end"
    assert blank == ""
    assert "test_notification_callback.py" in message
    assert "in boom" in frames[-2] or "in boom" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_is_told(error):
    """Ctrl-C and a request to exit are no failures, and are told all the same."""

    def interrupt(batch, logs):
        raise error

    inbox = Inbox()
    with pytest.raises(type(error)):
        play(
            [NotificationCallback(inbox), LambdaCallback(on_train_batch_end=interrupt)],
            [{"loss": 0.5}],
        )
    assert inbox.subjects == ["Start of the training.", "The training was interrupted."]
    assert inbox.messages[-1][1].startswith(type(error).__name__)


def test_a_failing_channel_ends_nothing_and_gives_nothing_away(caplog):
    """The first failure is told by its kind alone, the number of lost messages at the end."""

    class Webhook:
        def send_notification(self, message, *, subject=None):
            raise ConnectionError("https://hooks.example.org/services/T1/hunter2")

    played = play(NotificationCallback(Webhook()), [{"loss": 0.5}] * 3)
    assert len(played.history) == 3
    assert [record.message for record in caplog.records] == [
        "Webhook could not send 'Start of the training.': ConnectionError; training goes on, and "
        "further failures are only counted",
        "5 of 5 notifications were not delivered by Webhook",
    ]
    assert "hunter2" not in caplog.text


def test_a_channel_that_hangs_does_not_hold_up_training(caplog):
    """Training ends while the first message is still being sent; what was lost is counted."""
    release = threading.Event()

    class Stuck:
        def send_notification(self, message, *, subject=None):
            release.wait(60)

    played = play(NotificationCallback(Stuck(), timeout=0.05), [{"loss": 0.5}] * 3)
    release.set()
    assert len(played.history) == 3
    assert "5 of 5 notifications were not delivered by Stuck" in caplog.text


def test_messages_are_sent_by_another_thread():
    """The training thread never talks to a channel."""
    threads = []

    class Curious(Inbox):
        def send_notification(self, message, *, subject=None):
            threads.append(threading.current_thread())

    play(NotificationCallback(Curious()), [{"loss": 0.5}])
    assert len(threads) == 3
    assert threading.main_thread() not in threads


def test_only_rank_zero_sends(monkeypatch):
    """A training on eight devices is told once."""
    monkeypatch.setenv("RANK", "1")
    inbox = Inbox()
    play(NotificationCallback(inbox), [{"loss": 0.5}])
    assert inbox.messages == []


def test_a_subject_is_one_line():
    """A name with line ends adds no header to an e-mail."""
    inbox = Inbox()
    play(NotificationCallback(inbox, experiment_name="a\r\nBcc: b@example.org"), [])
    assert inbox.subjects[0] == "Start of the training for a Bcc: b@example.org."


def test_a_callback_can_be_used_again_copied_and_pickled():
    """Neither a thread nor a count of the training before is in the way."""
    inbox = Inbox()
    callback = NotificationCallback(inbox)
    play(callback, [])
    play(callback, [])
    assert len(inbox.messages) == 4
    for other in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        play(other, [])
        assert len(other.notificator.messages) == 6


def test_anything_with_the_method_will_do():
    """Neither the base class nor a real signature is asked for."""
    channel = Mock()
    play(NotificationCallback(channel), [])
    channel.send_notification.assert_any_call("", subject="Start of the training.")


class Mute:
    pass


class Old:
    def send_notification(self, message):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("notificator", "message"),
    [
        (Inbox, "`notificator` is the class Inbox, not an instance of it: write Inbox(...)"),
        (
            Mute(),
            "`notificator` must have a method send_notification(message, *, subject=None), which "
            "Mute has not",
        ),
        (
            Old(),
            "Old.send_notification must take a message and a keyword `subject`; its signature is "
            "(message)",
        ),
    ],
)
def test_what_cannot_send_is_refused_at_once(notificator, message):
    """The message says what is missing."""
    with pytest.raises(TypeError) as caught:
        NotificationCallback(notificator)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alert_frequency": 0}, ValueError, "`alert_frequency` must be at least 1, not 0"),
        ({"alert_frequency": 1.5}, TypeError, "`alert_frequency` must be a whole number, not 1.5"),
        ({"experiment_name": 3}, TypeError, "`experiment_name` must be a str, not 3"),
        ({"timeout": "1"}, TypeError, "`timeout` must be a number of seconds, not '1'"),
        (
            {"timeout": float("inf")},
            ValueError,
            "`timeout` must be zero or more, and finite, not inf",
        ),
    ],
)
def test_bad_options_are_refused_at_once(options, error, message):
    """The message says what was expected."""
    with pytest.raises(error) as caught:
        NotificationCallback(Inbox(), **options)
    assert str(caught.value) == message


def test_a_notificator_must_send():
    """The base class cannot be used without its method."""
    with pytest.raises(TypeError, match="abstract"):
        Notificator()
