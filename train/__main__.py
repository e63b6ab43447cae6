"""``python -m train``: the stages of training, one subcommand each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_runtime.errors import UsageError
from train.arguments import add_backbone_weights, add_data, add_out, parse_count, parse_side_px
from train.command import run_stage
from train.data.adapters import adapt
from train.data.public_sets import ADAPTERS

SHOWN_FILES = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a stage; 0 when it went well, 2 for wrong usage or input."""
    parser = _build_parser()
    arguments = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if arguments.stage in (
        "distill",
        "search",
    ):  # the student is a tf_keras model, and the losses' operations must match
        os.environ["KERAS_BACKEND"] = "tensorflow"
    return run_stage("train", arguments)


# The stages are imported when they run: --help must not wait for TensorFlow. The adapters need no more than Python.


def _run_fit_teacher(arguments: argparse.Namespace) -> None:
    from train.config import TeacherConfig
    from train.config_reader import load_config
    from train.stages.fit_teacher import fit_teacher

    config = load_config(arguments.config, TeacherConfig)
    if arguments.leave_out:
        config = replace(config, samples=replace(config.samples, leave_out=tuple(arguments.leave_out)))
    metrics = fit_teacher(
        config,
        arguments.data,
        arguments.out,
        weights=arguments.weights,
        features=arguments.features,
        force=arguments.force,
    )
    _print_metrics(metrics)


def _run_classify(arguments: argparse.Namespace) -> None:
    from train.stages.classify import classify

    count = classify(
        arguments.data,
        arguments.out,
        weights=arguments.weights,
        split_seed=arguments.split_seed,
        force=arguments.force,
    )
    print(f"{count} photos in {arguments.out}")


def _run_label(arguments: argparse.Namespace) -> None:
    from train.stages.label import label

    count = label(
        arguments.teacher,
        arguments.data,
        arguments.out,
        view_size_px=arguments.view_size,
        detail_share=arguments.detail_share,
        answers=arguments.answers,
        otherwise=arguments.otherwise,
        classes=arguments.classes,
        weights=arguments.weights,
        clean_sources=arguments.clean_source,
        force=arguments.force,
    )
    print(f"{count} labelled views in {arguments.out}")


def _run_distil(arguments: argparse.Namespace) -> None:
    from train.config import DistilConfig
    from train.config_reader import load_config
    from train.stages.distil import distil

    config = load_config(arguments.config, DistilConfig)
    metrics = distil(config, arguments.labels, arguments.out, weights=arguments.weights, force=arguments.force)
    _print_metrics(metrics)


def _run_search(arguments: argparse.Namespace) -> None:
    from train.config import DistilConfig, TeacherConfig
    from train.config_reader import load_config
    from train.stages.distil import distil
    from train.stages.fit_teacher import fit_teacher
    from train.stages.search import load_space, search

    config: Any
    if (arguments.labels is None) == (arguments.data is None):
        raise UsageError("pass --data to search for a teacher, or --labels to search for a student")
    if arguments.labels is not None and len(arguments.weights) > 1:
        raise UsageError("a student starts from one file of weights: pass --weights once")
    if arguments.labels is not None and arguments.features is not None:
        raise UsageError("a student reads no features: leave out --features")
    if arguments.labels is not None:
        config = load_config(arguments.config, DistilConfig)
        weights = next(iter(arguments.weights), config.student.weights)
        config = replace(config, student=replace(config.student, weights=weights))
        inputs = [arguments.labels / "labels.npz", Path(weights)]

        def run(settings: Any, out: Path) -> object:
            return distil(settings, arguments.labels, out)
    else:
        config = load_config(arguments.config, TeacherConfig).replace_weights(arguments.weights)
        features = arguments.features or arguments.out / "features"
        inputs = [*arguments.data, *(Path(entry.weights) for entry in config.backbones)]

        def run(settings: Any, out: Path) -> object:
            return fit_teacher(settings, arguments.data, out, features=features)

    best = search(config, load_space(arguments.space), run, arguments.out, arguments.trials, inputs)["best"]
    print(f"best: trial {best['number']}, validation SRCC {best['value']:.4f} with {best['settings']}")


def _run_adapt(arguments: argparse.Namespace) -> None:
    from train.stages.answers import load_answers

    count, absent = adapt(
        arguments.name,
        arguments.images,
        arguments.scores,
        arguments.out,
        category=arguments.category,
        style=arguments.style,
        without=arguments.without,
        within=None if arguments.within is None else load_answers(arguments.within).files,
        per_folder=arguments.per_folder,
        overwrite=arguments.force,
    )
    print(f"{count} photos in {arguments.out}")
    if absent:
        shown = ", ".join(absent[:SHOWN_FILES]) + (", ..." if len(absent) > SHOWN_FILES else "")
        print(
            f"{len(absent)} photos of the table are not in {arguments.images} and were left out: {shown}",
            file=sys.stderr,
        )


