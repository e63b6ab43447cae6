"""Where the store lies when nobody says so: the folder that each system has for a user's data."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from edge_runtime.errors import UsageError

__all__ = ["STORE_VARIABLE", "find_default_store"]

STORE_VARIABLE = "PHOTOGATE_FEEDBACK"
FILE_NAME = "feedback.sqlite3"


def find_default_store(environment: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """The store's file: ``$PHOTOGATE_FEEDBACK``, or ``photogate/feedback.sqlite3`` in the user's data folder.

    That folder is ``%LOCALAPPDATA%`` on Windows, ``~/Library/Application Support`` on macOS, and elsewhere
    ``$XDG_DATA_HOME`` or ``~/.local/share`` (XDG Base Directory Specification 0.8; relative paths are ignored, as it
    says).

    Args:
        environment: the variables; None: the process's own.
        platform: as ``sys.platform``.

    Raises:
        UsageError: the user has no home folder.
    """
    variables = os.environ if environment is None else environment
    named = variables.get(STORE_VARIABLE)
    if named:
        return Path(named)
    if platform == "win32" and variables.get("LOCALAPPDATA"):
        return Path(variables["LOCALAPPDATA"]) / "photogate" / FILE_NAME
    data = variables.get("XDG_DATA_HOME", "")
    if platform not in ("win32", "darwin") and Path(data).is_absolute():
        return Path(data) / "photogate" / FILE_NAME
    try:
        home = Path(variables["HOME"]) if variables.get("HOME") else Path.home()
    except RuntimeError as error:
        raise UsageError(
            f"no home folder to keep feedback in ({error}); pass --store FILE, or set {STORE_VARIABLE}"
        ) from error
    if platform == "win32":
        return home / "AppData" / "Local" / "photogate" / FILE_NAME
    if platform == "darwin":
        return home / "Library" / "Application Support" / "photogate" / FILE_NAME
    return home / ".local" / "share" / "photogate" / FILE_NAME
