"""The monitor's memory over restarts: one JSON file, replaced in one step."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from edge_runtime.errors import SourceError
from edge_runtime.output_file import write_output

__all__ = ["STATE_SCHEMA", "load_state", "save_state"]

STATE_SCHEMA = 1

logger = logging.getLogger(__name__)


def load_state(path: Path) -> dict[str, Any]:
    """What was kept; empty if there is nothing that can be read.

    A file that is broken is put aside under the name "….broken", so that the monitor starts, and learns again.

    Raises:
        SourceError: the file was written by a newer version of photogate.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(kept, dict) or not isinstance(kept.get("schema"), int):
            raise ValueError("it has no schema")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("%s: the monitor's state cannot be read (%s); everything is learnt anew", path, error)
        try:
            path.replace(path.with_name(path.name + ".broken"))
        except OSError:
            logger.warning("%s: it cannot be put aside either", path)
        return {}
    if kept["schema"] > STATE_SCHEMA:
        raise SourceError(
            f"{path}: the monitor's state has schema {kept['schema']}, this version of photogate knows {STATE_SCHEMA}; "
            "update photogate, or move the file away to learn anew"
        )
    return kept


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Replaces the file.

    Raises:
        UsageError: the disk is full, or the like; the older file is as it was.
    """
    write_output(path, json.dumps({"schema": STATE_SCHEMA, **state}, ensure_ascii=False), force=True)
