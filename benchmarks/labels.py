"""Category and style of photos whose manifest tells them, those of a source that nothing was learnt from above all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy_report.label_heads import is_told, measure_labels
from benchmarks.accuracy_report.photos import DEFAULT_TRAINING, ScoredPhoto
from benchmarks.messages import Say, say_aloud
from benchmarks.photo_report import OWN_KEY, PhotoOptions, report_photos
from benchmarks.tables import ABSENT, format_identities, format_table
from edge_runtime import PhotoScorer
from edge_runtime.errors import UsageError
from train.config import TeacherConfig
from train.config_reader import load_config

__all__ = ["LabelOptions", "format_labels", "run_labels"]

OUTPUT_NAME = "labels.json"


@dataclass(frozen=True)
class LabelOptions(PhotoOptions):
    """What to measure: photos with a category or a style.

    Attributes:
        training: the config whose ``[labels]`` say what the manifests' words mean.
    """

    training: Path = DEFAULT_TRAINING


def run_labels(options: LabelOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes ``labels.json`` and returns what stands in it.

    Raises:
        UsageError: as :func:`benchmarks.photo_report.report_photos`, or no photo of the part has a label that the heads
            know.
        ManifestError: a manifest is faulty.
        ModelError: a model cannot be used.
    """
    labels = load_config(options.training, TeacherConfig).labels
    words = {"category": labels.category, "style": labels.style}

    def measure(scored: Sequence[ScoredPhoto], scorers: Mapping[str, PhotoScorer]) -> dict[str, Any]:
        found = measure_labels(scored, scorers, OWN_KEY, words)
        if not found["heads"]:
            names = ", ".join(str(path) for path in options.data)
            raise UsageError(f"{names}: no photo of part {options.part!r} has a category or style that the heads know")
        return found

    return report_photos(options, OUTPUT_NAME, measure, say=say, keep=lambda photo: is_told(photo, words))


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
