"""The parser of a subcommand."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["CommandParser"]


class CommandParser(argparse.ArgumentParser):
    """Refuses what it does not know by itself, with its own usage.

    argparse hands the unknown arguments of a subcommand up to the main parser, whose usage knows none of its options.
    For ``add_subparsers(parser_class=CommandParser)``; the words of a subcommand get the same class from it.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but nothing unknown is left over: the second of the pair is empty."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown
