"""``photogate doctor``: what is wrong with this machine, and what to do about it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from edge_runtime._version import __version__
from edge_runtime.errors import PhotogateError
from edge_runtime.formats import has_heif_plugin
from edge_runtime.interpreter import Interpreter, count_worst_partitions, quiet_native_log, select_runtime
from edge_runtime.model_file import read_model, unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.scorer import PhotoScorer
from edge_runtime.speed import draw_frame

__all__ = ["Finding", "add_command", "run_doctor"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: "ok", "note" (works, could be better) or "fault" (photos cannot be scored)."""

    state: Literal["ok", "note", "fault"]
    subject: str
    text: str


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "doctor",
        help="find out what is wrong with this machine",
        description="Looks at Python, the libraries, the interpreter and the model, and scores a drawn picture.",
        epilog="Exit codes: 0 photos can be scored, 1 they cannot, 2 wrong usage.",
    )
    parser.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    """Prints one line a finding.

    Returns:
        0, or 1 if a finding is a fault.
    """
    checks: list[Callable[[], Finding]] = [
        _check_python,
        _check_numpy,
        _check_pillow,
        _check_heif,
        _check_interpreter,
        _check_model,
        _check_delegate,
        _check_scoring,
    ]
    faults = 0
    for check in checks:
        subject = check.__name__.removeprefix("_check_")
        try:
            with quiet_native_log():
                finding = check()
        except PhotogateError as error:
            finding = Finding("fault", subject, str(error))
        except Exception as error:  # a doctor reports what breaks, whatever it is
            finding = Finding("fault", subject, f"{type(error).__name__}: {error}; install photogate again")
        faults += finding.state == "fault"
        print(f"{finding.state:<5}  {finding.subject:<11}  {finding.text}", flush=True)
    print(f"{faults} faults: photos cannot be scored" if faults else "photos can be scored", file=sys.stderr)
    return 1 if faults else 0


def _check_python() -> Finding:
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores, {_read_cpu_name()}"
    text = f"photogate {__version__} on Python {platform.python_version()}, {where}"
    return Finding("ok", "python", text)


def _read_cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 (not a regular file)
            for line in lines:
                if line.startswith(("model name", "Model")):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or "CPU of unknown name"


def _check_numpy() -> Finding:
    return Finding("ok", "numpy", np.__version__)


def _check_pillow() -> Finding:
    from PIL import features

    version = features.version("pil")
    missing = [name for name, feature in (("JPEG", "jpg"), ("PNG", "zlib")) if not features.check(feature)]
    if missing:
        return Finding(
            "fault", "pillow", f"{version} without {', '.join(missing)}; pip install --force-reinstall pillow"
        )
    if not features.check("libjpeg_turbo"):
        return Finding(
            "note", "pillow", f"{version} without libjpeg-turbo: JPEGs decode several times slower; use a wheel of PyPI"
        )
    if not features.check("littlecms2"):
        return Finding(
            "note",
            "pillow",
            f"{version} without LittleCMS: photos that are not sRGB, as of iPhones, look duller to the model than they "
            "are; use a wheel of PyPI",
        )
    lacks = [name for name, feature in (("WebP", "webp"), ("AVIF", "avif")) if feature not in features.modules]
    lacks += [
        name
        for name, feature in (("WebP", "webp"), ("AVIF", "avif"))
        if feature in features.modules and not features.check(feature)
    ]
    text = f"{version} with libjpeg-turbo {features.version('libjpeg_turbo')}"
    if lacks:
        return Finding(
            "note", "pillow", f"{text}, without {' and '.join(lacks)}: such photos are refused; upgrade pillow"
        )
    return Finding("ok", "pillow", text)


def _check_heif() -> Finding:
    if not has_heif_plugin():
        return Finding("note", "heic", "HEIC photos (iPhones) are refused without the plugin: pip install pillow-heif")
    return Finding("ok", "heic", f"pillow-heif {importlib.metadata.version('pillow-heif')}")


def _check_interpreter() -> Finding:
    _, name = select_runtime()
    return Finding("ok", "interpreter", name)


def _check_model() -> Finding:
    path = find_model(DEFAULT_MODEL)
    _, contract = unpack_model(path)
    text = f"{contract.name} {contract.version}, {contract.precision}, sha256 {contract.sha256[:12]}, {path}"
    return Finding("ok", "model", text)


def _check_delegate() -> Finding:
    partitions = count_worst_partitions([Interpreter(each) for each in read_model(find_model(DEFAULT_MODEL)).networks])
    if partitions < 0:
        return Finding("note", "xnnpack", "this interpreter does not tell whether XNNPACK is used")
    if partitions == 0:
        return Finding("note", "xnnpack", "not used: scoring is many times slower; pip install ai-edge-litert")
    return Finding("ok", "xnnpack", f"runs the model in {partitions} piece{'s' if partitions > 1 else ''}")


def _check_scoring() -> Finding:
    with PhotoScorer.default() as scorer:
        spec = scorer.contract.view
        frame = draw_frame(2 * spec.width_px, 2 * spec.height_px)  # any picture would do, this one needs no file
        scorer.score(frame)  # the first run also sets up memory
        score = scorer.score(frame)
        if scorer.score(frame).quality != score.quality:
            return Finding("fault", "scoring", "the same picture got two scores; reinstall or change the interpreter")
    return Finding(
        "ok",
        "scoring",
        f"a drawn picture scores {score.quality:.1f} in {score.timings.total_ms:.1f} ms "
        f"({score.timings.inference_ms:.1f} ms of it inference)",
    )
