"""``photogate models``: which models are installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from edge_runtime.cli.options import add_format_option
from edge_runtime.cli.tables import Column, build_writer
from edge_runtime.errors import PhotogateError
from edge_runtime.model_file import unpack_model
from edge_runtime.models import list_models

__all__ = ["add_command", "run_models"]

MODEL_COLUMNS = (
    Column("name", "name", 4, lambda record: record["name"]),
    Column("version", "version", 8, lambda record: record["version"]),
    Column("precision", "precision", 9, lambda record: record["precision"]),
    Column("view", "view", 9, lambda record: record["view"]),
    Column("bytes", "size_bytes", 9, lambda record: record["size_bytes"], "d"),
    Column("sha256", "sha256", 64, lambda record: record["sha256"]),
    Column("card", "card", 0, lambda record: record["card"] or "none"),
    Column("", "path", 0, lambda record: record["path"]),
    Column("", "error_type", 0, lambda record: record["error"]["type"]),
    Column("", "error_message", 0, lambda record: record["error"]["message"]),
)


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "models",
        help="list the installed models",
        description="Lists the models that are installed with photogate, and checks each file's digest.",
        epilog="Exit codes: 0 all fine, 1 a model is damaged or none is installed, 2 wrong usage.",
    )
    add_format_option(parser)
    parser.set_defaults(run=run_models)


def run_models(options: argparse.Namespace) -> int:
    """Prints one record a model.

    Returns:
        0, or 1 if a model is damaged or none is installed.
    """
    paths = list_models()
    writer = build_writer(options.format, sys.stdout, MODEL_COLUMNS, [path.stem for path in paths])
    failed = 0
    for path in paths:
        record = _describe(path)
        failed += "error" in record
        writer.write(record)
    writer.close()
    if not paths:
        print("photogate models: no model is installed; install photogate again", file=sys.stderr)
    return 1 if failed or not paths else 0


def _describe(path: Path) -> dict[str, Any]:
    try:
        _, contract = unpack_model(path)
        size_bytes = path.stat().st_size
    except (PhotogateError, OSError) as error:
        message = {"type": type(error).__name__, "message": str(error)}
        return {"name": path.stem, "path": str(path), "error": message}
    card = path.with_suffix(".md")
    return {
        "name": contract.name,
        "version": contract.version,
        "precision": contract.precision,
        "view": f"{contract.view.width_px}x{contract.view.height_px}",
        "size_bytes": size_bytes,
        "sha256": contract.sha256,
        "card": str(card) if card.is_file() else None,
        "path": str(path),
    }
