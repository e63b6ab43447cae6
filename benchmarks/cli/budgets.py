"""``python -m benchmarks budgets``: whether a change has made something worse than it may be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.budgets.check import BudgetOptions, check_budgets, format_budgets
from benchmarks.cli.options import EXIT_FINE, EXIT_ROW_FAILED, add_artifact
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``budgets``."""
    command = add_subcommand(
        commands,
        "budgets",
        help="the regression guard: ratios, sizes and golden scores against their limits, in under a minute",
        description="Measures what benchmarks/budgets.toml limits and prints a table. Exits with 1 if a budget is "
        "missed; what is too noisy to tell after a second try is said, and fails nothing.",
    )
    add_artifact(command)
    command.set_defaults(call=_run, artifact=BudgetOptions.artifact)
    command.add_argument("--budgets", type=Path, default=BudgetOptions.budgets, help="TOML file of the limits")


def _run(parsed: argparse.Namespace) -> int:
    checked = check_budgets(build_options(BudgetOptions, parsed))
    print(format_budgets(checked))
    return EXIT_ROW_FAILED if any(one.state == "MISSED" for one in checked) else EXIT_FINE
