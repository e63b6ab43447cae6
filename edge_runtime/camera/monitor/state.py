"""The monitor's memory over restarts: one JSON file, replaced in one step."""

from __future__ import annotations

import json
import logging
import math
import reprlib
from pathlib import Path
from typing import Any, NoReturn

from edge_runtime.errors import SourceError
from edge_runtime.output_file import write_output

__all__ = ["STATE_SCHEMA", "load_state", "read_count", "read_number", "save_state"]

STATE_SCHEMA = 1
MAX_COUNT = 2**53  # milliseconds of 285,000 years

logger = logging.getLogger(__name__)


def load_state(path: Path) -> dict[str, Any]:
    """What was kept; empty if there is nothing that can be read.

    A file that is broken is put aside under the name "….broken", so that the monitor starts, and learns again.

    Raises:
        SourceError: the file was written by a newer version of photogate.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"), parse_float=_read_float, parse_constant=_refuse)
        if not isinstance(kept, dict) or type(kept.get("schema")) is not int:
            raise ValueError("it has no schema")
        _check_schema(path, kept["schema"])
        cameras = kept.get("cameras", {})
        if not isinstance(cameras, dict) or not all(isinstance(entry, dict) for entry in cameras.values()):
            raise ValueError("its cameras are no objects by name")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s: the monitor's state cannot be read (%s); everything is learnt anew", path, error)
        try:
            path.replace(path.with_name(path.name + ".broken"))
        except OSError:
            logger.warning("%s: it cannot be put aside either", path)
        return {}
    return kept


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Replaces the file.

    Raises:
        UsageError: the disk is full, or the like; the older file is as it was.
    """
    write_output(path, json.dumps({"schema": STATE_SCHEMA, **state}, ensure_ascii=False), force=True)


def read_count(value: Any, low: int = 0, high: int = MAX_COUNT) -> int:
    """A whole number out of the state.

    Raises:
        ValueError: it is something else, or out of range.
    """
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{reprlib.repr(value)} is no whole number from {low} to {high}")
    return value


def read_number(value: Any, low: float, high: float) -> float:
    """A number out of the state.

    Raises:
        ValueError: it is something else, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{reprlib.repr(value)} is no number from {low:g} to {high:g}")
    return float(value)


def _check_schema(path: Path, schema: int) -> None:
    if schema > STATE_SCHEMA:
        raise SourceError(
            f"{path}: the monitor's state has schema {schema}, this version of photogate knows {STATE_SCHEMA}; "
            "update photogate, or move the file away to learn anew"
        )


def _read_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"it holds {text[:40]}, which is no number")
