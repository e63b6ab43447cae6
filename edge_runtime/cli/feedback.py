"""``photogate feedback``: what people think of photos, kept on this device, exported, and turned into limits."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_runtime.cli.inputs import PhotoPaths, expand_paths
from edge_runtime.cli.options import add_recursive_option
from edge_runtime.cli.progress import ProgressBar
from edge_runtime.cli.tables import Column, build_writer
from edge_runtime.cli.work import work_through
from edge_runtime.feedback import (
    Correction,
    FeedbackStore,
    Recalibration,
    export_manifest,
    recalibrate,
    save_policy,
    score_again,
)
from edge_runtime.feedback.correction import LONGEST_TEXT, VERDICTS
from edge_runtime.feedback.recalibrate import FEWEST
from edge_runtime.gate.policy import load_policy
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.model_file import unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.printable import make_printable
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import PhotoScorer

__all__ = ["add_command", "run_add", "run_export", "run_list", "run_recalibrate", "run_remove"]

EXIT_CODES = "Exit codes: 0 all fine, 1 some photos failed, 2 wrong usage, or no usable store, model, policy."
FORMATS = ("table", "jsonl", "csv")

COLUMNS = (
    Column("photo", "path", 5, lambda record: record["path"]),
    Column("id", "id", 4, lambda record: record["id"], "d"),
    Column("added (UTC)", "created_utc", 25, lambda record: record["created_utc"]),
    Column("verdict", "verdict", 7, lambda record: record["verdict"]),
    Column("quality", "quality", 7, lambda record: "" if record["quality"] is None else record["quality"], ".1f"),
    Column("model", "model_quality", 5, lambda record: record["model_score"]["quality"], ".1f"),
    Column("kept", "is_kept", 4, lambda record: record["is_kept"]),
    Column("group", "group", 8, lambda record: record["group"]),
    Column("note", "note", 4, lambda record: record["note"]),
    Column("", "sha256", 0, lambda record: record["sha256"]),
    Column("", "model_sha256", 0, lambda record: record["model_score"]["model"]["sha256"]),
    Column("", "error_type", 0, lambda record: record["error"]["type"]),
    Column("", "error_message", 0, lambda record: record["error"]["message"]),
)


def add_command(commands: Any) -> None:
    """Adds the command and its words to argparse's subparsers."""
    parser = commands.add_parser(
        "feedback",
        help="correct verdicts; export the corrections, or fit a policy's limits to them",
        description="Keeps what people say of photos in one file on this device. Nothing is sent anywhere.",
        epilog=EXIT_CODES,
    )
    words = parser.add_subparsers(dest="word", required=True, metavar="add|list|remove|export|recalibrate")
    add = _add_word(words, "add", "say what you think of photos", run_add, is_model_needed=True)
    add.add_argument("paths", nargs="+", action=PhotoPaths, metavar="PATH", help="a photo, or a folder of photos")
    add.add_argument("--verdict", required=True, choices=VERDICTS, help="yours")
    add.add_argument("--quality", type=float, metavar="POINTS", help="yours, 0 to 100, if you want to give one")
    add.add_argument("--note", default="", metavar="TEXT", help=f"free text, up to {LONGEST_TEXT:,} characters")
    add.add_argument(
        "--group", default="", metavar="NAME", help="what belongs together, for example a listing's number"
    )
    add.add_argument("--keep-photo", action="store_true", help="copy the photo into a folder beside the store")
    add_recursive_option(add)
    add.add_argument("--format", choices=FORMATS, default="table", help="output (default: %(default)s)")
    listing = _add_word(words, "list", "all corrections, the oldest first", run_list)
    listing.add_argument("--format", choices=FORMATS, default="table", help="output (default: %(default)s)")
    remove = _add_word(words, "remove", "remove corrections, and copies of their photos", run_remove)
    remove.add_argument("ids", nargs="+", type=int, metavar="ID", help="as `feedback list` shows it")
    export = _add_word(words, "export", "write a manifest for training", run_export)
    export.add_argument("output", type=Path, metavar="OUT.csv", help="the manifest to write")
    export.add_argument("--force", action="store_true", help="replace an existing file")
    again = _add_word(
        words, "recalibrate", "fit a policy's limits to the corrections", run_recalibrate, is_model_needed=True
    )
    again.add_argument("-o", "--output", type=Path, required=True, metavar="POLICY.toml", help="the policy to write")
    again.add_argument("--policy", type=Path, metavar="P", help="to begin with (default: the built-in policy)")
    again.add_argument(
        "--min-count",
        type=int,
        default=20,
        metavar="N",
        help=f"photos with corrections needed, {FEWEST} or more (default: %(default)s)",
    )
    again.add_argument("--format", choices=("table", "jsonl"), default="table", help="output (default: %(default)s)")
    again.add_argument("--force", action="store_true", help="replace an existing file")


def _add_word(words: Any, name: str, text: str, run: Any, *, is_model_needed: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = words.add_parser(name, help=text, epilog=EXIT_CODES)
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FILE",
        help="where the corrections are (default: $PHOTOGATE_FEEDBACK, or a file in your data folder)",
    )
    if is_model_needed:
        parser.add_argument(
            "--model",
            default=DEFAULT_MODEL,
            metavar="M",
            help="an installed model's name or a .tflite file (default: %(default)s)",
        )
    parser.set_defaults(run=run)
    return parser


