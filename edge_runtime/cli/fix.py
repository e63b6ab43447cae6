"""``photogate fix``: photos in, better ones out where there are any, with before and after, in order."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.cli.inputs import expand_paths
from edge_runtime.cli.options import add_language_option, add_photo_options, writes_to_folder
from edge_runtime.cli.progress import ProgressBar
from edge_runtime.cli.tables import Column, build_writer
from edge_runtime.cli.words import say
from edge_runtime.cli.work import match_outputs, work_through
from edge_runtime.cli.wrapping import fill
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.enhance import DEFAULT_MIN_GAIN, DEFAULT_MIN_SSIM, OPERATION_NAMES, FixResult, enhance
from edge_runtime.enhance.libraries import load_cv2, load_metrics
from edge_runtime.enhance.operations import check_names
from edge_runtime.enhance.output import find_output_format, plan_outputs, write_result
from edge_runtime.errors import UsageError
from edge_runtime.gate.policy import load_policy
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import find_model
from edge_runtime.originals import Originals, check_folder
from edge_runtime.paths import exists_as_folder
from edge_runtime.printable import blank_unprintable
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import PhotoScorer

__all__ = ["add_command", "run_fix"]


def _before_and_after(heading: str, key: str, width: int, read: Any, form: str = "") -> tuple[Column, Column, Column]:
    """In the table one column, "61>70", or the one value without an after; in CSV one for each."""

    def show(record: Mapping[str, Any]) -> str:
        values = [format(read(score), form) for score in (record["before"], record["after"]) if score is not None]
        return ">".join(values)

    return (
        Column(heading, "", width, show),
        Column("", f"{key}_before", 0, lambda record: read(record["before"])),
        Column("", f"{key}_after", 0, lambda record: "" if record["after"] is None else read(record["after"])),
    )


FIX_COLUMNS = (
    Column("photo", "path", 5, lambda record: record["path"]),
    Column("outcome", "outcome", 13, lambda record: record["outcome"]),
    *_before_and_after("quality", "quality", 9, lambda score: score["quality"], ".1f"),
    Column("gain", "gain", 5, lambda record: record["gain"], "+.1f"),
    *_before_and_after("verdict", "verdict", 13, lambda score: score["verdict"]),
    *(
        column
        for name in ATTRIBUTE_NAMES
        for column in _before_and_after(name[:5], name, 7, lambda score, name=name: score["attributes"][name], ".0f")
    ),
    Column("ssim", "ssim", 5, lambda record: "" if record["ssim"] is None else record["ssim"], ".3f"),
    Column("psnr", "psnr_db", 5, lambda record: "" if record["psnr_db"] is None else record["psnr_db"], ".1f"),
    Column("s", "total_s", 5, lambda record: round(record["timings_ms"]["total"] / 1e3, 3), ".1f"),
    Column("", "operations", 0, lambda record: " ".join(step["name"] for step in record["operations"])),
    Column("", "explanation", 0, lambda record: record["explanation"]),
    Column("", "needs_retake", 0, lambda record: record["needs_retake"]),
    Column("", "advice", 0, lambda record: " ".join(record["advice"])),
    Column("", "output", 0, lambda record: record["output"] or ""),
    Column("", "error_type", 0, lambda record: record["error"]["type"]),
    Column("", "error_message", 0, lambda record: record["error"]["message"]),
)


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "fix",
        help="improve photos; what does not score better is not kept",
        description="Tries the changes that the score's reasons call for: white balance, exposure, contrast, noise, "
        "mild sharpening, tilt, framing. A fixed photo is written only if that very file gains enough and still "
        "resembles the original, which is never touched. Lost focus cannot be restored: such photos are to be "
        "taken again.",
        epilog="Exit codes: 0 all fine, also if nothing was worth keeping, 1 some inputs failed, 2 wrong usage, or no "
        "usable model, policy, interpreter, OpenCV, scikit-image.",
    )
    add_photo_options(parser)
    add_language_option(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="the file to write; for several photos or a folder, the folder"
    )
    parser.add_argument("--dry-run", action="store_true", help="do all but write")
    parser.add_argument("--force", action="store_true", help="overwrite outputs that exist, but never an original")
    parser.add_argument(
        "--min-gain",
        type=float,
        default=DEFAULT_MIN_GAIN,
        metavar="POINTS",
        help="of quality that a fix must gain (default: %(default)g)",
    )
    parser.add_argument(
        "--min-ssim",
        type=float,
        default=DEFAULT_MIN_SSIM,
        metavar="S",
        help="similarity to the original that a fix must keep, 0-1 (default: %(default)g)",
    )
    parser.add_argument(
        "--only",
        "--allow",
        type=lambda text: [name.strip() for name in text.split(",") if name.strip()],
        default=list(OPERATION_NAMES),
        metavar="NAMES",
        help=f"the operations that may be used, with commas between them: {','.join(OPERATION_NAMES)} (default: all)",
    )
    parser.set_defaults(run=run_fix)


def run_fix(options: argparse.Namespace) -> int:
    """Fixes what ``options.paths`` names.

    Returns:
        0, or 1 if an input failed.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError, UsageError: nothing can be fixed at all, or an output cannot
            be written.
    """
    if options.output is None and not options.dry_run:
        raise UsageError("where to? Pass -o OUT, or --dry-run to write nothing")
    check_names(options.only)
    load_cv2().setNumThreads(options.threads)
    load_metrics()
    policy = load_policy(options.policy)
    inputs = list(expand_paths(options.paths, is_recursive=options.recursive))
    sources = [entry for entry in inputs if isinstance(entry, str)]
    inputs, outputs = match_outputs(inputs, _plan(options, sources))
    originals = Originals(sources)
    for output in outputs.values():
        originals.check(output, force=options.force)
    is_file = options.output is not None and not writes_to_folder(options)
    settings: dict[str, Any] = {
        "min_gain": options.min_gain,
        "min_ssim": options.min_ssim,
        "operations": options.only,
        "language": options.language,
        "output_format": find_output_format(options.output) if is_file else None,
    }
    with quiet_native_log():
        scorer = PhotoScorer.from_file(find_model(options.model), options.threads)
    names = [entry.path if isinstance(entry, ScoreFailure) else entry for entry in inputs]
    writer = build_writer(options.format, sys.stdout, FIX_COLUMNS, names, options.language)
    written: set[Path] = set()  # a photo may be named twice; once is enough
    counts = dict.fromkeys(("fixed", "nothing_kept", "nothing_to_do", "retake", "failed"), 0)
    with scorer, ProgressBar(len(inputs)) as progress:
        outcomes = work_through(inputs, lambda path: enhance(path, scorer, policy, **settings))
        for entry, outcome in zip(inputs, outcomes, strict=True):
            record = outcome.to_dict()
            if isinstance(outcome, FixResult):
                target = None if options.dry_run or outcome.encoded is None else outputs[str(entry)]
                if target is not None and target not in written:
                    write_result(outcome, target, originals, force=options.force)
                    written.add(target)
                record["output"] = None if target is None else str(target)
            counts[record.get("outcome", "failed")] += 1
            counts["retake"] += bool(record.get("needs_retake"))
            writer.write(record)
            if options.format == "table":
                _print_details(record, options.language)
            progress.advance()
    writer.close()
    if options.format == "table":
        print(say(options.language, "fix", **counts), file=sys.stderr)
    return 1 if counts["failed"] else 0


def _plan(options: argparse.Namespace, sources: Sequence[str]) -> Mapping[str, Path | ScoreFailure]:
    if options.output is None:
        return {}
    if not writes_to_folder(options):
        find_output_format(options.output)
        return dict.fromkeys(sources, Path(options.output))
    check_folder(options.output)
    folders = [path for path in options.paths if exists_as_folder(path)]
    return plan_outputs(sources, folders, options.output)


def _print_details(record: Mapping[str, Any], language: str) -> None:
    if "error" in record:
        return
    lines = []
    for step in record["operations"]:
        values = ", ".join(f"{key} {_show(value)}" for key, value in step["parameters"].items())
        lines.append(f"{step['name']}: {values}")
    if not record["operations"]:
        lines.append(record["explanation"])
    if record["output"] is not None:
        lines.append(say(language, "written", path=record["output"]))
    lines += [say(language, "note", note=note) for note in record["notes"]]
    if record["needs_retake"]:
        lines.append(say(language, "retake"))
    lines += record["advice"]
    for line in lines:
        print(fill(blank_unprintable(line), initial_indent=" " * 4, subsequent_indent=" " * 8), flush=True)


def _show(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
