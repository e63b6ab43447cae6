"""``python -m benchmarks peers``: public models and classical measures beside photogate on the same photos."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.cli.options import (
    EXIT_FINE,
    EXIT_ROW_FAILED,
    add_artifact,
    add_output,
    add_photos,
)
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options
from benchmarks.peers.catalogue import PEER_KEYS
from benchmarks.peers.report import format_peers
from benchmarks.peers.run import PeersOptions, run_peers

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``peers``."""
    command = add_subcommand(
        commands,
        "peers",
        help="public models and classical measures beside photogate on the same photos",
        description="Judges NIMA, BRISQUE, NIQE, cleanvision, the variance of the Laplacian and a boosted baseline, "
        "whichever are installed, and writes peers.json, peers.md and peers.png.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part=PeersOptions.part, parts=("test", "validation", "train"))
    add_output(command, "folder for the results")
    add_artifact(command)
    add = command.add_argument
    add(
        "--peers",
        type=Path,
        default=Path("../shared/peers"),
        help="folder with the NIMA .tflite files and the parameters of BRISQUE and NIQE",
    )
    add("--rows", nargs="+", choices=PEER_KEYS, metavar="ROW", help=f"only these, out of: {', '.join(PEER_KEYS)}")
    add("--limit", type=int, help="judge this many photos at most, evenly spaced over the part")
    add("--train-limit", type=int, help="learn the baseline and the maps from this many photos at most")
    add("--timed-photos", type=int, default=PeersOptions.timed_photos, help="decoded photos for the latencies")
    add("--resamples", type=int, default=PeersOptions.resamples, help="of each bootstrap interval")


def _run(parsed: argparse.Namespace) -> int:
    report = run_peers(build_options(PeersOptions, parsed))
    print(format_peers(report))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if any(peer["is_failed"] for peer in report["peers"]) else EXIT_FINE
