"""Whether heat maps point at the place that was spoilt: hit rates on photos with one fault in one place."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy import load_part
from benchmarks.accuracy_report.photos import DEFAULT_TRAINING, load_picture
from benchmarks.end_to_end import EXAMPLES
from benchmarks.environment import (
    collect_environment,
    describe_files,
    read_load_average,
    read_timestamp,
)
from benchmarks.explain_patches import PATCH_KINDS, Patch, SpoiltPhoto, spoil_place
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_counts
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import choose_split_seed, find_int8_model, identify_model
from benchmarks.shares import compute_share_interval
from benchmarks.tables import format_identities
from edge_runtime.errors import InputError, UsageError
from edge_runtime.explain import Explainer, Explanation
from train.config import TeacherConfig
from train.config_reader import load_config
from train.data.manifest import Photo
from train.progress import track

__all__ = ["DEFAULT_COUNT", "OUTPUT_NAMES", "ExplainOptions", "format_explain", "run_explain"]

DEFAULT_COUNT = 100
OUTPUT_NAMES = ("explain.json", "explain.png")
MODES = ("attribute", "default", "quality")
"""What is asked: the attribute that the fault lowers, nothing (the explainer chooses), or the quality."""
EXAMPLE_ENDING = "-good.jpg"
SHEET_PHOTOS, SHEET_COLUMNS, SHEET_WIDTH_PX = 12, 4, 320
ORIGINALS_EVERY = 4  # turn of the kinds, the photos before they were spoilt are explained, too


@dataclass(frozen=True)
class ExplainOptions:
    """What the command line asks for.

    Attributes:
        data: manifests.
        out: the folder for the results.
        artifact: of ``python -m compress run``, or one .tflite file.
        part: of the split.
        count: spoilt photos of the manifests; the good ones of ``examples`` come on top.
        seed: of the split; None: the artifact's.
        patch_seed: of places, strengths and patterns.
        budget_ms: for one photo; None: none, so that a busy machine does not change the figures.
        training: the config whose ``[samples]`` say which photos are taken for flawless.
        examples: folder of example photos; None: without.
        is_forced: overwrite earlier results.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    part: str = "test"
    count: int = DEFAULT_COUNT
    seed: int | None = None
    patch_seed: int = 0
    budget_ms: float | None = None
    training: Path = DEFAULT_TRAINING
    examples: Path | None = EXAMPLES
    is_forced: bool = False


@dataclass(frozen=True)
class _Case:
    """One spoilt photo, and what it was before."""

    name: str
    spoilt: SpoiltPhoto
    original: NDArray[np.uint8]


