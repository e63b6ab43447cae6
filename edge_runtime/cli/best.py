"""``photogate best``: ranks a burst or a listing's photos, marks near-duplicates, names the best and says why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from edge_runtime.best import DEFAULT_MAX_DISTANCE, RankedPhoto, Ranking, rank
from edge_runtime.cli.inputs import expand_paths
from edge_runtime.cli.options import add_language_option, add_photo_options
from edge_runtime.cli.progress import ProgressBar
from edge_runtime.cli.tables import SCORE_COLUMNS, Column, build_writer
from edge_runtime.cli.words import TABLE_WORDS, say
from edge_runtime.cli.wrapping import fill
from edge_runtime.gate.policy import load_policy
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import find_model
from edge_runtime.printable import blank_unprintable
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import PhotoScorer

__all__ = ["add_command", "run_best"]

_BY_KEY = {column.key: column for column in SCORE_COLUMNS}
BEST_COLUMNS = (
    _BY_KEY["path"],
    Column("rank", "rank", 4, lambda record: record["rank"], "d"),
    _BY_KEY["quality"],
    Column("weighted", "weighted_quality", 8, lambda record: record["weighted_quality"], ".1f"),
    _BY_KEY["verdict"],
    *(_BY_KEY[key] for key in ("sharpness", "noise", "exposure", "color", "composition")),
    Column("", "is_as_good_as_best", 0, lambda record: record["is_as_good_as_best"]),
    Column("", "cluster", 0, lambda record: record["cluster"]),
    Column("", "duplicate_of", 0, lambda record: record["duplicate_of"]),
    Column("", "distance_bits", 0, lambda record: record["distance_bits"]),
    Column("", "identical_to", 0, lambda record: record["identical_to"]),
    Column("", "why", 0, lambda record: record["why"]["summary"]),
    _BY_KEY["error_type"],
    _BY_KEY["error_message"],
)


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "best",
        help="rank a burst or a listing's photos, name the best shot and say why",
        description="Ranks photos by the quality that the policy judges by, after its verdict; photos of one view are "
        "marked as near-duplicates of the best of them. Photos that the score cannot tell apart are called as good.",
        epilog="Exit codes: 0 all fine, 1 some inputs failed, 2 wrong usage, or no usable model, policy, interpreter.",
    )
    add_photo_options(parser)
    add_language_option(parser)
    parser.add_argument(
        "--top", type=_positive, metavar="N", help="only the N best that are no near-duplicates of a better one"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--max-distance",
        type=_bits,
        default=DEFAULT_MAX_DISTANCE,
        metavar="BITS",
        help="near-duplicates differ in so many of the 64 bits of their hashes at most (default: %(default)s)",
    )
    group.add_argument(
        "--no-duplicates", action="store_true", help="do not look for near-duplicates; works without the extra `best`"
    )
    parser.set_defaults(run=run_best)


def run_best(options: argparse.Namespace) -> int:
    """Ranks what ``options.paths`` names.

    Returns:
        0, or 1 if an input failed.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError, UsageError: nothing can be ranked at all.
    """
    policy = load_policy(options.policy)
    with quiet_native_log():
        scorer = PhotoScorer.from_file(find_model(options.model), options.threads)
    inputs = list(expand_paths(options.paths, is_recursive=options.recursive))
    with scorer, ProgressBar(len(inputs)) as progress:
        ranking = rank(
            _advance(inputs, progress),
            scorer,
            policy=policy,
            max_distance=None if options.no_duplicates else options.max_distance,
            language=options.language,
        )
    shown = ranking.photos if options.top is None else ranking.distinct[: options.top]
    _print(ranking, shown, options.format, options.language)
    return 1 if ranking.failures else 0


def _advance(inputs: list[str | ScoreFailure], progress: ProgressBar) -> Any:
    for entry in inputs:
        yield entry
        progress.advance()


def _print(ranking: Ranking, shown: tuple[RankedPhoto, ...], form: str, language: str) -> None:
    names = [photo.name for photo in shown] + [failure.path for failure in ranking.failures]
    columns = [*BEST_COLUMNS, Column("note", "", 4, partial(_say_note, language))]
    writer = build_writer(form, sys.stdout, columns, names, language)
    for photo in shown:
        record = photo.to_dict()
        if photo.rank == 1:
            record["why"] = ranking.describe_choice()
        writer.write(record)
    for failure in ranking.failures:
        writer.write(failure.to_dict())
    writer.close()
    if form == "table":
        print(fill(blank_unprintable(ranking.explain())), flush=True)
        ranked = len(ranking.photos)
        counts = {"ranked": ranked, "copies": ranked - len(ranking.distinct), "failed": len(ranking.failures)}
        summary = say(language, "best" if ranking.max_distance is None else "best_of_views", **counts)
        print(say(language, "policy", summary=summary, policy=ranking.policy, packs=""), file=sys.stderr)


def _say_note(language: str, record: Mapping[str, Any]) -> str:
    """The table's last column: "best", "as good", "same file as x.jpg", "near-duplicate of x.jpg"."""
    words = TABLE_WORDS[language]
    notes = []
    if record["is_best"]:
        notes.append(words.get("best", "best"))
    elif record["is_as_good_as_best"]:
        notes.append(words.get("as good", "as good"))
    if record["identical_to"] is not None:
        notes.append(say(language, "identical_to", path=record["identical_to"]))
    elif record["duplicate_of"] is not None:
        notes.append(say(language, "duplicate_of", path=record["duplicate_of"]))
    return ", ".join(notes)


def _positive(text: str) -> int:
    number = int(text)  # argparse turns the ValueError into a usage message
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} photos cannot be shown; pass 1 or more")
    return number


def _bits(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 64:
        raise argparse.ArgumentTypeError(f"hashes have 64 bits, {number} is not possible; pass 0 to 64")
    return number
