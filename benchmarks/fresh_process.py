"""Python in a process of its own, with this checkout's packages to import: for what only a fresh process can tell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_runtime.errors import UsageError

__all__ = ["REPOSITORY", "build_environment", "build_import_measure", "run_python"]

REPOSITORY = Path(__file__).resolve().parents[1]
IMPORT_CODE = "from time import process_time as now; start = now(); import {module}; print(now() - start)"


def build_environment(**further: str) -> dict[str, str]:
    """This process's environment variables, with the checkout in Python's search path, and ``further`` ones."""
    search_path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": search_path, **further}


def build_import_measure(module: str) -> Callable[[], float]:
    """A measure of importing ``module`` in a fresh process: processor time in milliseconds, Python's start left out."""
    return lambda: 1e3 * float(run_python(("-c", IMPORT_CODE.format(module=module))))


def run_python(arguments: Sequence[str], *, timeout_s: float = 300.0) -> str:
    """Runs this interpreter with ``arguments`` and waits for it.

    Args:
        arguments: as on the command line, e.g. ("-c", "import numpy").
        timeout_s: then it is ended.

    Returns:
        What it wrote on its standard output.

    Raises:
        UsageError: it took too long, or did not end with 0; the message holds the last line it wrote on
            its standard error.
    """
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=build_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"took over {timeout_s:.0f} s; stop what else runs here, or wait longer") from error
    if done.returncode != 0:
        raise UsageError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return done.stdout
