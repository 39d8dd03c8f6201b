# SPDX-License-Identifier: MIT
import io
from types import SimpleNamespace

import pytest

from callbacks_notify import ConsoleNotificator, console


class Output(io.StringIO):
    """A terminal, or a pipe, of some encoding."""

    encoding = "utf-8"
    terminal = False

    def isatty(self):
        return self.terminal


@pytest.fixture
def output(monkeypatch):
    stream = Output()
    monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=stream))
    return stream


def test_subject_and_message_are_printed(output):
    """Each stands on rows of its own; what is empty takes none."""
    notificator = ConsoleNotificator()
    notificator.send_notification("loss: 0.5\n", subject="Epoch 1 is done.")
    notificator.send_notification("", subject="End of the training.")
    notificator.send_notification("by the way")
    assert output.getvalue() == ("Epoch 1 is done.\nloss: 0.5\nEnd of the training.\nby the way\n")


def test_a_terminal_gets_a_clear_row_first(output):
    """A progress display that is being drawn does not stay behind the words."""
    output.terminal = True
    ConsoleNotificator().send_notification("", subject="Hello.")
    assert output.getvalue() == "\r\x1b[KHello.\n"


def test_what_the_encoding_lacks_is_replaced(output):
    """An ASCII terminal gets a question mark, not an error."""
    output.encoding = "ascii"
    ConsoleNotificator().send_notification("größer", subject="→")
    assert output.getvalue() == "?\ngr??er\n"


def test_a_closed_output_is_left_alone(output):
    """Nobody is there to be told."""
    output.close()
    ConsoleNotificator().send_notification("message", subject="subject")
    assert output.closed


def test_no_output_at_all_is_fine(monkeypatch):
    """As in a program without a console."""
    monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=None))
    assert ConsoleNotificator().send_notification("message") is None
