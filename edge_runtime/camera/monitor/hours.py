"""Opening hours: when a shop is dark by intention, nothing is judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

__all__ = ["DAYS", "OpeningHours", "parse_hours"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_OF_A_DAY = 24 * 60
_SPAN = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? +)?"
    r"(?P<from_hour>\d{1,2}):(?P<from_minute>\d\d)-(?P<to_hour>\d{1,2}):(?P<to_minute>\d\d)"
)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Spans of a week.

    Attributes:
        spans: (day, minute it opens, minute it closes); days from 0, Monday; a span past midnight closes after minute
            1440 and belongs to the day on which it began.
    """

    spans: tuple[tuple[int, int, int], ...]

    def are_open(self, wall_ms: int) -> bool:
        """Whether it is open at a time, in milliseconds since 1970, by the device's own time zone."""
        now = datetime.fromtimestamp(wall_ms / 1000).astimezone()
        minute = 60 * now.hour + now.minute
        yesterday = (now.weekday() - 1) % 7
        return any(
            (day == now.weekday() and opens <= minute < closes)
            or (day == yesterday and minute < closes - MINUTES_OF_A_DAY)
            for day, opens, closes in self.spans
        )


def parse_hours(texts: Sequence[str]) -> OpeningHours:
    """Reads spans such as "08:00-20:00" (every day), "Mon-Sat 08:00-20:00", "Fri 22:00-02:00".

    Raises:
        ValueError: one of them is none; its text is the error's.
    """
    spans = []
    for text in texts:
        found = _SPAN.fullmatch(text.strip().lower())
        if found is None:
            raise ValueError(text)
        first, last = found["first"] or DAYS[0], found["last"] or found["first"] or DAYS[-1]
        opens = 60 * int(found["from_hour"]) + int(found["from_minute"])
        closes = 60 * int(found["to_hour"]) + int(found["to_minute"])
        minutes = int(found["from_minute"]), int(found["to_minute"])
        if not {first, last} <= set(DAYS) or max(minutes) > 59 or max(opens, closes) > MINUTES_OF_A_DAY:
            raise ValueError(text)
        if opens == closes:
            raise ValueError(text)
        if closes < opens:
            closes += MINUTES_OF_A_DAY
        start, end = DAYS.index(first), DAYS.index(last)
        days = range(start, end + 1) if start <= end else (*range(start, 7), *range(end + 1))  # "Sat-Mon"
        spans += [(day, opens, closes) for day in days]
    return OpeningHours(tuple(spans))
