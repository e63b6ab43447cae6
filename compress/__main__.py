"""``python -m compress``: compress a student, and check what compressing did to it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from train.command import run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a stage; 0 when it went well, 2 for wrong usage or input."""
    arguments = _build_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the losses' operations must match tf_keras
    return run_stage("compress", arguments)


# The stages are imported when they run: --help must not wait for TensorFlow.


def _run(arguments: argparse.Namespace) -> None:
    from compress.run import run

    path = run(arguments.recipe, arguments.student, arguments.out, labels=arguments.labels, force=arguments.force)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def _recalibrate(arguments: argparse.Namespace) -> None:
    from compress.recalibrate import recalibrate

    artifact, recipe, labels, out = arguments.artifact, arguments.recipe, arguments.labels, arguments.out
    print(recalibrate(artifact, recipe, labels, out, detail=arguments.detail, force=arguments.force))


def _validate(arguments: argparse.Namespace) -> None:
    from compress.validate import format_report, validate

    print(format_report(validate(arguments.artifact, arguments.data, part=arguments.part, limit=arguments.limit)))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compress", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    run = stages.add_parser("run", help="prune, quantise, calibrate and pack a student")
    run.add_argument("--recipe", type=Path, required=True, help="compress/recipes/*.toml")
    run.add_argument("--student", type=Path, required=True, help="artifact of python -m train distill")
    run.add_argument("--labels", type=Path, help="artifact of python -m train label, if it has moved since")
    run.add_argument("--out", type=Path, required=True, help="artifact folder to make; an unfinished one is resumed")
    run.add_argument("--force", action="store_true", help="replace what --out holds")
    run.set_defaults(run=_run)
    recalibrate = stages.add_parser("recalibrate", help="the models of an artifact with a contract made anew")
    recalibrate.add_argument("artifact", type=Path, help="artifact of python -m compress run")
    recalibrate.add_argument("--recipe", type=Path, required=True, help="differs from the artifact's in [contract]")
    recalibrate.add_argument("--labels", type=Path, required=True, help="artifact of python -m train label")
    recalibrate.add_argument(
        "--detail", type=Path, metavar="ARTIFACT", help="whose networks take the second look (those that do)"
    )
    recalibrate.add_argument("--out", type=Path, required=True, help="artifact folder to make")
    recalibrate.add_argument("--force", action="store_true", help="replace what --out holds")
    recalibrate.set_defaults(run=_recalibrate)
    validate = stages.add_parser("validate", help="float against int8, both through the runtime; writes parity.json")
    validate.add_argument("artifact", type=Path, help="artifact of python -m compress run")
    validate.add_argument(
        "--data", type=Path, action="append", metavar="MANIFEST", help="photographs (those the student learnt from)"
    )
    validate.add_argument("--part", choices=("validation", "test"), default="test", help="side of the split (test)")
    validate.add_argument("--limit", type=_parse_count, default=0, metavar="N", help="look at N photos only (0: all)")
    validate.set_defaults(run=_validate)
    return parser


def _parse_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of photos")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
