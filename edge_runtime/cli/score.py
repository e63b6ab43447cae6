"""``photogate score``: photos and folders in, one line or row a photo out, in order."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from edge_runtime.cli.inputs import expand_paths
from edge_runtime.cli.options import add_jobs_option, add_photo_options
from edge_runtime.cli.progress import ProgressBar
from edge_runtime.cli.tables import SCORE_COLUMNS, build_writer
from edge_runtime.cli.work import work_through
from edge_runtime.gate.policy import Policy, evaluate, load_policy
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import find_model
from edge_runtime.result import Score, ScoreFailure
from edge_runtime.scorer import PhotoScorer

__all__ = ["add_command", "run_score"]


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "score",
        help="score photos or folders of photos",
        description="Scores photos. A photo that fails gets a line, too, and never stops the others.",
        epilog="Exit codes: 0 all fine, 1 some inputs failed, 2 wrong usage, or no usable model, policy, interpreter.",
    )
    add_photo_options(parser)
    add_jobs_option(parser)
    parser.set_defaults(run=run_score)


def run_score(options: argparse.Namespace) -> int:
    """Scores what ``options.paths`` names.

    Returns:
        0, or 1 if an input failed.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError: nothing can be scored at all.
    """
    policy = load_policy(options.policy)
    model = find_model(options.model)
    with quiet_native_log():
        scorer = PhotoScorer.from_file(model, options.threads)
    inputs = list(expand_paths(options.paths, is_recursive=options.recursive))
    names = [entry.path if isinstance(entry, ScoreFailure) else entry for entry in inputs]
    writer = build_writer(options.format, sys.stdout, SCORE_COLUMNS, names)
    failed = 0
    with scorer, ProgressBar(len(inputs)) as progress:
        for outcome in work_through(inputs, scorer.score, partial(_build_action, model, options.threads), options.jobs):
            if isinstance(outcome, ScoreFailure):
                failed += 1
                writer.write(outcome.to_dict())
            else:
                writer.write(_judge(outcome, policy))
            progress.advance()
    writer.close()
    if options.format == "table":
        print(f"{len(inputs) - failed} scored, {failed} failed ({scorer.runtime_name})", file=sys.stderr)
    return 1 if failed else 0


def _build_action(model: Path, num_threads: int) -> Callable[[str], Score]:
    """What each process of ``--jobs`` does."""
    with quiet_native_log():
        return PhotoScorer.from_file(model, num_threads).score


def _judge(score: Score, policy: Policy) -> dict[str, Any]:
    return score.to_dict(evaluate(score, policy))
