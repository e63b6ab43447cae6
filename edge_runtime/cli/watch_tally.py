"""What ``photogate watch`` counts, in memory that does not grow over months: the summary is made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from edge_runtime.camera.scoring import FrameResult
from edge_runtime.camera.sources import SourceCounts
from edge_runtime.result import Decision

__all__ = ["LatencyHistogram", "Tally", "merge_tallies", "sum_counts"]


class LatencyHistogram:
    """Percentiles of any number of latencies, each to within 1 %: counts in classes that grow by 2 % each."""

    SHORTEST_MS, LONGEST_MS, GROWTH = 0.01, 1e6, 1.02

    def __init__(self) -> None:
        self._counts = [0] * (1 + math.ceil(math.log(self.LONGEST_MS / self.SHORTEST_MS) / math.log(self.GROWTH)))
        self._total = 0

    def add(self, latency_ms: float) -> None:
        """Counts one; what is shorter than 0.01 ms or longer than 1,000 s counts as that."""
        clipped = min(max(latency_ms, self.SHORTEST_MS), self.LONGEST_MS)
        place = round(math.log(clipped / self.SHORTEST_MS) / math.log(self.GROWTH))
        self._counts[min(place, len(self._counts) - 1)] += 1
        self._total += 1

    def merge(self, other: LatencyHistogram) -> None:
        """Counts all that ``other`` has counted."""
        self._counts = [mine + theirs for mine, theirs in zip(self._counts, other._counts, strict=True)]
        self._total += other._total

    def compute_percentile(self, percent: float) -> float | None:
        """Nearest rank, in milliseconds; None of nothing."""
        rank = max(1, math.ceil(self._total * percent / 100))
        for place, count in enumerate(self._counts):
            rank -= count
            if rank <= 0:
                return float(self.SHORTEST_MS * self.GROWTH**place)
        return None

    def to_dict(self) -> dict[str, float | None]:
        """Three of them, rounded to two decimals, under the keys p50, p95, p99."""
        values = {f"p{percent}": self.compute_percentile(percent) for percent in (50, 95, 99)}
        return {name: None if value is None else round(value, 2) for name, value in values.items()}


@dataclass(slots=True)
class Tally:
    """What has become of one source's frames.

    Attributes:
        scored, unchanged, failed: results.
        dropped: frames that were pushed out by newer ones before they were scored.
        interruptions: times that the signal was lost.
        decisions: of the policy on scored and unchanged frames.
        quality_sum: of the scored frames, in points; with the least and the most.
        latency: of the scored frames.
    """

    scored: int = 0
    unchanged: int = 0
    failed: int = 0
    dropped: int = 0
    interruptions: int = 0
    decisions: dict[str, int] = field(default_factory=lambda: {"accept": 0, "review": 0, "reject": 0})
    quality_sum: float = 0.0
    quality_least: float = math.inf
    quality_most: float = -math.inf
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)

    def add(self, result: FrameResult, decision: Decision | None) -> None:
        """Counts a result and the policy's decision on it."""
        self.dropped += result.dropped
        if decision is not None:
            self.decisions[decision] += 1
        if result.score is None:
            self.failed += 1
        elif result.is_unchanged:
            self.unchanged += 1
        else:
            self.scored += 1
            quality = result.score.quality
            self.quality_sum += quality
            self.quality_least = min(self.quality_least, quality)
            self.quality_most = max(self.quality_most, quality)
            self.latency.add(result.latency_ms)

    def to_dict(self, counts: SourceCounts) -> dict[str, Any]:
        """A JSON object; with the source's own ``counts``."""
        return {
            "frames": counts.frames,
            "scored": self.scored,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "dropped": self.dropped + counts.dropped,
            "thinned": counts.thinned,
            "corrupt": counts.corrupt,
            "interruptions": self.interruptions,
            "reconnects": counts.reconnects,
            "verdicts": dict(self.decisions),
            "quality": self._describe_quality(),
            "latency_ms": self.latency.to_dict(),
        }

    def _describe_quality(self) -> dict[str, float] | None:
        if not self.scored:
            return None
        return {
            "mean": round(self.quality_sum / self.scored, 1),
            "least": round(self.quality_least, 1),
            "most": round(self.quality_most, 1),
        }


def merge_tallies(tallies: list[Tally]) -> Tally:
    """All sources as one."""
    merged = Tally()
    for tally in tallies:
        for name in ("scored", "unchanged", "failed", "dropped", "interruptions", "quality_sum"):
            setattr(merged, name, getattr(merged, name) + getattr(tally, name))
        for decision, count in tally.decisions.items():
            merged.decisions[decision] += count
        merged.quality_least = min(merged.quality_least, tally.quality_least)
        merged.quality_most = max(merged.quality_most, tally.quality_most)
        merged.latency.merge(tally.latency)
    return merged


def sum_counts(counts: list[SourceCounts]) -> SourceCounts:
    """All sources' own counts as one."""
    return SourceCounts(*(sum(getattr(each, field.name) for each in counts) for field in fields(SourceCounts)))
