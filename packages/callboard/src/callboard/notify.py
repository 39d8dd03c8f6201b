# SPDX-License-Identifier: MIT
"""``callboard notify test URL``: send one message, to see whether a channel works."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command to the command line."""
    notify = commands.add_parser("notify", help="send a message through a channel, to try it")
    actions = notify.add_subparsers(title="actions", metavar="ACTION", required=True)
    test = actions.add_parser(
        "test",
        help="send one message",
        description="Send one message to a webhook, an e-mail server or a service of Apprise.",
        epilog="A shell remembers what is typed: --env keeps the address out of its history.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = test.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="https://…, smtp://user:password@host?from=…&to=…, console: or one of Apprise's",
    )
    where.add_argument("--env", metavar="NAME", help="the environment variable with the address")
    test.add_argument(
        "--message", default="Notifications arrive here.\n", metavar="TEXT", help="what to send"
    )
    test.set_defaults(run=_test)


def _test(options: Namespace) -> int:
    from callbacks_core import Secret, redacted
    from callbacks_notify import DeliveryError, notificator_from_url

    try:
        url = Secret.from_environment(options.env) if options.env else options.url
        channel = notificator_from_url(url)
        channel.send_notification(options.message, subject="A test of callboard.")
    except (DeliveryError, ImportError, TypeError, ValueError) as error:
        print(f"callboard notify: {redacted(str(error))}", file=sys.stderr)
        return 1
    print(f"sent by {channel!r}")
    return 0
