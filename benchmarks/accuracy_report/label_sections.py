"""HTML of what the models take photos for: classes, sources, confusions, and photos that nothing else betrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.accuracy_report.label_heads import JPEG_QUALITY, SIDE_PX, UNKNOWN
from benchmarks.accuracy_report.page import build_table, escape, format_number, format_share, shade

__all__ = ["build_labels"]


def build_labels(found: Mapping[str, Any], labels: Mapping[str, str], subject: str) -> str:
    """All models, then the subject by class, source and change; empty where no photo has a label."""
    if not found["heads"]:
        return ""
    parts = [
        "<h2>Category and style</h2><p>Photos whose manifest names a label. An answer of unknown is never right, and "
        "takes nothing from another class's precision. F1: harmonic mean of precision and recall; macro: mean over "
        "the classes.</p>"
    ]
    headers = ("photos", "right", "unknown", "macro F1")
    for head, values in found["heads"].items():
        models = [(labels[key], *_summarise(entry)) for key, entry in values["models"].items()]
        parts.append(build_table(("model", *headers), models, head))
        classes = [
            (
                entry["label"],
                str(entry["photos"]),
                *(shade(_format(entry[name]), entry[name]) for name in ("precision", "recall", "f1")),
            )
            for entry in values["models"][subject]["classes"]
        ]
        parts.append(f"<h3>{escape(labels[subject])}: {head}, class by class</h3>")
        parts.append(build_table((head, "photos", "precision", "recall", "F1"), classes))
        parts.append(f"<h3>{escape(labels[subject])}: what each {head} was called</h3>")
        parts.append(_build_confusion(values["confusion"]))
        sources = [
            (
                entry["source"],
                str(entry["photos"]),
                format_share(entry["accuracy"]),
                format_share(entry["unknown_share"]),
            )
            for entry in values["sources"]
        ]
        parts.append(f"<h3>{escape(labels[subject])}: {head}, source by source</h3>")
        parts.append(build_table(("source", "photos", "right", "unknown"), sources))
    rows: list[tuple[str, ...]] = []
    for head in found["heads"]:
        rows.append((head,))
        rows += [(name, *_summarise(heads[head])) for name, heads in found["normalised"].items() if head in heads]
    parts.append(
        f"<h3>{escape(labels[subject])}: photos made alike</h3><p>What a source might be told by is taken away: all "
        f"photos as large as a square of {SIDE_PX} px, enlarged where they are smaller; cut to a square in their "
        f"middle; or saved as JPEG {JPEG_QUALITY}. A head that went by size, shape or encoder would be lost.</p>"
    )
    parts.append(build_table(("", *headers), rows))
    if found["no_product"]:
        claims = [
            (
                labels[key],
                str(entry["photos"]),
                shade(format_share(entry["claimed_share"]), entry["claimed_share"], False),
            )
            for key, entry in found["no_product"].items()
        ]
        parts.append("<h3>Photos that show no product</h3>")
        parts.append(build_table(("model", "photos", "given a category"), claims))
    return f"<section>{''.join(parts)}</section>"


def _build_confusion(confusion: Mapping[str, Mapping[str, int]]) -> str:
    given = sorted({label for row in confusion.values() for label in row} - {UNKNOWN})
    columns = [*given, UNKNOWN]
    rows = []
    for truth, row in confusion.items():
        total = sum(row.values())
        cells = [
            shade(str(row[label]), row[label] / total, is_good=label == truth) if label in row else ""
            for label in columns
        ]
        rows.append((truth, *cells))
    return build_table(("", *columns), rows)


def _summarise(entry: Mapping[str, Any]) -> tuple[str, ...]:
    shares = (format_share(entry["accuracy"]), format_share(entry["unknown_share"]))
    return str(entry["photos"]), *shares, _format(entry["macro_f1"])


def _format(value: float | None) -> str:
    return format_number(value, 3)
