# SPDX-License-Identifier: MIT
"""Senders of other packages, as they are."""

import logging
from time import monotonic

import pytest

from callbacks_core.testing import play
from callbacks_notify import AppriseNotificator, DeliveryError, NotificationCallback

SECRET = "hunter2"

pytestmark = pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")  # apprise's


@pytest.mark.parametrize(
    ("name", "key", "start"),
    [
        ("SlackNotificator", "text", "*Start of the training.*\n"),
        ("DiscordNotificator", "content", "**Start of the training.** \n"),
    ],
)
def test_a_webhook_of_notif_delivers(name, key, start, server, caplog):
    """Its format is its own; not even the log of its HTTP library has the address."""
    notif = pytest.importorskip("notif.notificator")
    caplog.set_level(logging.DEBUG)
    play(NotificationCallback(getattr(notif, name)(server.url)), [{"loss": 0.5}])
    assert len(server.taken) == 3
    assert server.taken[0][key].split() == start.split()
    assert SECRET not in caplog.text


@pytest.mark.parametrize("name", ["SlackNotificator", "DiscordNotificator"])
@pytest.mark.parametrize("answer", ["silent", "drops", "malformed"])
def test_a_webhook_of_notif_holds_up_nothing(name, answer, server, impatient, caplog):
    """It has no time limit of its own; the messages are counted as lost."""
    notif = pytest.importorskip("notif.notificator")
    caplog.set_level(logging.DEBUG)
    server.answers = [answer]
    callback = NotificationCallback(getattr(notif, name)(server.url), attempt_timeout=0.3)
    begin = monotonic()
    played = play(callback, [{"loss": 0.5}] * 2)
    assert monotonic() - begin < 60.0  # and not for ever
    assert len(played.history) == 2
    assert f"4 of 4 notifications were not delivered by {name}" in caplog.text
    assert SECRET not in caplog.text


def test_apprise_delivers(server):
    """By an address of its own kind."""
    pytest.importorskip("apprise")
    url = server.url.replace("http://", "json://")
    channel = AppriseNotificator(url)
    play(NotificationCallback(channel), [{"loss": 0.5}])
    assert [taken["title"] for taken in server.taken] == [
        "Start of the training.",
        "Epoch 1 is done.",
        "End of the training.",
    ]
    assert repr(channel) == "AppriseNotificator(json://***)"


def test_apprise_tells_when_it_fails(server, caplog):
    """Neither the error nor Apprise's log has the address."""
    pytest.importorskip("apprise")
    caplog.set_level(logging.DEBUG)
    server.answers = [500]
    channel = AppriseNotificator(server.url.replace("http://", "json://"))
    with pytest.raises(DeliveryError) as caught:
        channel.send_notification("text")
    assert str(caught.value) == "json did not take it"
    assert SECRET not in caplog.text


def test_what_apprise_does_not_understand_is_refused(caplog):
    """The address is not shown."""
    pytest.importorskip("apprise")
    with pytest.raises(ValueError, match="address number 1"):
        AppriseNotificator("nosuchthing://hunter2-hunter2")
    with pytest.raises(ValueError, match="needs an address"):
        AppriseNotificator()
    assert SECRET not in caplog.text


def test_without_apprise_the_extra_is_named(monkeypatch):
    """With the command that adds it."""
    monkeypatch.setattr("callbacks_notify.apprise.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "callbacks-notify\[apprise\]"'):
        AppriseNotificator("json://example.org")
