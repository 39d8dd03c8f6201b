# SPDX-License-Identifier: MIT
"""What the services want to be sent."""

from __future__ import annotations

from typing import Literal

from .address import WebAddress
from .messages import shortened

_TEAMS = (".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com")


def service_of(address: WebAddress) -> Literal["slack", "discord", "teams", "json"]:
    """Return the service that an address belongs to, by its host."""
    if address.host == "hooks.slack.com":
        return "slack"
    if address.host.removeprefix("ptb.").removeprefix("canary.") in (
        "discord.com",
        "discordapp.com",
    ):
        return "discord"
    return "teams" if address.host.endswith(_TEAMS) else "json"


def plain(subject: str, message: str) -> object:
    """Return subject and message by their names."""
    return {"subject": subject, "message": message}


def slack(subject: str, message: str) -> object:
    """Return the payload of a Slack webhook, https://docs.slack.dev/messaging.

    ``&``, ``<`` and ``>`` are escaped, so that no text can call everybody.
    """
    text = _titled(subject, message, "*", 4000)
    return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def discord(subject: str, message: str) -> object:
    """Return the payload of a Discord webhook, which takes 2000 letters and calls nobody."""
    return {
        "content": _titled(subject, message, "**", 2000),
        "allowed_mentions": {"parse": []},
    }


def teams(subject: str, message: str) -> object:
    """Return an adaptive card, as a webhook of Teams Workflows wants it; up to 28 kB."""
    blocks = [
        {"type": "TextBlock", "text": subject, "weight": "Bolder", "wrap": True},
        {"type": "TextBlock", "text": shortened(message, 5000), "wrap": True},
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [block for block in blocks if block["text"]],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }


def _titled(subject: str, message: str, bold: str, longest: int) -> str:
    title = f"{bold}{shortened(subject, 500)}{bold}\n" if subject else ""
    return title + shortened(message, longest - len(title))
