# SPDX-License-Identifier: MIT
"""``callboard notify test``: one message, against a real server on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from callboard.__main__ import main

PATH = "/services/T1/hunter2-hunter2"


class Hook(HTTPServer):
    """Keeps what it is sent, and answers `status`."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[object] = []
        self.url = f"http://127.0.0.1:{self.server_port}{PATH}"


class Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """A webhook that is there for one test."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Hook() as hook:
        thread = threading.Thread(target=hook.serve_forever, args=(0.01,))
        thread.start()
        yield hook
        hook.shutdown()
        thread.join()


def test_a_message_is_sent(hook: Hook, capsys: pytest.CaptureFixture[str]) -> None:
    """It arrives, and the answer names the host and not the path."""
    assert main(["notify", "test", hook.url, "--message", "hi"]) == 0
    assert hook.taken == [{"subject": "A test of callboard.", "message": "hi"}]
    assert capsys.readouterr().out == "sent by WebhookNotificator('127.0.0.1', service='json')\n"


def test_the_address_may_come_from_the_environment(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the shell's history does not have it."""
    monkeypatch.setenv("HOOK", hook.url)
    assert main(["notify", "test", "--env", "HOOK"]) == 0
    assert len(hook.taken) == 1


def test_a_refusal_is_told(hook: Hook, capsys: pytest.CaptureFixture[str]) -> None:
    """With the server's answer, without the path, and with an exit code."""
    hook.status = 404
    assert main(["notify", "test", hook.url]) == 1
    assert capsys.readouterr().err == "callboard notify: 127.0.0.1 answered 404\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hunter2-hunter2"], "the address has no scheme"),
        (["http:///hunter2-hunter2"], "`url` has no host after http://"),
        (["--env", "NOT_SET_ANYWHERE"], "'NOT_SET_ANYWHERE' is not set"),
    ],
)
def test_a_bad_address_is_told(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without showing it."""
    assert main(["notify", "test", *arguments]) == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert "hunter2" not in shown


def test_the_console_is_a_channel(capsys: pytest.CaptureFixture[str]) -> None:
    """The message is printed."""
    assert main(["notify", "test", "console:"]) == 0
    assert capsys.readouterr().out.startswith("A test of callboard.\nNotifications arrive here.\n")
