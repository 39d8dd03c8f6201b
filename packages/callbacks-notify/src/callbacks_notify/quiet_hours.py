# SPDX-License-Identifier: MIT
"""The hours in which only errors are told."""

from __future__ import annotations

from datetime import datetime, time, timedelta


class QuietHours:
    """From a time of the day to another one, over midnight if need be; local time.

    Args:
        hours: Both times, such as ``("22:00", "07:30")``.

    Raises:
        TypeError: *hours* is not a pair of str.
        ValueError: One of them is no time of the day, or both are the same.
    """

    def __init__(self, hours: object) -> None:
        if (
            not isinstance(hours, tuple | list)
            or len(hours) != 2
            or not all(isinstance(hour, str) for hour in hours)
        ):
            raise TypeError(
                f'`quiet_hours` must be two times such as ("22:00", "07:30"), not {hours!r}'
            )
        self.begin, self.end = (_time(hour) for hour in hours)
        if self.begin == self.end:
            raise ValueError(f"`quiet_hours` begin and end at the same time, {hours[0]!r}")

    def left(self, now: datetime) -> float:
        """Return how many seconds of quiet are left at *now*; 0 outside of it."""
        today = now.time()
        if self.begin < self.end:
            quiet = self.begin <= today < self.end
        else:
            quiet = today >= self.begin or today < self.end
        if not quiet:
            return 0.0
        end = datetime.combine(now.date(), self.end)
        if end <= now:
            end += timedelta(days=1)
        return (end - now).total_seconds()


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f'`quiet_hours` must be times such as "22:00", and {text!r} is none'
        ) from None
