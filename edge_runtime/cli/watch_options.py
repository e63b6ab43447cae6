"""The options of ``photogate watch``, and what they mean for its sources."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import get_args

from edge_runtime.camera.frames import PixelFormat, Rotation
from edge_runtime.camera.sources import SourceOptions
from edge_runtime.cli.options import read_count
from edge_runtime.errors import UsageError
from edge_runtime.gate.catalogue import LANGUAGES
from edge_runtime.models import DEFAULT_MODEL
from edge_runtime.paths import exists

__all__ = ["add_watch_options", "build_source_options", "name_sources"]

MAX_SECONDS = 1e9  # three decades
MIN_RATE = 1e-6  # a frame in twelve days; in milliseconds both still are numbers that one can wait for
NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=(.+)")  # no address and no path begins like this, but for odd files


def add_watch_options(parser: argparse.ArgumentParser) -> None:
    """Adds all of them."""
    add = parser.add_argument
    add("sources", nargs="+", metavar="SOURCE", help="see below; NAME=SOURCE gives it a name for the output")
    add("--model", default=DEFAULT_MODEL, metavar="M", help="an installed model's name or a .tflite file")
    add("--threads", type=read_count(1), default=1, metavar="N", help="of the model, for all sources together")
    add("--policy", type=Path, metavar="P", help="a TOML file of limits (default: the built-in policy)")
    add("--language", choices=LANGUAGES, default="en", help="of advice (default: %(default)s)")

    output = parser.add_argument_group("output")
    add = output.add_argument
    add("--format", choices=("jsonl", "text"), help="default: jsonl; with --view on a terminal, no lines at all")
    add("--every", type=_seconds, default=0.0, metavar="SECONDS", help="at most one result of a source in this time")
    add("--duration", type=_positive_seconds, metavar="SECONDS", help="end after this time")
    add("--view", action="store_true", help="a window with the score; a line of text where no window can be opened")
    add("--best-shot", type=Path, metavar="OUT.jpg", help="keep the best frame of the last seconds in this file")
    add("--best-seconds", type=_positive_seconds, default=10.0, metavar="SECONDS", help="how long (default: 10)")
    add("--force", action="store_true", help="replace the file of --best-shot")

    add("--monitor", type=Path, metavar="FILE.toml", help="print events of a shelf monitor instead of scores")
    add("--relearn", action="store_true", help="with --monitor: learn anew what is usual, since a shelf was built anew")

    source = parser.add_argument_group("sources")
    add = source.add_argument
    add("--size", type=_size, metavar="WxH", help="of raw frames on standard input; asked of a camera")
    add("--pixel-format", choices=get_args(PixelFormat), help="of raw frames on standard input")
    add("--fps", type=_rate, help="of a folder (default: 1) and of standard input; asked of a camera")
    add("--max-fps", type=_rate, default=0.0, metavar="FPS", help="look at no more frames a second than that")
    add("--rotation", type=int, choices=get_args(Rotation), default=0, help="degrees clockwise to turn it upright")
    add("--realtime", action="store_true", help="play files and folders at their own speed, as if a camera took them")
    add("--no-skip-unchanged", action="store_true", help="score frames that look like the one before, too")
    add("--wait", action="store_true", help="wait for a camera or stream that is not there yet")
    add("--retries", type=read_count(0), metavar="N", help="give a lost stream up after N attempts (default: never)")
    add("--rtsp-transport", choices=("tcp", "udp"), default="tcp", help="default: %(default)s")


def build_source_options(options: argparse.Namespace) -> SourceOptions:
    """What ``open_source`` is to be told.

    Raises:
        SourceError: a value out of range, or two that do not fit each other.
    """
    return SourceOptions(
        size=options.size,
        pixel_format=options.pixel_format,
        fps=options.fps,
        max_fps=options.max_fps,
        rotation=options.rotation,
        is_paced=options.realtime,
        waits_for_signal=options.wait,
        max_retries=options.retries,
        rtsp_transport=options.rtsp_transport,
    )


def name_sources(texts: list[str]) -> list[tuple[str | None, str]]:
    """Takes "door=rtsp://..." apart: (name, source); without a name, None. A file called so wins over a name.

    Raises:
        UsageError: two sources are the same, or have the same name.
    """
    named: list[tuple[str | None, str]] = []
    for text in texts:
        match = NAMED.fullmatch(text)
        has_name = match is not None and not exists(text)
        named.append((match[1], match[2]) if has_name and match is not None else (None, text))
    names = [name for name, _ in named if name is not None]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two sources are called {name}; give each a name of its own")
    sources = [source for _, source in named]
    for number, source in enumerate(sources, 1):
        if sources.count(source) > 1:
            raise UsageError(
                f"source number {number} is given twice; a camera can be read once only, so leave one of the two out"
            )
    return named


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]+)[x×]([0-9]+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 1280x720")
    return int(match[1]), int(match[2])


def _seconds(text: str) -> float:
    seconds = float(text)  # argparse turns the ValueError into a usage message
    if not 0 <= seconds <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} s is not possible; pass 0 to {MAX_SECONDS:.0f}")
    return seconds


def _positive_seconds(text: str) -> float:
    seconds = _seconds(text)
    if not seconds:
        raise argparse.ArgumentTypeError("0 s is too short; pass more")
    return seconds


def _rate(text: str) -> float:
    rate = float(text)
    if not MIN_RATE <= rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} frames a second are not possible; pass {MIN_RATE:f} or more")
    return rate


_seconds.__name__ = _positive_seconds.__name__ = "seconds"  # argparse: "invalid seconds value: 'two'"
_rate.__name__ = "rate"
