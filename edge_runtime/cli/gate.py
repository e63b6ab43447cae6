"""``photogate gate``: photos and folders in, a verdict a photo out, with reasons and advice, in order."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from edge_runtime.cli.inputs import expand_paths
from edge_runtime.cli.options import add_jobs_option, add_photo_options, add_rule_options, load_detectors
from edge_runtime.cli.progress import ProgressBar
from edge_runtime.cli.tables import SCORE_COLUMNS, Column, build_writer
from edge_runtime.cli.words import say
from edge_runtime.cli.work import work_through
from edge_runtime.cli.wrapping import display_width, fill
from edge_runtime.gate import Gate, Policy, RulePack
from edge_runtime.gate.catalogue import load_catalogue
from edge_runtime.gate.reasons import MARKS, find_mark
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import find_model
from edge_runtime.printable import blank_unprintable
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import PhotoScorer

__all__ = ["EXIT_REJECTED", "add_command", "run_gate", "summarize"]

EXIT_REJECTED = 3

_BY_KEY = {column.key: column for column in SCORE_COLUMNS}
GATE_COLUMNS = (
    _BY_KEY["path"],
    _BY_KEY["verdict"],
    _BY_KEY["quality"],
    Column("weighted", "weighted_quality", 8, lambda record: record["weighted_quality"], ".1f"),
    *(_BY_KEY[key] for key in ("sharpness", "noise", "exposure", "color", "composition")),
    Column("rules", "rules_passed", 5, lambda record: _count_passed(record)),
    Column("ms", "total_ms", 7, lambda record: record["timings_ms"]["total"], ".1f"),
    Column("", "reasons", 0, lambda record: " ".join(reason["code"] for reason in record["reasons"])),
    Column("", "rejected_by", 0, lambda record: _name_reasons(record, "reject")),
    Column("", "review_by", 0, lambda record: _name_reasons(record, "review")),
    Column("", "advised_by", 0, lambda record: _name_reasons(record, None)),
    Column("", "advice", 0, lambda record: " ".join(dict.fromkeys(reason["advice"] for reason in record["reasons"]))),
    Column("", "policy", 0, lambda record: record["policy"]),
    _BY_KEY["error_type"],
    _BY_KEY["error_message"],
)


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "gate",
        help="accept, review or reject photos, with reasons and advice",
        description="Judges photos by a policy and by the rules of marketplaces. A rule that could not be checked "
        "never counts as passed: what would be accepted is then to be reviewed.",
        epilog="Exit codes: 0 all fine, 1 some inputs failed, 2 wrong usage, or no usable model, policy, rule pack, "
        "interpreter, 3 a photo was rejected (also if other inputs failed).",
    )
    add_photo_options(parser)
    add_jobs_option(parser)
    add_rule_options(parser)
    parser.set_defaults(run=run_gate)


def run_gate(options: argparse.Namespace) -> int:
    """Judges what ``options.paths`` names.

    Returns:
        0; 3 if a photo was rejected, else 1 if an input failed.

    Raises:
        ModelError, PolicyError, RuntimeUnavailableError, UsageError: nothing can be judged at all.
    """
    gate, scorer = _build_gate(options, options.policy, options.rules)
    # Processes judge by what was read here: a pipe cannot be read again, and a file may have changed.
    build = partial(_build_action, options, gate.policy, gate.packs)
    inputs = list(expand_paths(options.paths, is_recursive=options.recursive))
    names = [entry.path if isinstance(entry, ScoreFailure) else entry for entry in inputs]
    writer = build_writer(options.format, sys.stdout, GATE_COLUMNS, names, options.language)
    counts = dict.fromkeys(("accept", "review", "reject", "failed"), 0)
    with scorer, ProgressBar(len(inputs)) as progress:
        for outcome in work_through(inputs, partial(_judge, gate), build, options.jobs):
            record = outcome.to_dict() if isinstance(outcome, ScoreFailure) else outcome
            counts[record.get("verdict", "failed")] += 1
            writer.write(record)
            if options.format == "table":
                _print_reasons(record, options.language)
            progress.advance()
    writer.close()
    if options.format == "table":
        print(summarize(gate, counts), file=sys.stderr)
    return EXIT_REJECTED if counts["reject"] else 1 if counts["failed"] else 0


def summarize(gate: Gate, counts: Mapping[str, int]) -> str:
    """A sentence, in the gate's language, on what came of photos: accept, review, reject, failed."""
    packs = "".join(say(gate.language, "pack", title=pack.title, date=pack.as_of) for pack in gate.packs)
    summary = say(gate.language, "gate", **counts)
    return say(gate.language, "policy", summary=summary, policy=gate.policy.name, packs=packs)


def _build_gate(
    options: argparse.Namespace, policy: Policy | str | None, rules: Sequence[RulePack | str]
) -> tuple[Gate, PhotoScorer]:
    with quiet_native_log():
        scorer = PhotoScorer.from_file(find_model(options.model), options.threads)
    detectors = load_detectors(options)
    return Gate(scorer, policy, rules, language=options.language, detectors=detectors), scorer


def _build_action(
    options: argparse.Namespace, policy: Policy, packs: Sequence[RulePack]
) -> Callable[[str], dict[str, Any]]:
    """What each process of ``--jobs`` does."""
    return partial(_judge, _build_gate(options, policy, packs)[0])


def _judge(gate: Gate, path: str) -> dict[str, Any]:
    return gate.judge(path).to_dict()


def _count_passed(record: Mapping[str, Any]) -> str:
    """ "5/8": rules passed of those that apply; empty without rules."""
    outcomes = record["rules"]
    return f"{sum(outcome['state'] == 'passed' for outcome in outcomes)}/{len(outcomes)}" if outcomes else ""


def _name_reasons(record: Mapping[str, Any], decides: str | None) -> str:
    """Those that decide so, each with what it is about: "amazon/background:background_not_white; exposure:..."."""
    reasons = (reason for reason in record["reasons"] if reason["decides"] == decides)
    return "; ".join(f"{reason.get('rule') or reason['attribute']}:{reason['code']}" for reason in reasons)


def _print_reasons(record: Mapping[str, Any], language: str) -> None:
    """In the gate's order; reasons with one piece of advice, as for text and watermarks, share it."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for reason in record.get("reasons", ()):
        groups.setdefault((find_mark(reason), reason["advice"]), []).append(reason)
    catalogue = load_catalogue(language)
    words = {mark: catalogue.say(f"mark.{mark}") for mark in MARKS}
    widest = max(map(display_width, words.values()))
    for (mark, advice), reasons in groups.items():
        names = ", ".join(reason.get("rule") or catalogue.say(f"attribute.{reason['attribute']}") for reason in reasons)
        label = words[mark] + " " * (widest - display_width(words[mark]))
        text = f"{label}  {names}: {' '.join(reason['message'] for reason in reasons)} {advice}"
        # The extension in a message comes from a file's name, and the words perhaps from somebody's policy.
        text = blank_unprintable(text)
        print(fill(text, initial_indent=" " * 4, subsequent_indent=" " * 12), flush=True)
