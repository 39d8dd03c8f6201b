# SPDX-License-Identifier: MIT
"""Webhooks: formats, headers, and addresses that nobody sees."""

import base64
import copy
import json
import pickle

import pytest

from callbacks_core import Secret
from callbacks_notify import DeliveryError, WebhookNotificator, notificator_from_url


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://hooks.slack.com/services/T1/B2/abcdef", "slack"),
        ("https://discord.com/api/webhooks/1/abcdef", "discord"),
        ("https://canary.discordapp.com/api/webhooks/1/abcdef", "discord"),
        ("https://x.api.powerplatform.com/powerautomate/abcdef", "teams"),
        ("https://prod-1.westus.logic.azure.com/workflows/abcdef", "teams"),
        ("https://discord.com.example.org/abcdef", "json"),
    ],
)
def test_the_address_tells_the_service(url, service):
    """And nothing but the host is shown."""
    channel = WebhookNotificator(url)
    assert channel.service == service
    assert "abcdef" not in repr(channel)


def test_the_plain_format(server):
    """Subject and message by their names, in UTF-8."""
    WebhookNotificator(server.url).send_notification("größer\n", subject="→")
    assert server.taken == [{"subject": "→", "message": "größer\n"}]
    path, headers, _ = server.requests[0]
    assert path == server.path
    assert headers["Content-Type"] == "application/json"


def test_the_format_of_slack(server):
    """Nothing in it can call everybody, or become markup."""
    channel = WebhookNotificator(server.url, service="slack")
    channel.send_notification("<!channel> a & b", subject="Hi")
    assert server.taken == [{"text": "*Hi*\n&lt;!channel&gt; a &amp; b"}]


def test_the_format_of_discord(server):
    """At most 2000 letters, and no mention counts."""
    WebhookNotificator(server.url, service="discord").send_notification("x" * 3000, subject="Hi")
    (taken,) = server.taken
    assert taken["content"].startswith("**Hi**\nxxx")
    assert len(taken["content"]) <= 2000
    assert taken["allowed_mentions"] == {"parse": []}


def test_the_format_of_teams(server):
    """An adaptive card of two blocks, the first one bold."""
    WebhookNotificator(server.url, service="teams").send_notification("text", subject="Hi")
    (attachment,) = server.taken[0]["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [block["text"] for block in attachment["content"]["body"]] == ["Hi", "text"]


def test_a_format_of_ones_own_and_headers(server):
    """For the services that are not among these."""
    channel = WebhookNotificator(
        server.url.replace("://", "://ada:hunter2%40@"),
        payload=lambda subject, message: [subject, message],
        headers={"X-Token": Secret("hunter2-token")},
    )
    channel.send_notification("text", subject="Hi")
    assert server.taken == [["Hi", "text"]]
    _, headers, _ = server.requests[0]
    assert headers["X-Token"] == "hunter2-token"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"ada:hunter2@").decode()
    assert "hunter2" not in repr(channel)


@pytest.mark.parametrize(
    ("answer", "told", "permanent"),
    [
        (404, "127.0.0.1 answered 404", True),
        (302, "127.0.0.1 answered 302", True),
        (429, "127.0.0.1 answered 429", False),
        (503, "127.0.0.1 answered 503", False),
        ("malformed", "127.0.0.1 did not answer: BadStatusLine", False),
        ("drops", "127.0.0.1 did not answer: RemoteDisconnected", False),
        ("silent", "127.0.0.1 did not answer: TimeoutError", False),
    ],
)
def test_a_refusal_names_the_host_alone(answer, told, permanent, server):
    """Neither the error nor what it came from has the path."""
    server.answers = [answer]
    with pytest.raises(DeliveryError) as caught:
        WebhookNotificator(server.url, timeout=0.1).send_notification("text")
    assert (str(caught.value), caught.value.permanent) == (told, permanent)
    assert caught.value.__context__ is None


def test_what_cannot_be_reached(nowhere):
    """The error tells why."""
    with pytest.raises(DeliveryError, match="cannot be reached: ConnectionRefusedError"):
        WebhookNotificator(nowhere).send_notification("text")


def test_a_channel_is_copied_and_its_secret_is_not_pickled(monkeypatch, server):
    """A pickle has the name of the environment variable, or there is none."""
    monkeypatch.setenv("HOOK", server.url)
    channel = WebhookNotificator(Secret.from_environment("HOOK"))
    pickled = pickle.dumps(channel)
    assert server.path.encode() not in pickled
    for twin in (copy.deepcopy(channel), pickle.loads(pickled)):
        twin.send_notification("text")
    assert len(server.taken) == 2
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(WebhookNotificator(server.url))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "hooks.slack.com/services/hunter2",
            "`url` must begin with https:// or http://, and it has no scheme",
        ),
        ("ftp://x/hunter2", "`url` must begin with https:// or http://, not 'ftp'"),
        ("https:///hunter2", "`url` has no host after https://"),
        ("https://x/hunter2\r\nX: y", "`url` must be one line of ASCII letters without blanks"),
        (
            "https://x:hunter2/y",
            "`url` is no address: its host or port cannot be read",
        ),
    ],
)
def test_a_bad_address_is_refused_and_not_shown(url, message):
    """The message says what is wrong with it, without it."""
    with pytest.raises(ValueError, match="url") as caught:
        WebhookNotificator(url)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"service": "slak"}, ValueError, "did you mean 'slack'"),
        ({"payload": "x"}, TypeError, "`payload` must be a function, not 'x'"),
        ({"timeout": 0}, ValueError, "`timeout` must be more than zero, not 0"),
        ({"headers": {"X": "a\nb"}}, ValueError, "the header 'X' must be one line"),
    ],
)
def test_bad_options_are_refused_at_once(options, error, message):
    """The message says what was expected."""
    with pytest.raises(error, match=message):
        WebhookNotificator("https://example.org/hook", **options)


def test_an_address_is_enough(server):
    """Webhooks, mail and the console are known by their schemes."""
    notificator_from_url(server.url).send_notification("text")
    assert len(server.taken) == 1
    mail = notificator_from_url(
        "smtps://ada:hunter2@mail.example.org?from=a@example.org&to=b@example.org&to=c@example.org"
    )
    assert (mail.port, mail.security, mail.username) == (465, "tls", "ada")
    assert mail.recipients == ("b@example.org", "c@example.org")
    assert repr(notificator_from_url("console:")).startswith("<callbacks_notify")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hunter2", "the address has no scheme: it must begin with https:// or the like"),
        ("smtp://hunter2@x", "the address must end in ?from=…&to=…"),
        ("smtp://x:hunter2", "the host or the port of the address cannot be read"),
    ],
)
def test_an_address_that_is_none(url, message):
    """It is not shown."""
    with pytest.raises(ValueError, match="address") as caught:
        notificator_from_url(url)
    assert str(caught.value) == message


def test_json_is_what_arrives(server):
    """NaN in a text is text."""
    WebhookNotificator(server.url).send_notification("loss: nan")
    assert json.loads(server.requests[0][2]) == {"subject": "", "message": "loss: nan"}
