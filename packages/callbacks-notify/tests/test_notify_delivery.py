# SPDX-License-Identifier: MIT
"""The queue, the pace, and senders that hang, lie or refuse."""

import threading
from datetime import UTC, datetime
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_notify import DeliveryError, Notificator, delivery
from callbacks_notify.delivery import Delivery
from callbacks_notify.errors import is_permanent
from callbacks_notify.messages import shortened
from callbacks_notify.news import News, folded
from callbacks_notify.outbox import Outbox
from callbacks_notify.pacing import RateLimit, backoff
from callbacks_notify.retry_after import seconds_to_wait

SOON = 10.0


class Gate(Notificator):
    """Keeps subjects once it is open; hangs in the first *hangs* calls until then."""

    def __init__(self, hangs=0):
        self.sent = []
        self.calls = 0
        self.hangs = hangs
        self.open = threading.Event()

    def send_notification(self, message, *, subject=None):
        self.calls += 1
        if self.calls <= self.hangs:
            self.open.wait(SOON)
        self.sent.append(subject)


def posted(sender, *subjects, **options):
    sending = Delivery(sender, **options)
    for subject in subjects:
        sending.post(News(subject))
    return sending


def wait_for(condition):
    deadline = monotonic() + SOON
    while not condition() and monotonic() < deadline:
        threading.Event().wait(0.005)
    assert condition()


def test_a_post_takes_less_than_a_millisecond():
    """Even with a sender that never returns, and a full queue."""
    sending = Delivery(Gate(hangs=9), attempt_timeout=SOON)
    sending.post(News("first, which starts a thread"))
    took = []
    for number in range(2 * delivery.CAPACITY):
        begin = monotonic()
        sending.post(News(f"message {number}"))
        took.append(monotonic() - begin)
    took.sort()
    assert took[int(0.95 * len(took))] < 0.001  # the rest is the machine's
    assert len(sending.outbox) == delivery.CAPACITY
    assert sending.outbox.given_up >= delivery.CAPACITY - 1
    sending.finish(0)


def test_a_sender_that_hangs_is_left_behind(impatient):
    """The next attempt has a thread of its own, and what hung does not come again."""
    gate = Gate(hangs=1)
    sending = posted(gate, "a", attempt_timeout=0.05)
    wait_for(lambda: gate.sent == ["a"])
    sending.post(News("b"))
    sending.finish(SOON)
    assert gate.sent == ["a", "b"]
    gate.open.set()


def test_what_hung_and_was_sent_after_all_is_not_sent_again(monkeypatch):
    """A late success counts."""
    monkeypatch.setattr(delivery, "backoff", lambda failures: 60.0)
    gate = Gate(hangs=1)
    sending = posted(gate, "a", attempt_timeout=0.02)
    wait_for(lambda: sending._failures == 1)
    gate.open.set()
    wait_for(lambda: sending.outbox.sent == 1)
    sending.finish(SOON)
    assert gate.sent == ["a"]


def test_no_more_than_three_threads_hang(impatient):
    """Weeks with a sender that never returns cost three threads, not thousands."""
    gate = Gate(hangs=99)
    sending = posted(gate, "a", attempt_timeout=0.01)
    wait_for(lambda: gate.calls == 3)
    threading.Event().wait(0.2)
    assert gate.calls == 3
    begin = monotonic()
    sending.finish(SOON)
    assert monotonic() - begin < SOON / 2
    assert sending.outbox.given_up == 1
    gate.open.set()


