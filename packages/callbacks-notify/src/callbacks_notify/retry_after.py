# SPDX-License-Identifier: MIT
"""How long a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds_to_wait(header: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds in a ``Retry-After`` header; None when there is none that makes sense.

    Args:
        header: A number of seconds or a date (RFC 9110, section 10.2.3).
        now: The time of the answer, for a date.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _until(header, now or datetime.now(UTC))
    return max(0.0, seconds) if seconds == seconds else None


def _until(date: str, now: datetime) -> float:
    from email.utils import parsedate_to_datetime

    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return float("nan")
    return (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds()
