# SPDX-License-Identifier: MIT
"""Messages on their way, alone or folded into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Severity: TypeAlias = Literal["progress", "info", "warning", "error"]

SEVERITIES: Final[tuple[Severity, ...]] = ("progress", "info", "warning", "error")
"""From what one may miss to what one must not."""

_BODIES: Final = 10


@dataclass(eq=False)  # two that say the same are still two
class News:
    """One message.

    Attributes:
        subject: What it is about, on one line.
        message: The text; it may be empty.
        severity: How much it matters.
        repeated: How many times the same came again while it was waiting.
        tries: How many times it was tried to send it.
    """

    subject: str
    message: str = ""
    severity: Severity = "info"
    repeated: int = 0
    tries: int = 0

    @property
    def rank(self) -> int:
        """The place of the severity among all."""
        return SEVERITIES.index(self.severity)

    @property
    def title(self) -> str:
        """The subject, with the number of repetitions."""
        return f"{self.subject} ({self.repeated + 1} times)" if self.repeated else self.subject

    def same(self, other: News) -> bool:
        """Whether *other* says the same."""
        return (self.subject, self.message) == (other.subject, other.message)


def folded(batch: Sequence[News]) -> tuple[str, str]:
    """Return subject and text of one message that has all of *batch*.

    The latest of the most severe ones gives the subject. All subjects are in the text, in their
    order, and the texts of the last ten.

    Args:
        batch: At least one.
    """
    if len(batch) == 1:
        return batch[0].title, batch[0].message
    lead = max(reversed(batch), key=lambda news: news.rank)
    spared = len(batch) - _BODIES
    parts = [
        f"{news.title}\n{news.message if index >= spared or news is lead else ''}".rstrip()
        for index, news in enumerate(batch)
    ]
    return f"{lead.subject} (and {len(batch) - 1} more)", "\n".join(parts) + "\n"
