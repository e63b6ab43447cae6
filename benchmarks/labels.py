"""Category and style of photos whose manifest tells them, those of a source that nothing was learnt from above all."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import EVERY_PHOTO, load_part
from benchmarks.accuracy_report.label_heads import is_told, measure_labels
from benchmarks.accuracy_report.photos import DEFAULT_TRAINING, score_photos
from benchmarks.environment import collect_environment, describe_files, read_timestamp
from benchmarks.options import check_model_names
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import choose_split_seed, find_int8_model, identify_model
from benchmarks.tables import ABSENT, format_identities, format_table
from edge_runtime import PhotoScorer
from edge_runtime.errors import UsageError
from train.config import TeacherConfig
from train.config_reader import load_config

__all__ = ["LabelOptions", "format_labels", "run_labels"]

OUTPUT_NAMES = ("labels.json",)
OWN_KEY = "int8"


@dataclass(frozen=True)
class LabelOptions:
    """What to measure.

    Attributes:
        data: manifests, with a category or a style of some of their photos.
        out: the folder for ``labels.json``.
        artifact: of ``python -m compress run``, or one .tflite file.
        models: further photogate models, name → .tflite file.
        part: of the split; :data:`benchmarks.accuracy.EVERY_PHOTO` for photos whose labels nothing has learnt.
        seed: of the split; None: the artifact's.
        training: the config whose ``[labels]`` say what the manifests' words mean.
        is_forced: overwrite an earlier result.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    models: tuple[tuple[str, Path], ...] = ()
    part: str = "test"
    seed: int | None = None
    training: Path = DEFAULT_TRAINING
    is_forced: bool = False


def run_labels(
    options: LabelOptions, say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
) -> dict[str, Any]:
    """Measures, writes ``labels.json`` and returns what stands in it.

    A photo that cannot be decoded is named and left out.

    Raises:
        UsageError: a result exists already, or no photo of the part has a label that the heads know.
        ManifestError: a manifest is faulty.
        ModelError: a model cannot be used.
    """
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    check_model_names((name for name, _ in options.models), reserved=(OWN_KEY,))
    seed = None if options.part == EVERY_PHOTO else choose_split_seed(options.artifact, options.seed)
    labels = load_config(options.training, TeacherConfig).labels
    words = {"category": labels.category, "style": labels.style}
    photos = [photo for photo in load_part(options.data, options.part, seed) if is_told(photo, words)]
    paths = {OWN_KEY: find_int8_model(options.artifact), **dict(options.models)}
    with ExitStack() as stack:
        scorers = {key: stack.enter_context(PhotoScorer.from_file(path)) for key, path in paths.items()}
        scored, failures = score_photos(photos, scorers)
        found = measure_labels(scored, scorers, OWN_KEY, words)
    for failure in failures:
        say(f"left out: {failure['file']}: {failure['error']}")
    if not found["heads"]:
        names = ", ".join(str(path) for path in options.data)
        raise UsageError(f"{names}: no photo of part {options.part!r} has a category or style that the heads know")
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "data": {"manifests": describe_files(options.data), "part": options.part, "seed": seed, "photos": len(scored)},
        "undecodable": failures,
        "models": {key: {"path": str(path), **identify_model(path)} for key, path in paths.items()},
        "environment": collect_environment(),
        **found,
    }
    write_texts(options.out, {OUTPUT_NAMES[0]: json.dumps(report, indent=1)}, force=options.is_forced)
    return report


def format_labels(report: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines: list[str] = []
    for head, values in report["heads"].items():
        models = [(key, *_summarise(entry)) for key, entry in values["models"].items()]
        lines += [*format_table((head, "photos", "right", "unknown", "macro F1"), models), ""]
        classes = [
            (entry["label"], str(entry["photos"]), *(_format(entry[name]) for name in ("precision", "recall", "f1")))
            for entry in values["models"][OWN_KEY]["classes"]
        ]
        lines += [*format_table((head, "photos", "precision", "recall", "F1"), classes), ""]
        sources = [
            (each["source"] or ABSENT, str(each["photos"]), f"{each['accuracy']:.1%}", f"{each['unknown_share']:.1%}")
            for each in values["sources"]
        ]
        lines += [*format_table(("source", "photos", "right", "unknown"), sources), ""]
        changed = [(name, *_summarise(heads[head])) for name, heads in report["normalised"].items() if head in heads]
        lines += [*format_table((f"{head}, photos made alike", "photos", "right", "unknown", "macro F1"), changed), ""]
    for key, entry in report["no_product"].items():
        lines.append(f"{key}: {entry['claimed_share']:.1%} of {entry['photos']} photos of no product have a category.")
    return "\n".join([*lines, f"Measured {report['created']}:", *format_identities(report["models"])])


def _summarise(entry: dict[str, Any]) -> tuple[str, ...]:
    shares = (f"{entry['accuracy']:.1%}", f"{entry['unknown_share']:.1%}")
    return str(entry["photos"]), *shares, _format(entry["macro_f1"])


def _format(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"