def run_explain(options: ExplainOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, and writes ``explain.json`` and a sheet of examples.

    Raises:
        UsageError: results exist already, an option is impossible, or no photo can be spoilt.
        ManifestError: a manifest is faulty.
    """
    _check(options)
    seed = choose_split_seed(options.artifact, options.seed)
    model = find_int8_model(options.artifact)
    cases, rejected = _collect_cases(options, seed, say)
    environment = {**collect_environment(), "started": read_timestamp(), "load_average": read_load_average()}
    budget_ms = float("inf") if options.budget_ms is None else options.budget_ms
    records: list[dict[str, Any]] = []
    drawn: list[Image.Image] = []
    with Explainer.from_file(model) as explainer:
        for index, case in enumerate(track(cases, "heat maps")):
            is_original_asked = index // len(PATCH_KINDS) % ORIGINALS_EVERY == 0  # whole turns of the kinds
            found, record = _explain_case(explainer, case, budget_ms, is_original_asked=is_original_asked)
            records.append(record)
            if len(drawn) < SHEET_PHOTOS:
                drawn.append(_draw_case(case, found))
    environment["finished"] = read_timestamp()
    report = {
        "schema": 1,
        "created": read_timestamp(),
        "data": {
            "manifests": describe_files(options.data),
            "part": options.part,
            "seed": seed,
            "patch_seed": options.patch_seed,
            "photos": len(cases),
            "without_a_place_to_spoil": rejected,
        },
        "model": {"path": str(model), **identify_model(model)},
        "environment": environment,
        "budget_ms": options.budget_ms,
        "summary": _summarise(records),
        "photos": records,
    }
    write_texts(options.out, {OUTPUT_NAMES[0]: json.dumps(report, indent=1)}, force=options.is_forced)
    _build_sheet(drawn).save(options.out / OUTPUT_NAMES[1])
    return report


def format_explain(report: dict[str, Any]) -> str:
    """The summary as a table in Markdown."""
    summary = report["summary"]
    lines = [
        "| asked | faults | photos | hit | 95 % interval | random point | heat inside |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode in MODES:
        for kind, entry in summary["hits"][mode].items():
            low, high = entry["interval"]
            lines.append(
                f"| {mode} | {kind} | {entry['photos']} | {entry['hit_share']:.3f} | {low:.3f}-{high:.3f} "
                f"| {entry['random_share']:.3f} | {entry['heat_inside_share']:.3f} |"
            )
    lines += [
        "",
        f"A place stands out in {summary['standout_share_spoilt']:.2f} of the spoilt photos when the fault's attribute "
        f"is asked for, and in {summary['standout_share_original']:.2f} of the same photos before.",
        f"Model runs a photo: {summary['median_evaluations']:.0f}; CPU time: {summary['median_cpu_ms']:.0f} ms; "
        f"wall time: {summary['median_ms']:.0f} ms (medians).",
        "",
        f"Measured {report['created']}:",
        *format_identities({"model": report["model"]}),
    ]
    return "\n".join(lines)


def _check(options: ExplainOptions) -> None:
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    check_counts(options, "count")
    if options.budget_ms is not None and not options.budget_ms > 0.0:
        raise UsageError(f"--budget-ms must be more than 0, not {options.budget_ms:g}")


def _collect_cases(options: ExplainOptions, seed: int, say: Say) -> tuple[list[_Case], int]:
    """Flawless photos, as training chooses them, in random order until enough are spoilt; and the good examples."""
    samples = load_config(options.training, TeacherConfig).samples
    photos = [
        photo
        for photo in load_part(options.data, options.part, seed)
        if (photo.mos >= samples.clean_from_mos if photo.mos is not None else photo.source in samples.clean_sources)
    ]
    order = np.random.default_rng(options.patch_seed).permutation(len(photos))
    kinds = list(PATCH_KINDS)
    cases: list[_Case] = []
    rejected = 0
    for photo in (photos[index] for index in order):
        if len(cases) >= options.count:
            break
        try:
            image = load_picture(photo)
        except InputError as error:
            say(f"left out: {photo.file}: {error}")
            continue
        spoilt = spoil_place(image, kinds[len(cases) % len(kinds)], _seed_for(photo.file, options.patch_seed))
        if spoilt is None:
            rejected += 1
        else:
            cases.append(_Case(photo.file, spoilt, image))
    for path in sorted(options.examples.glob(f"*{EXAMPLE_ENDING}")) if options.examples is not None else ():
        image = load_picture(_as_photo(path))
        for kind in kinds:
            spoilt = spoil_place(image, kind, _seed_for(f"{path.name}:{kind}", options.patch_seed))
            if spoilt is not None:
                cases.append(_Case(f"examples/{path.name}", spoilt, image))
    if not cases:
        raise UsageError(f"no photo of part {options.part!r} has a place to spoil; pass another --data or --part")
    return cases, rejected


def _as_photo(path: Path) -> Photo:
    return Photo(path.name, path, None, "", "", path.stem, "CC0")


def _seed_for(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _explain_case(
    explainer: Explainer, case: _Case, budget_ms: float, *, is_original_asked: bool
) -> tuple[Explanation, dict[str, Any]]:
    spoilt, patch = case.spoilt, case.spoilt.patch
    begun = process_time()
    # Not a frame: photos take the exact way to the view.
    study = explainer.study(Image.fromarray(spoilt.pixels), budget_ms=budget_ms)
    cpu_ms = 1e3 * (process_time() - begun)
    asked = {"attribute": spoilt.attribute, "default": None, "quality": "quality"}
    found = {mode: study.explain(attribute) for mode, attribute in asked.items()}
    before: dict[str, Any] | None = None
    if is_original_asked:
        original = explainer.study(Image.fromarray(case.original), budget_ms=budget_ms)
        before = _describe(original.explain(spoilt.attribute), patch)
    return found["attribute"], {
        "photo": case.name,
        "kind": spoilt.fault.kind,
        "strength": round(spoilt.fault.strength, 3),
        "patch": [round(value, 4) for value in (patch.left, patch.top, patch.right, patch.bottom)],
        "modes": {mode: _describe(explanation, patch) for mode, explanation in found.items()},
        "before": before,
        "evaluations": study.evaluations,
        "cpu_ms": round(cpu_ms, 1),
        "ms": round(study.elapsed_ms, 1),
    }


def _describe(explanation: Explanation, patch: Patch) -> dict[str, Any]:
    size = explanation.score.image
    x, y = explanation.box.center
    heat = np.maximum(explanation.heat, 0.0)
    rows, columns = heat.shape
    inside = np.outer(
        [patch.top <= (row + 0.5) / rows <= patch.bottom for row in range(rows)],
        [patch.left <= (column + 0.5) / columns <= patch.right for column in range(columns)],
    )
    total = float(heat.sum())
    return {
        "attribute": explanation.attribute,
        "is_hit": patch.holds(x / size.width_px, y / size.height_px),
        "stands_out": explanation.stands_out,
        "hottest_points": round(explanation.box_points, 1),
        "heat_inside_share": round(float(heat[inside].sum()) / total, 4) if total else 0.0,
    }


def _summarise(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    kinds = {"all": list(records)}
    kinds.update((kind, [record for record in records if record["kind"] == kind]) for kind in PATCH_KINDS)
    return {
        "hits": {mode: {kind: _count(chosen, mode) for kind, chosen in kinds.items() if chosen} for mode in MODES},
        "standout_share_spoilt": _mean([record["modes"]["attribute"]["stands_out"] for record in records]),
        "standout_share_original": _mean(
            [record["before"]["stands_out"] for record in records if record["before"] is not None]
        ),
        "median_evaluations": float(np.median([record["evaluations"] for record in records])),
        "median_cpu_ms": float(np.median([record["cpu_ms"] for record in records])),
        "median_ms": float(np.median([record["ms"] for record in records])),
    }


def _count(records: Sequence[dict[str, Any]], mode: str) -> dict[str, Any]:
    hits = [record["modes"][mode]["is_hit"] for record in records]
    return {
        "photos": len(records),
        "hits": int(sum(hits)),
        "hit_share": _mean(hits),
        "interval": tuple(round(end, 4) for end in compute_share_interval(int(sum(hits)), len(hits))),
        "random_share": _mean([Patch(*record["patch"]).area for record in records]),
        "heat_inside_share": _mean([record["modes"][mode]["heat_inside_share"] for record in records]),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _draw_case(case: _Case, explanation: Explanation) -> Image.Image:
    drawn = explanation.render(Image.fromarray(case.spoilt.pixels))
    height_px = round(drawn.height * SHEET_WIDTH_PX / drawn.width)
    return drawn.resize((SHEET_WIDTH_PX, height_px), Image.Resampling.LANCZOS)


def _build_sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    rows = [pictures[start : start + SHEET_COLUMNS] for start in range(0, len(pictures), SHEET_COLUMNS)]
    heights = [max(picture.height for picture in row) for row in rows]
    sheet = Image.new("RGB", (SHEET_COLUMNS * SHEET_WIDTH_PX, sum(heights)), "white")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * SHEET_WIDTH_PX, top))
        top += height
    return sheet
