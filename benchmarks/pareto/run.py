"""From what ``benchmarks run`` and ``benchmarks peers`` wrote to fronts, a picture and a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.environment import collect_environment, compute_sha256, read_timestamp
from benchmarks.output_folder import check_output_folder
from benchmarks.pareto.front import Candidate, Place, find_places
from benchmarks.pareto.page import build_pareto_page
from benchmarks.plot import LATENCY_LABEL, SIZE_LABEL, Panel, PlotPoint, save_panels
from benchmarks.tables import format_correlation
from edge_runtime.errors import UsageError
from edge_runtime.output_file import write_output

__all__ = ["OUTPUT_NAMES", "ParetoOptions", "format_pareto", "run_pareto"]

OUTPUT_NAMES = ("pareto.json", "pareto.png", "pareto.html")
MB = 1e6


@dataclass(frozen=True)
class ParetoOptions:
    """What the command line asks for.

    Attributes:
        results: ``results.json`` of ``benchmarks run``.
        out: the folder for the three files.
        peers: ``peers.json`` of ``benchmarks peers``; None: without.
        is_forced: overwrite earlier files.
    """

    results: Path
    out: Path
    peers: Path | None = None
    is_forced: bool = False


@dataclass(frozen=True)
class _Front:
    """One comparison: only models that were measured alike stand in it."""

    key: str
    title: str
    cost_label: str
    unit: str
    places: list[Place]
    left_out: list[dict[str, str]]


def run_pareto(options: ParetoOptions) -> dict[str, Any]:
    """Computes the fronts, writes the three files and returns what stands in the JSON.

    Raises:
        UsageError: results exist already, a file is none of the benchmarks', or no model has accuracy and cost.
    """
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    sources = {"results": _load(options.results, "rows", "run")}
    if options.peers is not None:
        sources["peers"] = _load(options.peers, "peers", "peers")
    fronts = [front for front in _build_fronts(options, sources) if front.places]
    if not fronts:
        raise UsageError(f"{options.results}: no row has both an SRCC and a latency; measure rows that have both")
    options.out.mkdir(parents=True, exist_ok=True)
    picture = options.out / OUTPUT_NAMES[1]
    save_panels([_build_panel(front) for front in fronts], picture)
    given = {"results": options.results, "peers": options.peers}
    report = {
        "schema": 1,
        "created": read_timestamp(),
        "environment": collect_environment(),
        "options": {name: None if path is None else str(path) for name, path in given.items()},
        "sources": {
            name: {
                "sha256": compute_sha256(path),
                "environment": sources[name].get("environment"),
                "data": sources[name].get("data"),
            }
            for name, path in given.items()
            if path is not None
        },
        "fronts": [_to_json(front) for front in fronts],
    }
    document = json.dumps(report, indent=1, sort_keys=True, allow_nan=False)
    write_output(options.out / OUTPUT_NAMES[0], document + "\n", force=options.is_forced)
    page = build_pareto_page(report, picture.read_bytes())
    write_output(options.out / OUTPUT_NAMES[2], page, force=options.is_forced)
    return report


def format_pareto(report: Mapping[str, Any]) -> str:
    """Every front as lines for a terminal."""
    lines = []
    for front in report["fronts"]:
        width = max(len(model["label"]) for model in front["models"])
        lines += ["", front["title"], ""]
        for model in front["models"]:
            low, high = model["srcc_low"], model["srcc_high"]
            srcc = format_correlation({"value": model["srcc"], "low": low, "high": high})
            cost = f"{model['cost']:.2f} {front['unit']}"
            lines.append(f"  {model['label']:{width}}  {cost:>12}  {srcc}  {model['verdict']}")
        lines += [f"  {one['label']}: left out, {one['reason']}" for one in front["left_out"]]
    return "\n".join(lines[1:])


def _load(path: Path, rows: str, command: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); pass what `benchmarks {command}` wrote") from error
    if not isinstance(document, dict) or not isinstance(document.get(rows), list):
        raise UsageError(f"{path}: is not what `benchmarks {command}` writes: it has no list {rows!r}")
    return document


def _build_fronts(options: ParetoOptions, sources: Mapping[str, dict[str, Any]]) -> Iterator[_Front]:
    """Times of the two commands do not mix: one is the bare invoke, the other a decoded photo to its score."""
    where, models = _read_source(options.results, sources["results"], "rows", _read_row)
    yield _build_front("latency", f"Models, bare invoke: {where}", LATENCY_LABEL, "ms", models, "latency")
    yield _build_front("size", f"Models, file size: {where}", SIZE_LABEL, "MB", models, "size")
    if options.peers is not None:
        where, peers = _read_source(options.peers, sources["peers"], "peers", _read_peer)
        yield _build_front("peers", f"Peers, picture to score: {where}", LATENCY_LABEL, "ms", peers, "latency")


def _read_source(
    path: Path, document: Mapping[str, Any], rows: str, read: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> tuple[str, list[dict[str, Any]]]:
    """Where the photos are from, and each row as :func:`_read` has it."""
    try:
        return _describe_photos(document), [read(row) for row in document[rows]]
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        command = "run" if rows == "rows" else "peers"
        raise UsageError(
            f"{path}: is not what `benchmarks {command}` of this version writes "
            f"({type(error).__name__}: {error}); measure again"
        ) from error


def _describe_photos(document: Mapping[str, Any]) -> str:
    data = document["data"]
    return f"{data['rated_photos']} photos of the {data['part']} part"


def _read_row(row: Mapping[str, Any]) -> dict[str, Any]:
    accuracy = row["accuracy"].get("all") or {}
    return _read(row, accuracy.get("srcc"), accuracy.get("srcc_interval"), row["latency_by_threads"].get("1"))


def _read_peer(peer: Mapping[str, Any]) -> dict[str, Any]:
    srcc = peer["srcc"] or {}
    return _read(peer, srcc.get("value"), (srcc.get("low"), srcc.get("high")), peer["latency"])


def _read(row: Mapping[str, Any], srcc: float | None, interval: Any, latency: Any) -> dict[str, Any]:
    """``accuracy``, ``latency`` and ``size`` as (value, low, high), each None where it was not measured."""
    size = None if row["size_bytes"] is None else row["size_bytes"] / MB
    return {
        **{name: row[name] for name in ("key", "label", "kind")},
        "accuracy": None if srcc is None else (srcc, *(interval or (None, None))),
        "latency": None if latency is None else (latency["p50_ms"], latency["min_ms"], latency["p95_ms"]),
        "size": None if size is None else (size, size, size),
    }


def _build_front(key: str, title: str, cost_label: str, unit: str, models: list[dict[str, Any]], cost: str) -> _Front:
    candidates, left_out = [], []
    for model in models:
        missing = [name for name in ("accuracy", cost) if model[name] is None]
        if missing:
            left_out.append({"label": model["label"], "reason": f"no {' and no '.join(missing)}"})
            continue
        named = (model["key"], model["label"], model["kind"])
        candidates.append(Candidate(*named, *model[cost], *model["accuracy"]))
    places = sorted(find_places(candidates), key=lambda place: place.candidate.cost)
    return _Front(key, title, cost_label, unit, places, left_out)


def _build_panel(front: _Front) -> Panel:
    points = {place.candidate.key: _build_point(place.candidate) for place in front.places}
    on_front = [points[place.candidate.key] for place in front.places if place.is_on_front]
    return Panel(list(points.values()), front.title, front.cost_label, on_front)


def _build_point(one: Candidate) -> PlotPoint:
    low, high = one.accuracy_low, one.accuracy_high
    return PlotPoint(one.label, one.kind, one.cost, one.accuracy, None if low is None or high is None else (low, high))


def _to_json(front: _Front) -> dict[str, Any]:
    models = []
    for place in front.places:
        values = {name.replace("accuracy", "srcc"): value for name, value in asdict(place.candidate).items()}
        models.append(
            {
                **values,
                "verdict": place.verdict,
                "is_on_front": place.is_on_front,
                "dominated_by": list(place.dominated_by),
                "rivals": list(place.rivals),
            }
        )
    named = {name: getattr(front, name) for name in ("key", "title", "cost_label", "unit", "left_out")}
    return {**named, "models": models}
