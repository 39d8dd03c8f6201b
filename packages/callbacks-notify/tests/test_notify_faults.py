# SPDX-License-Identifier: MIT
"""Training goes on whatever the server does, and every message is delivered or counted."""

import logging
import subprocess
import sys
from time import monotonic

import pytest

from callbacks_core import LambdaCallback
from callbacks_core.testing import play
from callbacks_notify import NotificationCallback, WebhookNotificator, delivery

POSTED = 5
EPOCHS = [{"loss": 0.5 / epoch} for epoch in (1, 2, 3)]
SECRET = "hunter2"


def notified(url, *others, timeout=3.0, attempt_timeout=0.5, **options):
    """Train with a webhook; return the counts, and the seconds of training and of all."""
    channel = WebhookNotificator(url, timeout=0.3)
    callback = NotificationCallback(
        channel, timeout=timeout, attempt_timeout=attempt_timeout, **options
    )
    moments = []
    last = LambdaCallback(on_train_end=lambda logs: moments.append(monotonic()))
    begin = monotonic()
    played = play([*others, callback, last], EPOCHS)
    assert len(played.history) == len(EPOCHS)
    return callback._delivery.outbox, moments[0] - begin, monotonic() - begin


def subjects(server):
    return [taken["subject"] for taken in server.taken]


FAULTS = {
    "200": [200],
    "429 with Retry-After": [(429, {"Retry-After": "0.1"}), 200],
    "404": [404],
    "500 at first": [500, 200],
    "500 for ever": [500],
    "a redirect": [(302, {"Location": "http://127.0.0.1/elsewhere"})],
    "malformed": ["malformed"],
    "drops the connection": ["drops"],
    "slow": [0.1],
    "never answers": ["silent"],
}
TAKEN = {"200", "429 with Retry-After", "500 at first", "slow"}


@pytest.mark.parametrize("fault", FAULTS)
def test_training_goes_on_and_nothing_is_lost_silently(fault, server, impatient, caplog):
    """Training does not wait, every message is delivered or counted, and no secret is told."""
    caplog.set_level(logging.DEBUG)
    server.answers = list(FAULTS[fault])
    outbox, training, total = notified(server.url)
    assert training < 10.0  # of 5 messages and their attempts, none of which may be waited for
    assert total < 30.0
    assert outbox.posted == POSTED
    assert outbox.sent + outbox.given_up + outbox.repeated == POSTED
    assert outbox.sent == (POSTED if fault in TAKEN else 0)
    lost = f"{POSTED} of {POSTED} notifications were not delivered by WebhookNotificator"
    assert (lost in caplog.text) == (fault not in TAKEN)
    assert SECRET not in caplog.text


def test_a_server_that_is_not_there_costs_an_instant(nowhere, impatient, caplog):
    """What cannot be delivered is given up soon, and told once."""
    outbox, training, total = notified(nowhere)
    assert training < 10.0  # of 5 messages and their attempts, none of which may be waited for
    assert total < 2.5
    assert (outbox.posted, outbox.given_up) == (POSTED, POSTED)
    assert [record.getMessage() for record in caplog.records] == [
        "WebhookNotificator could not send 'Start of the training.': 127.0.0.1 cannot be reached: "
        "ConnectionRefusedError; training goes on, and further failures are only counted",
        "5 of 5 notifications were not delivered by WebhookNotificator",
    ]


def test_messages_come_one_by_one_and_in_their_order(server):
    """A server that takes them gets each by itself."""
    notified(server.url)
    assert subjects(server) == [
        "Start of the training.",
        "Epoch 1 is done.",
        "Epoch 2 is done.",
        "Epoch 3 is done.",
        "End of the training.",
    ]


def test_what_waited_for_a_server_comes_as_one(server):
    """After an outage nobody is flooded: the rest is one message, with all that was said."""
    server.answers = [(503, {"Retry-After": "0.3"}), 200]
    outbox, _, _ = notified(server.url)
    assert outbox.sent == POSTED
    assert subjects(server) == ["End of the training. (and 4 more)"]
    text = server.taken[0]["message"]
    assert text.index("Start of the training.") < text.index("Epoch 2 is done.")
    assert "loss: 0.25" in text


def test_retry_after_is_honoured(server):
    """The second attempt does not come before the server wants it."""
    server.answers = [(429, {"Retry-After": "0.4"}), 200]
    begin = monotonic()
    notified(server.url)
    assert len(server.requests) == 2
    assert monotonic() - begin >= 0.4


def test_a_wait_beyond_the_end_is_not_begun(server, caplog):
    """Nobody waits at the end for a server that wants to be asked tomorrow."""
    server.answers = [(429, {"Retry-After": "86400"})]
    outbox, _, total = notified(server.url)
    assert outbox.given_up == POSTED
    assert total < 2.5
    assert len(server.requests) == 1


def test_what_comes_too_fast_comes_as_one(server):
    """Beyond the rate, messages are folded; none is left out."""
    outbox, _, _ = notified(server.url, per_minute=2)
    assert outbox.sent == POSTED
    assert len(server.taken) == 3
    assert subjects(server)[-1].endswith("(and 2 more)")


def test_an_error_of_the_training_itself_is_told_without_secrets(server):
    """An exception that quotes the channel's address arrives without it."""

    def fail(epoch, logs):
        raise RuntimeError(f"cannot post to {server.url}")

    with pytest.raises(RuntimeError):
        notified(server.url, LambdaCallback(on_epoch_begin=fail))
    assert subjects(server) == ["Start of the training.", "The training failed."]
    assert SECRET not in str(server.taken)
    assert "RuntimeError: cannot post to" in server.taken[-1]["message"]


def test_a_checkpoint_holds_no_secret(server):
    """The state of the callback has what was told, not where."""
    callback = NotificationCallback(WebhookNotificator(server.url), monitor="loss")
    play(callback, EPOCHS)
    assert SECRET not in repr(callback.state_dict()) + repr(callback) + repr(vars(callback))


def test_a_message_that_a_thread_cannot_be_had_for_is_counted(server, monkeypatch, caplog):
    """Whatever goes wrong inside, nothing is lost silently."""

    def refuse(*arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(delivery, "Attempt", refuse)
    notified(server.url, timeout=0.2)
    assert "5 of 5 notifications were not delivered" in caplog.text


SCRIPT = """
import threading
from callbacks_core.testing import play
from callbacks_notify import NotificationCallback

class Stuck:
    def send_notification(self, message, *, subject=None):
        threading.Event().wait()

play(NotificationCallback(Stuck(), timeout=0.1), [{"loss": 0.5}])
print("done")
"""


def test_the_process_ends_though_a_sender_never_returns():
    """The threads that hang are daemons."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=600, check=True
    )
    assert done.stdout == "done\n"
    assert "3 of 3 notifications were not delivered by Stuck" in done.stderr
