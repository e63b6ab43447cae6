"""One run: model files, the installed package, and ``photogate score`` at work; footprint.md and footprint.json."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.comparison import compare_rounds
from benchmarks.end_to_end import (
    EXAMPLES,
    LARGE_SIZE_PX,
    PHOTO_SIZES_PX,
    build_photo,
    build_picture,
    load_source_photo,
)
from benchmarks.environment import (
    collect_environment,
    read_load_average,
    read_timestamp,
)
from benchmarks.footprint_report.installed import measure_installed_sizes
from benchmarks.footprint_report.model_files import describe_model_file
from benchmarks.footprint_report.report import format_footprint
from benchmarks.footprint_report.scoring import measure_scoring, measure_two_processes
from benchmarks.fresh_process import build_import_measure
from benchmarks.latency import TurnPlan, interleave_rounds
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_model_names, describe_options
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import Row, build_rows, find_default_artifact, identify_model
from edge_runtime.errors import PhotogateError, UsageError

__all__ = ["OUTPUT_NAMES", "FootprintOptions", "run_footprint"]

OUTPUT_NAMES = ("footprint.md", "footprint.json")
SMOKE_PHOTOS = 200
THROUGHPUT_MEGAPIXELS = "2"


@dataclass(frozen=True)
class FootprintOptions:
    """What the command line asks for.

    Attributes:
        out: the folder for the two files.
        artifact: of ``python -m compress run``, or one .tflite file.
        models: further .tflite files, name → path.
        rows: keys of photogate's own rows.
        photos: how many are scored to see whether memory grows.
        throughput_photos: of 2 megapixels, for one process against two.
        import_rounds: fresh processes of each kind; below 20 there is no interval.
        is_smoke: 200 photos and few processes: shows that everything works.
        is_forced: overwrite earlier results.
    """

    out: Path
    artifact: Path = field(default_factory=find_default_artifact)
    models: tuple[tuple[str, Path], ...] = ()
    rows: tuple[str, ...] = ("float", "pruned", "int8")
    photos: int = 10_000
    throughput_photos: int = 2000
    import_rounds: int = 20
    is_smoke: bool = False
    is_forced: bool = False


def run_footprint(options: FootprintOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes both files into ``options.out`` and returns what stands in the JSON.

    Raises:
        UsageError: results exist already, or an option is impossible.
    """
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    for name in ("photos", "throughput_photos", "import_rounds"):
        if getattr(options, name) < 2:
            raise UsageError(f"--{name.replace('_', '-')} must be 2 or more, not {getattr(options, name)}")
    check_model_names((name for name, _ in options.models), reserved=options.rows)
    rows = build_rows(options.rows, options.artifact, Path(), Path())
    rows += [Row(name, name, "photogate", path) for name, path in options.models]
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "environment": {**collect_environment(), "load_average_start": read_load_average()},
        "options": describe_options(options),
        "models": {},
        "notes": [],
    }
    for row in rows:
        say(f"{row.label}: file, load time, memory")
        report["models"][row.key] = _describe(row, 1 if options.is_smoke else 3)
    report["installed_bytes"] = measure_installed_sizes()
    say("import time")
    report["import"] = _measure_import(min(options.import_rounds, 4) if options.is_smoke else options.import_rounds)
    report["scoring"] = _measure_scoring(rows, options, report["notes"], say)
    report["environment"]["load_average_end"] = read_load_average()
    text = format_footprint(report)
    contents = dict(zip(OUTPUT_NAMES, (text, json.dumps(report, indent=1, allow_nan=False)), strict=True))
    write_texts(options.out, contents, force=options.is_forced)
    return report


def _describe(row: Row, processes: int) -> dict[str, Any]:
    described: dict[str, Any] = {"label": row.label, "path": str(row.path), "is_failed": False}
    if not row.is_usable or row.path is None:
        return {**described, "note": row.note or f"not found: {row.path}"}
    try:
        return {**described, "note": "", **identify_model(row.path), **describe_model_file(row.path, processes)}
    except PhotogateError as error:
        return {**described, "note": f"failed: {error}", "is_failed": True}


def _measure_import(rounds: int) -> dict[str, Any]:
    measures = {name: build_import_measure(name) for name in ("edge_runtime", "numpy")}
    found = interleave_rounds(measures, TurnPlan(rounds=rounds, turn_ms=1.0), warmup_calls=2)
    return {"over_numpy": compare_rounds(found["edge_runtime"], found["numpy"]).to_json()}


def _measure_scoring(rows: list[Row], options: FootprintOptions, notes: list[str], say: Say) -> dict[str, Any] | None:
    model = next((row.path for row in rows if row.key == "int8" and row.is_usable), None)
    if model is None:
        notes.append("photogate score: not measured, for it needs the row int8")
        return None
    examples = sorted(EXAMPLES.glob("*.jpg"))
    if not examples:
        notes.append(f"photogate score: not measured, for {EXAMPLES} has no photos")
        return None
    source = load_source_photo(EXAMPLES)
    count = min(options.photos, SMOKE_PHOTOS) if options.is_smoke else options.photos
    with tempfile.TemporaryDirectory() as folder:
        large, medium = Path(folder) / "12mp.jpg", Path(folder) / "2mp.jpg"
        large.write_bytes(build_photo(build_picture(source, LARGE_SIZE_PX), "JPEG"))
        medium.write_bytes(build_photo(build_picture(source, PHOTO_SIZES_PX[THROUGHPUT_MEGAPIXELS]), "JPEG"))
        say("photogate score: one photo of 12 megapixels")
        one = measure_scoring(model, [large], 1)
        say(f"photogate score: {count:,} photos")
        many = measure_scoring(model, examples, count)
        throughput = min(options.throughput_photos, 20) if options.is_smoke else options.throughput_photos
        say(f"photogate score: {throughput} photos by one process and by two")
        two = measure_two_processes(model, [medium], throughput, turns=1 if options.is_smoke else 3)
    return {"photo_12mp": one, "many": many, "two_processes": two}
