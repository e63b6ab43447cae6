"""``python -m benchmarks device``: boards and phones. What runs on the board itself is in benchmarks.device."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.cli.options import EXIT_FINE
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.device.__main__ import add_board_commands
from benchmarks.device.android import AndroidOptions, run_android
from benchmarks.device.pack import PackOptions, run_pack
from benchmarks.device.record import format_record
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``device``."""
    parser = add_subcommand(
        commands,
        "device",
        help="latency on a Raspberry Pi, a Jetson, any Linux board, or an Android phone",
        description="`pack` makes one file to copy onto a board, `bench` runs there (and here), `compare` says whether "
        "two machines answer alike, `android` runs LiteRT's own benchmark_model on a phone.",
    )
    subcommands = parser.add_subparsers(dest="device_command", required=True, metavar="COMMAND")
    add_board_commands(subcommands)
    _add_pack(subcommands)
    _add_android(subcommands)


def _add_pack(commands: Any) -> None:
    command = add_subcommand(
        commands,
        "pack",
        help="make one file to copy onto a board",
        description="Makes a file that runs with Python, numpy and the interpreter alone.",
    )
    command.set_defaults(call=_run_pack)
    _add_models(command)
    command.add_argument("--out", type=Path, default=PackOptions.out, help="the file")
    _add_force(command)


def _run_pack(parsed: argparse.Namespace) -> int:
    path = run_pack(build_options(PackOptions, parsed))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; copy it to the board and run: python3 {path.name} bench")
    return EXIT_FINE


def _add_android(commands: Any) -> None:
    command = add_subcommand(
        commands,
        "android",
        help="run LiteRT's benchmark_model on a phone by adb",
        description="Copies the models and Google's benchmark_model to the phone, runs it, reads it, and clears away.",
    )
    command.set_defaults(call=_run_android)
    _add_models(command)
    add = command.add_argument
    add("--benchmark-model", type=Path, required=True, help="Google's program, built for the phone")
    add("--threads", type=int, nargs="+", default=list(AndroidOptions.threads), help="of the interpreter")
    add("--xnnpack", nargs="+", choices=("on", "off"), default=list(AndroidOptions.xnnpack), help="with it, without it")
    add("--repeats", type=int, default=AndroidOptions.repeats, help="runs of each setting, in turns with the others")
    add("--runs", dest="num_runs", type=int, default=AndroidOptions.num_runs, help="invokes of one run, at least")
    add("--serial", help="of one phone among several")
    add("--adb", default=AndroidOptions.adb, help="name or path of the program")
    add("--out", type=Path, help="JSON file to write")
    _add_force(command)


def _run_android(parsed: argparse.Namespace) -> int:
    print(format_record(run_android(build_options(AndroidOptions, parsed))))
    return EXIT_FINE


def _add_models(command: argparse.ArgumentParser) -> None:
    command.add_argument("models", type=Path, nargs="*", metavar="MODEL", help=".tflite files; without any, what ships")


def _add_force(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", dest="is_forced", action="store_true", help="replace --out")
