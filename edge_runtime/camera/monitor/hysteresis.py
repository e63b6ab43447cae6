"""From a smoothed value to an event that opens and closes, with two limits and a minimum duration."""

from __future__ import annotations

from typing import Any, Literal

from edge_runtime.camera.monitor.kinds import KindRule
from edge_runtime.camera.monitor.state import read_count

__all__ = ["Hysteresis"]

BRIDGED_MS = 1000  # unknown for so long between two bad values, it was bad in between


class Hysteresis:
    """The state of one kind of event.

    It opens once the value has been beyond ``open_limit`` for the minimum duration, and closes once it has been beyond
    ``close_limit``, on the other side, for ``close_after_s``. Time in which the value lies between the limits, or is
    unknown for more than a second, counts for neither and undoes neither.

    Attributes:
        is_open: whether the event is going on.
        started_ms: when the value first passed the limit, in the stream's time; of the event that is open or pending.
        event_id: of the event that is open; "" otherwise. Kept here for whoever makes the events.
    """

    def __init__(self, rule: KindRule) -> None:
        self.rule = rule
        self.is_open = False
        self.started_ms: int | None = None
        self.event_id = ""
        self._held_ms = 0.0  # how long the value has been beyond the limit that would change the state
        self._is_held = False  # whether it was so at the last known value
        self._known_ms: int | None = None  # when the value was known last
        self._has_gap = False  # whether it has been unknown since

    @property
    def is_pending(self) -> bool:
        """Whether an event may be about to open."""
        return not self.is_open and self.started_ms is not None

    def update(self, value: float | None, timestamp_ms: int) -> Literal["opened", "closed"] | None:
        """Takes a value in; returns what has changed by it."""
        if value is None:
            self._has_gap = True
            return None
        elapsed_ms = 0 if self._known_ms is None else timestamp_ms - self._known_ms
        self._is_held &= not self._has_gap or elapsed_ms <= BRIDGED_MS
        self._known_ms, self._has_gap = timestamp_ms, False
        is_bad, is_good = self._is_bad(value), self._is_good(value)
        is_held = is_good if self.is_open else is_bad
        if is_held:
            self._held_ms += elapsed_ms if self._is_held else 0
            if not self.is_open and self.started_ms is None:
                self.started_ms = timestamp_ms
        elif is_bad if self.is_open else is_good:
            self._held_ms = 0
            if not self.is_open:
                self.started_ms = None
        self._is_held = is_held
        due_s = self.rule.close_after_s if self.is_open else self.rule.min_duration_s
        if not is_held or self._held_ms < 1000 * due_s:
            return None
        self._held_ms, self._is_held = 0, False
        self.is_open = not self.is_open
        return "opened" if self.is_open else "closed"

    def end(self) -> None:
        """To be called when a closed event has been told of."""
        self.started_ms = None
        self.event_id = ""

    def to_dict(self, now_ms: int) -> dict[str, Any] | None:
        """What must outlive a restart; None unless an event is open."""
        if not self.is_open or self.started_ms is None:
            return None
        return {"id": self.event_id, "duration_ms": now_ms - self.started_ms}

    def restore(self, kept: dict[str, Any], now_ms: int) -> None:
        """Goes on with an event that was open when the state was kept; ``now_ms`` is where the new stream begins.

        Raises:
            KeyError, TypeError, ValueError: it is something else; nothing has changed.
        """
        event_id, duration_ms = kept["id"], read_count(kept["duration_ms"])
        if not isinstance(event_id, str) or not (event_id.isascii() and event_id.isalnum()):
            raise ValueError("an event's id is none")
        self.is_open = True
        self.event_id = event_id
        self.started_ms = now_ms - duration_ms

    def _is_bad(self, value: float) -> bool:
        return value <= self.rule.open_limit if self.rule.is_below else value >= self.rule.open_limit

    def _is_good(self, value: float) -> bool:
        return value >= self.rule.close_limit if self.rule.is_below else value <= self.rule.close_limit