def _print_metrics(metrics: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    for side, slices in metrics.items():
        for name, values in slices.items():
            shown = [f"{key} {value['value']:.3f}" for key, value in values.items() if isinstance(value, dict)]
            print(f"{side:10} {name:14} n={values['count']:<5} {'  '.join(shown)}")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train", description="The training stages, in the order they run.")
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")

    public_set = stages.add_parser(
        "adapt",
        help="write a manifest for a public set as its authors distribute it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["sets:", *(f"  {name:14} {entry.description}" for name, entry in ADAPTERS.items())]),
    )
    public_set.add_argument(
        "name", choices=tuple(ADAPTERS), metavar="SET", help=f"one of {', '.join(ADAPTERS)}; see below"
    )
    public_set.add_argument("--images", type=Path, required=True, help="folder of the photographs")
    public_set.add_argument("--scores", type=Path, help="the authors' table, where the set has one")
    public_set.add_argument("--category", default="", help="of photos whose category the set does not tell")
    public_set.add_argument("--style", default="", help="likewise, their style")
    public_set.add_argument(
        "--without", type=Path, action="append", default=[], metavar="MANIFEST", help="leave out the photos it holds"
    )
    public_set.add_argument(
        "--within", type=Path, metavar="ANSWERS", help="only photos that the answers.npz of a label artifact names"
    )
    public_set.add_argument(
        "--per-folder", type=int, default=0, metavar="N", help="at most N photos of each folder in IMAGES (all)"
    )
    public_set.add_argument("--out", type=Path, required=True, help="manifest to write")
    public_set.add_argument("--force", action="store_true", help="replace the manifest that is there")
    public_set.set_defaults(run=_run_adapt)

    teacher = stages.add_parser("fit-teacher", help="train the teacher on rated photographs")
    teacher.add_argument("--config", type=Path, required=True, help="train/configs/teacher*.toml")
    add_data(teacher)
    add_out(teacher)
    add_backbone_weights(teacher, "a backbone's weights: a model.json, .npz, .h5, .pth, .ckpt or .tflite file")
    teacher.add_argument("--features", type=Path, metavar="DIR", help="folder of the feature caches (OUT/features)")
    teacher.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="PATTERN",
        help="neither train on nor tune on photos whose file matches, e.g. '*ss03*'; the test part keeps them",
    )
    teacher.set_defaults(run=_run_fit_teacher)

    classify = stages.add_parser("classify", help="ask an ImageNet classifier what the student's photos show")
    classify.add_argument(
        "--weights",
        type=Path,
        required=True,
        metavar="PTH",
        help="EfficientNet-Lite2's checkpoint, with its last layer",
    )
    classify.add_argument(
        "--split-seed",
        type=int,
        required=True,
        metavar="N",
        help="the teacher's split_seed: its training part is asked about",
    )
    add_data(classify)
    add_out(classify)
    classify.set_defaults(run=_run_classify)

    label = stages.add_parser("label", help="let the teacher judge the views the student will learn from")
    judge = label.add_mutually_exclusive_group(required=True)
    judge.add_argument("--teacher", type=Path, help="artifact of fit-teacher")
    judge.add_argument("--answers", type=Path, metavar="NPZ", help="what it said before: answers.npz of its labels")
    label.add_argument(
        "--otherwise", type=Path, metavar="TFLITE", help="an exported float model, to judge what --answers lack"
    )
    label.add_argument(
        "--classes", type=Path, metavar="NPZ", help="what a classifier says of the photos: classes.npz of classify"
    )
    add_data(label)
    add_out(label)
    label.add_argument(
        "--view-size", type=parse_side_px, default=320, metavar="PX", help="side of the student's view (320)"
    )
    label.add_argument(
        "--detail-share",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="the views show the photo's middle, this share of its sides, for a network of second looks (0: the whole)",
    )
    add_backbone_weights(label, "a backbone's weights, if they lie elsewhere now")
    label.add_argument(
        "--clean-source",
        action="append",
        default=[],
        metavar="SOURCE",
        help="its photos are flawless, like those of clean_sources: they have no fault but what is added",
    )
    label.set_defaults(run=_run_label)

    distil = stages.add_parser("distill", help="train a student on ratings and the teacher's labels")
    distil.add_argument("--config", type=Path, required=True, help="train/configs/student*.toml")
    distil.add_argument("--labels", type=Path, required=True, help="artifact of label")
    add_out(distil)
    distil.add_argument(
        "--weights",
        metavar="FILE",
        help="the starting weights: a .npz in Keras's order, or an earlier student.weights.h5 or float .tflite",
    )
    distil.set_defaults(run=_run_distil)

    search = stages.add_parser("search", help="try settings of a teacher or a student (needs the search extra)")
    search.add_argument("--config", type=Path, required=True, help="train/configs/*.toml to start from")
    search.add_argument("--space", type=Path, required=True, help="train/configs/search-*.toml: the settings to try")
    search.add_argument("--trials", type=parse_count, default=20, help="trials in all (20)")
    search.add_argument(
        "--data", type=Path, action="append", metavar="MANIFEST", help="for a teacher, as fit-teacher's"
    )
    search.add_argument("--features", type=Path, metavar="DIR", help="a teacher's feature cache (OUT/features)")
    search.add_argument("--labels", type=Path, help="for a student, as distill's")
    search.add_argument("--out", type=Path, required=True, help="folder of the trials; an unfinished search is resumed")
    add_backbone_weights(search, "starting weights, as for the stage itself")
    search.set_defaults(run=_run_search)
    return parser


if __name__ == "__main__":
    sys.exit(main())
