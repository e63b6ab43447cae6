"""``photogate rules``: which rule packs there are, what they ask, and whether one of your own is written rightly."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from edge_runtime.cli.tables import Column, build_writer
from edge_runtime.errors import PolicyError
from edge_runtime.gate import Rule, RulePack, list_packs, load_pack
from edge_runtime.gate.check_names import CHECKS
from edge_runtime.gate.checks import format_limit
from edge_runtime.printable import make_printable

__all__ = ["add_command", "run_check", "run_list", "run_show"]

EXIT_CODES = "Exit codes: 0 all fine, 1 a pack cannot be used, 2 wrong usage."
FORMATS = ("table", "jsonl", "csv")

PACK_COLUMNS = (
    Column("pack", "pack", 4, lambda record: record["pack"]),
    Column("title", "title", 22, lambda record: record["title"]),
    Column("rules", "rules", 5, lambda record: record["rules"], "d"),
    Column("as of", "as_of", 10, lambda record: record["as_of"]),
    Column("source", "source", 0, lambda record: record["source"]),
    Column("", "error_type", 0, lambda record: record["error"]["type"]),
    Column("", "error_message", 0, lambda record: record["error"]["message"]),
)


def add_command(commands: Any) -> None:
    """Adds the command and its three words to argparse's subparsers."""
    parser = commands.add_parser(
        "rules",
        help="list, show or check the rule packs of marketplaces",
        description="Rule packs are TOML files; `photogate gate --rules PACK` holds photos against them.",
        epilog=EXIT_CODES,
    )
    words = parser.add_subparsers(dest="word", required=True, metavar="list|show|check")
    listing = words.add_parser("list", help="the installed packs", epilog=EXIT_CODES)
    listing.add_argument("--format", choices=FORMATS, default="table", help="output (default: %(default)s)")
    listing.set_defaults(run=run_list)
    showing = words.add_parser("show", help="what a pack asks", epilog=EXIT_CODES)
    showing.add_argument("pack", metavar="PACK", help="an installed pack's name, or a TOML file")
    showing.add_argument("--format", choices=("table", "jsonl"), default="table", help="output (default: %(default)s)")
    showing.set_defaults(run=run_show)
    checking = words.add_parser("check", help="whether packs are written rightly", epilog=EXIT_CODES)
    checking.add_argument("packs", nargs="+", metavar="PACK", help="an installed pack's name, or a TOML file")
    checking.add_argument("--format", choices=FORMATS, default="table", help="output (default: %(default)s)")
    checking.set_defaults(run=run_check)


def run_list(options: argparse.Namespace) -> int:
    """Prints one record an installed pack.

    Returns:
        0, or 1 if one cannot be used.
    """
    return _print_packs(tuple(list_packs()), options.format)


def run_check(options: argparse.Namespace) -> int:
    """Reads packs and says what is wrong with them.

    Returns:
        0, or 1 if one cannot be used.
    """
    return _print_packs(options.packs, options.format, _load_past_pack)


def run_show(options: argparse.Namespace) -> int:
    """Prints a pack with all its rules.

    Returns:
        0.

    Raises:
        PolicyError: the pack cannot be used.
    """
    pack = load_pack(options.pack)
    if options.format == "jsonl":
        print(json.dumps(pack.to_dict()))
        return 0
    for line in _describe_pack(pack):
        print(make_printable(line))  # a pack may come from anywhere
    return 0


def _load_past_pack(name: str) -> RulePack:
    """A pack whose date has come; it may be tomorrow's, which begins earlier in other parts of the world.

    Raises:
        PolicyError: it has not, or the pack cannot be used.
    """
    pack = load_pack(name)
    if pack.as_of > date.today() + timedelta(days=1):
        raise PolicyError(
            f"{name}: as_of is {pack.as_of}, in the future; write the day on which the rules were last looked up"
        )
    return pack


def _print_packs(names: Sequence[str], form: str, load: Callable[[str], RulePack] = load_pack) -> int:
    writer = build_writer(form, sys.stdout, PACK_COLUMNS, names)
    failed = 0
    for name in names:
        try:
            record = _summarize(name, load(name))
        except PolicyError as error:
            failed += 1
            record = {"pack": name, "path": name, "error": {"type": type(error).__name__, "message": str(error)}}
        writer.write(record)
    writer.close()
    return 1 if failed else 0


def _summarize(name: str, pack: RulePack) -> dict[str, Any]:
    return {
        "pack": name,
        "name": pack.name,
        "title": pack.title,
        "scope": pack.scope,
        "rules": len(pack.rules),
        "as_of": pack.as_of.isoformat(),
        "source": pack.source,
    }


def _describe_pack(pack: RulePack) -> Iterator[str]:
    yield f"{pack.title}: {pack.scope}" if pack.scope else pack.title
    yield f"source: {pack.source}, as of {pack.as_of}"
    today = date.today()
    width = max(len(rule.name) for rule in pack.rules)
    for rule in pack.rules:
        yield f"  {rule.level:<6}  {rule.name:<{width}}  {_describe(rule, today)}"
    if pack.leaves_out:
        yield f"not in this pack: {pack.leaves_out}"


def _describe(rule: Rule, today: date) -> str:
    """A rule in one line: "longest_side at least 500 px (note)"."""
    unit = CHECKS[rule.check].unit
    parts = [rule.check]
    if rule.minimum is not None:
        parts.append(f"at least {format_limit(rule.minimum)} {unit}".rstrip())
    if rule.maximum is not None:
        parts.append(
            f"{'and ' if rule.minimum is not None else ''}at most {format_limit(rule.maximum)} {unit}".rstrip()
        )
    if rule.formats:
        parts.append(", ".join(rule.formats))
    if rule.check in ("border", "text", "watermark"):
        parts.append("none")
    if rule.applies_from is not None:
        begins = "since" if rule.applies_from <= today else "only advised until it applies: from"
        parts.append(f"({begins} {rule.applies_from})")
    if rule.applies_until is not None:
        parts.append(f"(until {rule.applies_until})")
    return " ".join(parts) + (f": {rule.note}" if rule.note else "")
