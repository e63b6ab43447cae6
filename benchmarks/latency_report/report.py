"""The results of ``python -m benchmarks latency`` as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.tables import format_identities, format_table

__all__ = ["format_latency", "format_ratio"]

PERCENTILES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms")
MB = 1e6


def format_latency(report: Mapping[str, Any]) -> str:
    """Everything that was measured; sections of what was not are left out."""
    environment = report["environment"]
    lines = [
        "# photogate latency",
        "",
        f"{environment['cpu']}, {environment['cores_usable']} cores, {environment['os']}, {environment['runtime']}, "
        f"load {environment['load_average_start']} to {environment.get('load_average_end')}; {report['created']}",
        "",
        *format_identities(report["models"]),
    ]
    for measured in report["threads"]:
        lines += ["", *_format_models(measured, report["options"]["mode"])]
    if report["photos"]:
        lines += ["", "## Photos: bytes to verdict, int8, 1 thread", "", *_format_photos(report["photos"])]
    if report["frames"]:
        lines += ["", "## Frames: RGB to verdict, int8, 1 thread", "", *_format_frames(report["frames"])]
    if report["cold_start"] is not None:
        lines += ["", "## Cold start: whole processes", "", *_format_cold_start(report["cold_start"])]
    if report["notes"]:
        lines += ["", "## Notes", "", *(f"- {note}" for note in report["notes"])]
    return "\n".join(lines)


def _format_models(measured: Mapping[str, Any], mode: str) -> Iterator[str]:
    yield f"## Models, {mode}, {measured['threads']} thread(s)"
    yield ""
    if not measured["models"]:
        yield "nothing was measured"
    elif mode == "interleaved":
        yield from _format_interleaved(measured)
    elif mode == "single-stream":
        rows = [
            [
                name,
                _ms(one["score_ms"]),
                *_format_profile(one["latency"]),
                f"{one['queries']:,}",
                f"{one['seconds']:.0f}",
            ]
            for name, one in measured["models"].items()
        ]
        yield from format_table(["model", "score (p90) ms", *_names(), "queries", "seconds"], rows)
    else:
        for name, one in measured["models"].items():
            yield from _format_sustained(name, one)


def _format_interleaved(measured: Mapping[str, Any]) -> Iterator[str]:
    rows = []
    for name, one in measured["models"].items():
        verdict = measured["comparisons"].get(name, {}).get("text", "(the others are compared with it)")
        rows.append([name, *_format_profile(one["latency"]), f"{one['latency']['calls']:,}", verdict])
    yield from format_table(["model", *_names(), "calls", "verdict"], rows)
    waited = measured["waited_share"]
    if waited is not None:
        yield ""
        yield f"Clock: {measured['clock']}. Of the time that this process could have run, others had {waited:.1%}."


def _format_sustained(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        [f"{window['end_s'] / 60:.1f}", _ms(window["p50_ms"]), _ms(window["p99_ms"]), f"{window['calls']:,}"]
        for window in one["windows"]
    ]
    yield from format_table([f"{name}: to minute", "p50 ms", "p99 ms", "calls"], rows)
    energy = one["energy_mj_per_call"]
    yield ""
    yield (
        f"{name}: last window over first {one['last_over_first']:.3f}, slowest over fastest "
        f"{one['slowest_over_fastest']:.3f}; energy "
        + (one["energy_source"] if energy is None else f"{energy:.2f} mJ a call ({one['energy_source']})")
    )
    yield ""


def _format_photos(photos: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            f"{one['megapixels']} MP {one['format']}",
            f"{one['bytes'] / MB:.2f}",
            *_format_profile(one["verdict"]),
            _ms(one["decode"]["p50_ms"]),
            format_ratio(one["verdict_over_decode"]),
        ]
        for one in photos
    ]
    return format_table(["photo", "MB", *_names(), "decode p50 ms", "verdict / decode"], rows)


def _format_frames(frames: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            "x".join(str(side) for side in one["size_px"]),
            *_format_profile(one["verdict"]),
            _ms(one["invoke"]["p50_ms"]),
            format_ratio(one["verdict_over_invoke"]),
        ]
        for one in frames
    ]
    return format_table(["frame", *_names(), "invoke p50 ms", "verdict / invoke"], rows)


def _format_cold_start(found: Mapping[str, Any]) -> list[str]:
    labels = {"numpy": "import numpy", "score": "import edge_runtime, first score", "command": "photogate score"}
    rows = [
        [labels[name], *_format_profile(one), format_ratio(one["over_numpy"]) if "over_numpy" in one else "1"]
        for name, one in found.items()
    ]
    return format_table(["process", *_names(), "/ import numpy"], rows)


def format_ratio(found: Mapping[str, Any]) -> str:
    """A ``Comparison.to_json()`` as "1.62 [1.55, 1.70]"."""
    if found["low"] is None:
        return f"{found['ratio']:.2f} (too few rounds for an interval)"
    return f"{found['ratio']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _names() -> list[str]:
    return [name.replace("_", " ") for name in PERCENTILES]


def _format_profile(profile: Mapping[str, Any]) -> list[str]:
    return [_ms(profile[name]) for name in PERCENTILES]


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
