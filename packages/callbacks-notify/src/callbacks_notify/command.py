# SPDX-License-Identifier: MIT
"""Notifications by a program of your own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from .errors import DeliveryError
from .notificator import Notificator


class CommandNotificator(Notificator):
    """Run a program for each notification, such as ``["notify-send", "{subject}", "{message}"]``.

    The message also comes on the program's standard input. No shell is involved: what a message
    says stays one word.

    Args:
        command: The program with its arguments, in which ``{subject}`` and ``{message}`` are
            replaced.
        timeout: How many seconds it may take before it is killed.

    Raises:
        TypeError: *command* is no sequence of str.
        ValueError: It is empty, there is no such program, or *timeout* is not positive.
    """

    def __init__(self, command: Sequence[str], *, timeout: float = 8.0) -> None:
        if isinstance(command, str) or not all(isinstance(word, str) for word in command):
            raise TypeError(f"`command` must be a sequence of words, not {command!r}")
        if not command:
            raise ValueError("`command` must name a program")
        if shutil.which(command[0]) is None:
            raise ValueError(f"`command` names {command[0]!r}, and there is no such program")
        if not timeout > 0:
            raise ValueError(f"`timeout` must be more than zero, not {timeout!r}")
        self._command = tuple(command)
        self.timeout = timeout

    def __repr__(self) -> str:
        """Show the program; its arguments may hold a token."""
        return f"{type(self).__name__}({self._command[0]!r}, ...)"

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Run the program.

        Raises:
            DeliveryError: It cannot be run, took too long, or ended with another code than 0.
        """
        import subprocess

        name = os.path.basename(self._command[0])
        try:
            done = subprocess.run(
                [
                    self._command[0],
                    *(_filled(word, subject, message) for word in self._command[1:]),
                ],
                input=message.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self.timeout,
            )
        except subprocess.TimeoutExpired:
            raise DeliveryError(f"{name} was killed after {self.timeout:g} s") from None
        except OSError as error:
            raise DeliveryError(f"{name} cannot be run: {type(error).__name__}") from None
        if done.returncode:
            raise DeliveryError(f"{name} ended with code {done.returncode}")


def _filled(word: str, subject: str | None, message: str) -> str:
    parts = word.split("{message}")  # first: a subject may say "{message}"
    return message.join(part.replace("{subject}", subject or "") for part in parts).replace(
        "\0", ""
    )
