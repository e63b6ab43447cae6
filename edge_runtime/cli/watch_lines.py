"""The lines that ``photogate watch`` prints: JSON, or text for people. Written by several threads, one at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from edge_runtime.camera.scoring import FrameResult
from edge_runtime.camera.sources import Interruption
from edge_runtime.printable import blank_unprintable
from edge_runtime.result import Verdict

__all__ = ["LineWriter", "describe_summary"]

SHORT_NAMES = {"sharpness": "sharp", "noise": "noise", "exposure": "expos", "color": "color", "composition": "compo"}


@dataclass(slots=True)
class _Pace:
    """When a source's last line was printed, and what has been left out since.

    Attributes:
        printed_ms: of the last result, in the stream's time; None: none yet, or the signal was lost since.
        interrupted_ms: likewise of the last interruption; None while there is a signal.
        dropped: frames, since the last result printed.
    """

    printed_ms: int | None = None
    interrupted_ms: int | None = None
    dropped: int = 0


class LineWriter:
    """Prints results, interruptions, errors, events, and in the end a summary. The caller takes care of the turns."""

    def __init__(self, stream: TextIO | None, form: Literal["jsonl", "text"], every_s: float = 0.0) -> None:
        """Prints nothing yet.

        Args:
            stream: where to; None: nothing is printed.
            form: of the lines.
            every_s: at most one result, and one interruption, of a source in so many seconds of its own time. The first
                after a change between the two is always printed.
        """
        self._stream = stream
        self._form = form
        self._every_ms = 1e3 * every_s
        self._paces: dict[str, _Pace] = {}

    def write_result(self, name: str, result: FrameResult, verdict: Verdict | None) -> None:
        """A result; the frames dropped before those that were left out are counted in."""
        pace = self._paces.setdefault(name, _Pace())
        pace.dropped += result.dropped
        pace.interrupted_ms = None
        if not self._is_due(pace.printed_ms, result.timestamp_ms):
            return
        pace.printed_ms = result.timestamp_ms
        dropped, pace.dropped = pace.dropped, 0
        if self._form == "jsonl":
            self._write_json(build_result(name, result, verdict, dropped))
        else:
            self._write(format_result(name, result, verdict, dropped))

    def write_interruption(self, name: str, interruption: Interruption) -> None:
        """There is no signal."""
        pace = self._paces.setdefault(name, _Pace())
        pace.printed_ms = None
        if self._is_due(pace.interrupted_ms, interruption.timestamp_ms):
            pace.interrupted_ms = interruption.timestamp_ms
            self._write_interruption(name, interruption)

    def write_error(self, name: str, error: Exception) -> None:
        """Why a source is over before its end."""
        kind, message = type(error).__name__, str(error)
        if self._form == "jsonl":
            self._write_json({"type": "error", "source": name, "error": {"type": kind, "message": message}})
        else:
            self._write(f"{name}  {kind}: {message.removeprefix(f'{name}: ')}")

    def write_event(self, event: Mapping[str, Any]) -> None:
        """An event of the monitor."""
        if self._form == "jsonl":
            self._write_json({"type": "event", **event})
        else:
            place = " ".join(filter(None, (event["camera"], event["region"])))
            self._write(f"{event['time']}  {place}  {event['kind']} {event['state']}  {event['advice'] or ''}")

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """The last line."""
        if self._form == "jsonl":
            self._write_json({"type": "summary", **summary})
        else:
            self._write(describe_summary(summary))

    def _is_due(self, last_ms: int | None, now_ms: int) -> bool:
        return last_ms is None or now_ms - last_ms >= self._every_ms

    def _write_interruption(self, name: str, interruption: Interruption) -> None:
        if self._form == "jsonl":
            self._write_json(
                {
                    "type": "interruption",
                    "timestamp_ms": interruption.timestamp_ms,
                    "source": name,
                    "reason": interruption.reason,
                    "attempt": interruption.attempt,
                    "retry_in_ms": interruption.retry_in_ms,
                }
            )
        else:
            again = f"attempt {interruption.attempt} in {interruption.retry_in_ms / 1e3:.1f} s"
            reason = interruption.reason.removeprefix(f"{name}: ")
            self._write(f"{_format_time(interruption.timestamp_ms)}  {name}  no signal: {reason} ({again})")

    def _write_json(self, record: Mapping[str, Any]) -> None:
        if self._stream is not None:
            # ASCII only, so that a name of any bytes fits any encoding; NaN would not be JSON.
            self._stream.write(json.dumps(record, allow_nan=False) + "\n")
            self._stream.flush()

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(blank_unprintable(text).rstrip() + "\n")
            self._stream.flush()


def build_result(name: str, result: FrameResult, verdict: Verdict | None, dropped: int) -> dict[str, Any]:
    """A result's JSON object."""
    record: dict[str, Any] = {"type": "result", "timestamp_ms": result.timestamp_ms, "source": name}
    if result.score is not None:
        record["quality"] = round(result.score.quality, 1)
        record["band"] = result.score.band
        if verdict is not None:
            record["verdict"] = verdict.decision
            record["reasons"] = [reason.code for reason in verdict.reasons]
        record["attributes"] = result.score.attributes.to_dict()
    if result.error is not None:
        record["error"] = {"type": type(result.error).__name__, "message": str(result.error)}
    record["is_unchanged"] = result.is_unchanged
    record["latency_ms"] = round(result.latency_ms, 2)
    record["dropped"] = dropped
    return record


def format_result(name: str, result: FrameResult, verdict: Verdict | None, dropped: int) -> str:
    """A result on one line, in columns that stay in place."""
    parts = [_format_time(result.timestamp_ms), name]
    if result.score is None:
        parts.append(f"{type(result.error).__name__}: {result.error}")
        return "  ".join(parts)
    parts += [f"{result.score.quality:5.1f}", f"{'' if verdict is None else verdict.decision:<6}"]
    parts += [f"{SHORT_NAMES[key]} {points:3.0f}" for key, points in result.score.attributes.to_dict().items()]
    parts.append("   same    " if result.is_unchanged else f"{result.latency_ms:8.1f} ms")
    if dropped:
        parts.append(f"dropped {dropped}")
    return "  ".join(parts)


def describe_summary(summary: Mapping[str, Any]) -> str:
    """The summary on one line."""
    parts = [f"{summary['duration_s']:.1f} s"]
    # A monitor scores regions, now and then, and no frames.
    counted = ("frames", "events") if "monitor" in summary else ("scored", "unchanged", "failed", "dropped")
    parts += [f"{summary[key]} {key}" for key in (*counted, "corrupt")]
    parts += [f"{summary[key]} {key}" for key in ("interruptions", "reconnects") if summary[key]]
    latency = summary["latency_ms"]
    if latency["p50"] is not None:
        parts.append(f"latency p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms")
    if summary.get("best_shot"):
        parts.append(
            f"best {summary['best_shot']['quality']:.1f} at {summary['best_shot']['timestamp_ms'] / 1e3:.1f} s"
        )
    return ", ".join(parts)


def _format_time(timestamp_ms: int) -> str:
    return f"{timestamp_ms / 1e3:10.3f}"