def test_what_is_wrong_with_the_sender_is_not_tried_again(caplog):
    """A mistake in the program would be the same the next time."""

    class Broken(Notificator):
        calls = 0

        def send_notification(self, message, *, subject=None):
            self.calls += 1
            raise TypeError("hunter2")

    broken = Broken()
    posted(broken, "a").finish(SOON)
    assert broken.calls == 1
    assert "Broken could not send 'a': TypeError" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_message_is_not_tried_for_ever(monkeypatch):
    """After a dozen attempts it is given up, while the run goes on."""
    monkeypatch.setattr(delivery, "backoff", lambda failures: 0.0)

    class Down(Notificator):
        calls = 0

        def send_notification(self, message, *, subject=None):
            self.calls += 1
            raise DeliveryError("no")

    down = Down()
    sending = posted(down, "a")
    wait_for(lambda: sending.outbox.given_up == 1)
    assert down.calls == delivery.TRIES
    sending.finish(0)


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (DeliveryError("no"), False),
        (DeliveryError("no", permanent=True), True),
        (ConnectionError(), False),
        (UnicodeEncodeError("ascii", "ä", 0, 1, "no"), True),
        (RuntimeError(), False),
    ],
)
def test_what_is_worth_another_try(error, permanent):
    """Errors of the connection are, mistakes are not."""
    assert is_permanent(error) is permanent


def test_duplicates_are_folded():
    """The same again adds to the one that waits, or to the one that has just left."""
    outbox = Outbox(10)
    for subject in ("a", "b", "a", "a"):
        outbox.put(News(subject), 0.0)
    assert [news.title for news in outbox.take(1.0, everything=True)] == ["a (3 times)", "b"]
    outbox.put(News("b"), 2.0)
    assert len(outbox) == 0
    outbox.put(News("b"), 100.0)
    assert len(outbox) == 1
    assert (outbox.posted, outbox.repeated) == (6, 3)


@given(st.lists(st.sampled_from(["put", "again", "send", "lose", "back"]), max_size=60))
def test_every_message_is_accounted_for(steps):
    """Waiting, delivered, folded or given up: the sum is what was posted."""
    outbox = Outbox(5)
    for number, step in enumerate(steps):
        if step in ("put", "again"):
            outbox.put(News("same" if step == "again" else f"{number}"), float(number))
            continue
        batch = outbox.take(float(number), everything=number % 2 == 0)
        {"send": outbox.delivered, "lose": outbox.give_up, "back": outbox.put_back}[step](batch)
    assert outbox.posted == len(outbox) + outbox.sent + outbox.repeated + outbox.given_up
    assert len(outbox) <= 5


def test_a_digest_is_led_by_what_matters_most():
    """All subjects are there, and the texts of the last ones."""
    batch = [News(f"epoch {number}", f"loss of {number}", "progress") for number in range(20)]
    batch.insert(1, News("it failed", "the reason", "error"))
    subject, message = folded(batch)
    assert subject == "it failed (and 20 more)"
    assert all(f"epoch {number}\n" in message for number in range(20))
    assert "the reason" in message
    assert "loss of 19" in message
    assert "loss of 3" not in message


def test_the_rate_is_a_burst_and_then_a_pace():
    """So many at once, then one after another; a rest fills the bucket again."""
    limit = RateLimit(3)
    for _ in range(3):
        assert limit.wait(100.0) == 0
        limit.take(100.0)
    assert limit.wait(100.0) == pytest.approx(20.0)
    assert limit.wait(120.0) == pytest.approx(0.0)
    assert limit.wait(900.0) == 0


@given(st.integers(1, 10**6))
def test_the_back_off_grows_up_to_five_minutes(failures):
    """Half of it is left to chance."""
    longest = min(300.0, 0.5 * 2.0 ** min(failures - 1, 40))
    assert longest / 2 <= backoff(failures) <= longest


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("nan", None),
        ("soon", None),
        ("Sun, 01 Feb 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Feb 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    """What makes no sense is no wish."""
    assert seconds_to_wait(header, datetime(2026, 2, 1, 12, tzinfo=UTC)) == seconds


@given(st.text(min_size=0, max_size=300), st.integers(10, 100))
def test_a_long_text_loses_its_middle(text, longest):
    """It is no longer than it may be, and begins and ends as it did."""
    short = shortened(text, longest)
    assert len(short) <= longest
    assert short == text or (short[:2] == text[:2] and short[-2:] == text[-2:])