def run_add(options: argparse.Namespace) -> int:
    """Scores the photos and stores a correction of each.

    Returns:
        0, or 1 if a photo failed.

    Raises:
        ModelError, RuntimeUnavailableError, UsageError: nothing can be stored at all.
    """
    inputs = list(expand_paths(options.paths, is_recursive=options.recursive))
    names = [entry.path if isinstance(entry, ScoreFailure) else str(Path(entry).absolute()) for entry in inputs]
    failed = 0
    with quiet_native_log():
        scorer = PhotoScorer.from_file(find_model(options.model))
    with scorer, FeedbackStore(options.store) as store, ProgressBar(len(inputs)) as progress:
        writer = build_writer(options.format, sys.stdout, COLUMNS, names)
        for outcome in work_through(inputs, lambda path: _add_one(store, scorer, path, options)):
            failed += isinstance(outcome, ScoreFailure)
            writer.write(outcome.to_dict())
            progress.advance()
        writer.close()
        print(f"{len(inputs) - failed} added to {store.path}, {failed} failed", file=sys.stderr)
    return 1 if failed else 0


def run_list(options: argparse.Namespace) -> int:
    """Prints all corrections.

    Returns:
        0.

    Raises:
        UsageError: the store cannot be read.
    """
    with FeedbackStore(options.store, must_exist=True) as store:
        corrections = store.corrections()
    writer = build_writer(options.format, sys.stdout, COLUMNS, [correction.photo_path for correction in corrections])
    for correction in corrections:
        writer.write(correction.to_dict())
    writer.close()
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """Removes corrections, one by one, if there are all of them.

    Returns:
        0.

    Raises:
        UsageError: there is none of one of the ids: then all stay; or the store cannot be written.
    """
    with FeedbackStore(options.store, must_exist=True) as store:
        numbers = dict.fromkeys(options.ids)
        store.check_ids(numbers)
        for number in numbers:
            store.remove(number)
            print(f"removed {number}")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Writes the manifest.

    Returns:
        0, or 1 if photos had to be left out.

    Raises:
        UsageError: nothing can be exported, or the file cannot be written.
    """
    with FeedbackStore(options.store, must_exist=True) as store:
        count, left_out = export_manifest(store, options.output, force=options.force)
    for entry in left_out:
        print(make_printable(f"left out: {entry.path}: {entry.reason}"), file=sys.stderr)
    print(f"{options.output}: {count} photos, {len(left_out)} left out")
    return 1 if left_out else 0


def run_recalibrate(options: argparse.Namespace) -> int:
    """Fits the limits and writes a policy.

    Returns:
        0, or 1 if photos of another model could not be scored again.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError, UsageError: nothing can be fitted, or written.
    """
    policy = load_policy(options.policy)
    path = find_model(options.model)
    with FeedbackStore(options.store, must_exist=True) as store, quiet_native_log():
        corrections = store.corrections()
        store.originals(corrections).check(options.output, force=options.force, makes_folder=False)
        sha256 = unpack_model(path)[1].sha256
        usable, lost = score_again(corrections, store.photos, sha256, lambda: PhotoScorer.from_file(path))
    for correction in lost:
        print(
            f"left out: correction {correction.id}: scored by another model, and its photo is gone or was changed: "
            f"{make_printable(correction.photo_path)}",
            file=sys.stderr,
        )
    result = recalibrate(usable, policy, options.min_count)
    summary = _summarize(result)
    day = datetime.now(timezone.utc).date()
    comments = [f"{day}: from corrections of {result.photos} photos, model {path.stem} {sha256[:12]}", *summary]
    save_policy(result.policy, options.output, comments, force=options.force)
    if options.format == "jsonl":
        print(json.dumps({"policy": str(options.output), "model_sha256": sha256, **result.to_dict()}))
    else:
        print("\n".join([*summary, f"written to {options.output}"]))
    return 1 if lost else 0


def _add_one(store: FeedbackStore, scorer: PhotoScorer, path: str, options: argparse.Namespace) -> Correction:
    return store.add(
        path,
        scorer.score(path),
        options.verdict,
        quality=options.quality,
        note=options.note,
        group=options.group,
        is_kept=options.keep_photo,
    )


def _summarize(result: Recalibration) -> list[str]:
    old, new = result.old, result.policy
    lines = []
    if result.superseded:
        which = "1 correction does" if result.superseded == 1 else f"{result.superseded} corrections do"
        lines.append(f"{which} not count: the latest verdict on the photo is another")
    # Of limits that are not used, their figures are told all the same: they say why.
    second = "fitted, not used" if result.is_kept else "after"
    if result.is_kept:
        lines.append(f"kept: accept_from {old.accept_from:g}, reject_below {old.reject_below:g}; none fits better")
    else:
        lines.append(
            f"accept_from {old.accept_from:g} -> {new.accept_from:g}, reject_below {old.reject_below:g} -> "
            f"{new.reject_below:g}"
        )
    for name, held_out in (("before", result.before), (second, result.after)):
        lines.append(
            f"{name:<{len(second)}}  {held_out.wrong_accepts} wrong accepts, {held_out.wrong_rejects} wrong rejects, "
            f"{held_out.needless_reviews} needless reviews, cost {held_out.cost} ({held_out.photos} held-out photos)"
        )
    return lines
