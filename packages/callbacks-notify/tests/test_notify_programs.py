# SPDX-License-Identifier: MIT
"""Programs and files as channels."""

import sys

import pytest

from callbacks_core import HopelessPathError
from callbacks_notify import CommandNotificator, DeliveryError, FileNotificator

WRITE = "import sys; open(sys.argv[1], 'w').write(repr((sys.argv[2:], sys.stdin.read())))"


def test_a_program_gets_subject_and_message(tmp_path):
    """As words of their own, and the message on standard input; no shell sees them."""
    target = tmp_path / "out"
    words = [sys.executable, "-c", WRITE, str(target), "{subject}", "{message}", "plain"]
    CommandNotificator(words).send_notification("two; words", subject="$HOME {message}")
    expected = (["$HOME {message}", "two; words", "plain"], "two; words")
    assert target.read_text() == repr(expected)


@pytest.mark.parametrize(
    ("code", "timeout", "message"),
    [
        ("raise SystemExit(3)", 300.0, "ended with code 3"),
        ("import time; time.sleep(999)", 0.3, "was killed after 0.3 s"),
    ],
)
def test_a_program_that_fails_is_told(code, timeout, message):
    """By its name; its arguments may hold a token."""
    channel = CommandNotificator([sys.executable, "-c", code, "hunter2"], timeout=timeout)
    with pytest.raises(DeliveryError, match=message) as caught:
        channel.send_notification("text")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(channel)


@pytest.mark.parametrize(
    ("command", "error", "message"),
    [
        ("echo hi", TypeError, "`command` must be a sequence of words, not 'echo hi'"),
        ([], ValueError, "`command` must name a program"),
        (
            ["no-such-program-here"],
            ValueError,
            "`command` names 'no-such-program-here', and there is no such program",
        ),
    ],
)
def test_what_is_no_program_is_refused(command, error, message):
    """At once."""
    with pytest.raises(error) as caught:
        CommandNotificator(command)
    assert str(caught.value) == message


def test_a_file_gets_a_diary(tmp_path):
    """Each entry with its time, after what is there already."""
    path = tmp_path / "folder" / "diary.txt"
    for _ in range(2):
        channel = FileNotificator(path)
        channel.send_notification("größer\n", subject="Hi.")
        channel.send_notification("", subject="Bye.")
    lines = path.read_text("utf-8").splitlines()
    assert [line[22:] if line[0] == "[" else line for line in lines] == [
        "Hi.",
        "größer",
        "Bye.",
    ] * 2


def test_a_path_that_can_never_work_is_refused_at_once(tmp_path):
    """A folder is no diary."""
    with pytest.raises(HopelessPathError, match="it is a folder"):
        FileNotificator(tmp_path)
