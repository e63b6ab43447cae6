"""``photogate explain``: photos in, heat maps out: where each photo loses points."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from edge_runtime.cli.inputs import expand_paths
from edge_runtime.cli.options import add_language_option, add_photo_options, writes_to_folder
from edge_runtime.cli.progress import ProgressBar
from edge_runtime.cli.tables import Column, build_writer
from edge_runtime.cli.words import say
from edge_runtime.cli.work import match_outputs, work_through
from edge_runtime.contract import ATTRIBUTE_NAMES, ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.explain import DEFAULT_BUDGET_MS, Explainer
from edge_runtime.explain.explanation import suggest_budget_ms
from edge_runtime.explain.output import plan_outputs, write_picture
from edge_runtime.gate.policy import load_policy
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.originals import Originals
from edge_runtime.paths import exists_as_folder
from edge_runtime.result import ScoreFailure

__all__ = ["add_command", "run_explain"]

DRAWN_VIEW = ViewSpec(800, 800)  # a JPEG is decoded for drawing at the smallest scale that is still this large


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "explain",
        help="heat maps: where photos lose points",
        description="Draws where a photo loses points. The photo is spoilt on purpose, in known places, again and "
        "again; from how the model sees these, places that are spoilt already are found. A colour stands for the "
        "points that the attribute would lose if the whole photo looked like that place.",
        epilog="Exit codes: 0 all fine, 1 some inputs failed, 2 wrong usage, or no usable model, policy, interpreter.",
    )
    add_photo_options(parser)
    add_language_option(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the picture to write (.png, .jpg, .webp); for several photos or a folder, the folder. "
        "Without it, only the figures are printed",
    )
    parser.add_argument(
        "--attribute",
        choices=(*ATTRIBUTE_NAMES, "quality"),
        help="what to explain (default: that of the policy's worst reason; without one, the attribute with the "
        "clearest place)",
    )
    parser.add_argument(
        "--budget-ms",
        type=_positive_ms,
        default=DEFAULT_BUDGET_MS,
        metavar="MS",
        help="time for one photo, decoding and drawing not counted; a slow machine takes the least that is needed "
        "(default: %(default)g)",
    )
    parser.add_argument("--grid", type=int, metavar="N", help="rows and columns of the heat map (default: the finest)")
    parser.add_argument("--json", action="store_true", help="one JSON line a photo: --format jsonl")
    parser.add_argument("--force", action="store_true", help="overwrite pictures that exist, but none of these photos")
    parser.set_defaults(run=run_explain)


def run_explain(options: argparse.Namespace) -> int:
    """Explains what ``options.paths`` names.

    Returns:
        0, or 1 if an input failed.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError, UsageError: nothing can be explained at all, or a picture
            cannot be written.
    """
    if options.json and options.format == "csv":
        raise UsageError("--json and --format csv contradict each other; pass one of them")
    form = "jsonl" if options.json else options.format
    policy = load_policy(options.policy)
    inputs = list(expand_paths(options.paths, is_recursive=options.recursive))
    photos = [entry for entry in inputs if isinstance(entry, str)]
    outputs: dict[str, Path] = {}
    if options.output is not None:
        folders = [path for path in options.paths if exists_as_folder(path)]
        planned = plan_outputs(photos, folders, options.output, is_folder=writes_to_folder(options))
        inputs, outputs = match_outputs(inputs, planned)
        originals = Originals(photos)
        for output in outputs.values():
            originals.check(output, force=options.force)
    with quiet_native_log():
        explainer = Explainer.from_file(options.model, options.threads)
    names = [entry.path if isinstance(entry, ScoreFailure) else entry for entry in inputs]
    writer = build_writer(form, sys.stdout, _build_columns(options.language), names, options.language)

    drawn: set[Path] = set()  # a photo may be named twice; once is enough

    def explain(photo: str) -> dict[str, Any]:
        explanation = explainer.explain(
            photo, options.attribute, policy=policy, budget_ms=options.budget_ms, grid=options.grid
        )
        output = outputs.get(photo)
        if output is not None and output not in drawn:
            picture = explanation.render(decode_photo(photo, DRAWN_VIEW).image)
            write_picture(picture, output, force=options.force)
            drawn.add(output)
        return {**explanation.to_dict(), "output": None if output is None else str(output)}

    failed = 0
    with explainer, ProgressBar(len(inputs)) as progress:
        for outcome in work_through(inputs, explain):
            record = outcome.to_dict() if isinstance(outcome, ScoreFailure) else outcome
            failed += "error" in record
            writer.write(record)
            progress.advance()
    writer.close()
    if form == "table":
        text = say(options.language, "explain", explained=len(inputs) - failed, failed=failed)
        if outputs and failed < len(inputs):
            text += say(options.language, "pictures", path=options.output)
        print(text, file=sys.stderr)
    return 1 if failed else 0


def _build_columns(language: str) -> list[Column]:
    """The table's columns and the CSV's: what has words of a language is the table's alone, without a key."""
    return [
        Column("photo", "path", 5, lambda record: record["path"]),
        Column("attribute", "attribute", 11, lambda record: record["attribute"]),
        Column("points", "points", 6, lambda record: record["points"], ".1f"),
        Column("lost there", "hottest_points", 10, lambda record: record["hottest"]["points"], ".1f"),
        Column("looks", "looks", 8, _say_looks),
        Column("place in pixels", "", 23, partial(_say_place, language)),
        Column("", "place", 0, partial(_say_place, "en")),
        Column("", "stands_out", 0, lambda record: record["stands_out"]),
        Column("runs", "evaluations", 4, lambda record: record["evaluations"], "d"),
        Column("ms", "ms", 6, lambda record: record["ms"], ".0f"),
        Column("", "is_complete", 0, lambda record: record["is_complete"]),
        Column("", "output", 0, lambda record: record["output"] or ""),
        Column("", "error_type", 0, lambda record: record["error"]["type"]),
        Column("", "error_message", 0, lambda record: record["error"]["message"]),
        Column("note", "", 4, partial(_say_note, language)),
    ]


def _say_looks(record: Mapping[str, Any]) -> str:
    """What the hottest place looks like, or "-" where no place stands out."""
    faults = record["faults"]
    return str(faults[0]["name"]) if record["stands_out"] and faults else "-"


def _say_note(language: str, record: Mapping[str, Any]) -> str:
    """Whether the time was up before the work was done."""
    return "" if record["is_complete"] else say(language, "unfinished", ms=suggest_budget_ms(record["ms"]))


def _say_place(language: str, record: Mapping[str, Any]) -> str:
    """The corners of the hottest place, as "left,top to right,bottom"."""
    box = record["hottest"]
    start, end = f"{box['left']},{box['top']}", f"{box['right']},{box['bottom']}"
    return say(language, "place", start=start, end=end)


def _positive_ms(text: str) -> float:
    number = float(text)  # argparse turns the ValueError into a usage message
    if not (math.isfinite(number) and number > 0.0):
        raise argparse.ArgumentTypeError(f"{text} ms are no time; pass more than 0")
    return number
