"""What the stage commands of ``python -m train`` and ``python -m compress`` share: errors become exit codes."""

from __future__ import annotations

import argparse
import sys

from edge_runtime.errors import PhotogateError

__all__ = ["run_stage"]

_OWN_PACKAGES = ("compress", "edge_runtime", "train")
_RESUMED = ("fit-teacher", "label", "distill", "search", "run")  # the others take no longer than what they would keep


def run_stage(package: str, arguments: argparse.Namespace) -> int:
    """Runs ``arguments.run`` and says on standard error what went wrong, in one line.

    Args:
        package: "train" or "compress": the command's name, and the extra that brings its libraries.
        arguments: as parsed, with ``stage`` and ``run``.

    Returns:
        0 when it went well, 2 for wrong usage or input or a missing library, 130 after an interruption.
    """
    command = f"python -m {package} {arguments.stage}"
    try:
        arguments.run(arguments)
    except PhotogateError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _OWN_PACKAGES:
            raise
        print(f"{command}: {error.name} is not installed: pip install '.[{package}]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        way = "begins anew"
        if arguments.stage in _RESUMED:
            way = "without --force resumes" if getattr(arguments, "force", False) else "resumes"
        print(f"interrupted; the same command {way}", file=sys.stderr)
        return 130
    return 0
