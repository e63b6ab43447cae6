"""The folder in which a monitor keeps everything: one monitor's at a time."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from edge_runtime.errors import UsageError

__all__ = ["FolderClaim"]

logger = logging.getLogger(__name__)


class FolderClaim:
    """Keeps other monitors out of a folder, for each would write its state over the other's.

    The lock is one of SQLite's, which knows how to get one on every system; it goes with its process, however that
    ends. Nothing is written.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the folder if need be, and claims it. Where there are no locks, nobody is kept out.

        Raises:
            UsageError: it cannot be made, or another monitor has it.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{folder}: cannot make the monitor's folder: {error.strerror or error}; choose another"
            ) from error
        self._lock: sqlite3.Connection | None = None
        try:
            self._lock = sqlite3.connect(
                folder / "monitor.lock", timeout=0, isolation_level=None, check_same_thread=False
            )
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self.release()
            if "is locked" in str(error):
                raise UsageError(
                    f"{folder}: another monitor is using this folder; stop it, or give each one a folder of its own"
                ) from error
            logger.warning("%s: other monitors cannot be kept out of this folder: %s", folder, error)

    def release(self) -> None:
        """Lets others have it; a second time does nothing."""
        if self._lock is not None:
            self._lock.close()
