"""HTML of what the models make of spoilt, resized and re-encoded photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.accuracy_report.drawings import draw_curves
from benchmarks.accuracy_report.false_alarms import ALL_SOURCES
from benchmarks.accuracy_report.invariance import KINDS
from benchmarks.accuracy_report.page import (
    Markup,
    build_table,
    build_text_cell,
    escape,
    format_number,
    format_share,
    shade,
)
from edge_runtime.contract import ATTRIBUTE_NAMES

__all__ = ["build_culprits", "build_false_alarms", "build_false_blur", "build_invariance", "build_ladders"]


def build_ladders(found: Mapping[str, Any], labels: Mapping[str, str], subject: str) -> str:
    """Every kind for the subject, and a line for every model."""
    strengths = ", ".join(f"{strength:g}" for strength in found["strengths"][1:])
    photos = found["photos"]
    rows = []
    for kind, values in found["models"][subject]["kinds"].items():
        curves = draw_curves(values["mean_quality_points"], values["mean_attribute_points"])
        rows.append(
            (
                kind,
                Markup(f"<td>{curves}</td>"),
                str(values["steps"]),
                *_shade_shares(values),
                build_text_cell(values["attribute"]),
            )
        )
    headers = ("kind", "0 to 1", "steps", "quality falls", "rises", "attribute falls", "rises", "attribute")
    summary = [(labels[key], str(model["all"]["steps"]), *_shade_shares(model["all"])) for key, model in
               found["models"].items()]  # fmt: skip
    return (
        "<section><h2>Ladders</h2><p>Faults of growing strength "
        f"({strengths}) on flawless photos: {photos['technical']} for faults of light, colour, sharpness and noise, "
        f"{photos['composition']} products on white for faults of framing. A step counts when it can be seen; what "
        "neither falls nor rises stays equal. Curves: mean points over the strength, quality full, the touched "
        f"attribute dashed.</p>{build_table(('model', *headers[2:-1]), summary, 'all kinds together')}"
        f"<h3>{escape(labels[subject])}, kind by kind</h3>{build_table(headers, rows)}</section>"
    )


def build_culprits(found: Mapping[str, Any], labels: Mapping[str, str], subject: str) -> str:
    """Kind x attribute twice: which attribute is lowest, and which fell most."""
    parts = [
        f"<h2>Culprits</h2><p>One fault at strength {found['culprit_strength']:g}: the share of photos in which "
        "each attribute is the lowest, or has fallen most. Green: the attribute that the fault touches. A light fault "
        f"is one of strength {found['light_strength']:g}.</p>"
    ]
    summary = [
        (
            labels[key],
            str(model["all"]["culprits"]),
            format_share(model["all"]["lowest_right_share"]),
            format_share(model["all"]["fell_most_right_share"]),
            format_share(model["all"]["light_lowest_right_share"]),
        )
        for key, model in found["models"].items()
    ]
    headers = ("model", "photos", "right one lowest", "right one fell most", "lowest, light fault")
    parts.append(build_table(headers, summary))
    for name, title in (("lowest", "lowest attribute"), ("fell_most", "attribute that fell most")):
        rows = []
        for kind, values in found["models"][subject]["kinds"].items():
            total = values["culprits"]
            cells = []
            for attribute in ATTRIBUTE_NAMES:
                share = values[name][attribute] / total if total else None
                text = format_share(share) if share else ""
                cells.append(shade(text, share, is_good=attribute == values["attribute"]))
            light = [format_share(values["light_lowest_right_share"])] if name == "lowest" else []
            rows.append((kind, str(total), format_share(values[f"{name}_right_share"]), *light, *cells))
        parts.append(f"<h3>{escape(labels[subject])}: {title}</h3>")
        light = ["right, light fault"] if name == "lowest" else []
        parts.append(build_table(("kind", "photos", "right", *light, *ATTRIBUTE_NAMES), rows))
    return f"<section>{''.join(parts)}</section>"


def build_false_alarms(found: Mapping[str, Any], labels: Mapping[str, str], subject: str) -> str:
    """All photos for every model, and the subject source by source."""
    headers = ("photos", *ATTRIBUTE_NAMES, "any")

    def build_cells(entry: Mapping[str, Any]) -> list[str]:
        shares = [*(entry["shares"][name] for name in ATTRIBUTE_NAMES), entry["any_share"]]
        return [str(entry["photos"]), *(shade(format_share(each), _stress(each), is_good=False) for each in shares)]

    summary = [
        (labels[key], *build_cells(entry))
        for key, entries in found["models"].items()
        for entry in entries
        if entry["source"] == ALL_SOURCES
    ]
    rows = [
        (entry["source"], *build_cells(entry)) for entry in found["models"][subject] if entry["source"] != ALL_SOURCES
    ]
    return (
        "<section><h2>False alarms</h2><p>Flawless photos, none smaller than the view, to which the policy "
        f"{escape(found['policy'])} gives a reason of an attribute all the same. Composition: of products on white "
        f"that are framed well.</p>{build_table(('model', *headers), summary, 'all sources together')}"
        f"<h3>{escape(labels[subject])}, source by source</h3>{build_table(('source', *headers), rows)}</section>"
    )


def build_false_blur(
    found: Mapping[str, Any], labels: Mapping[str, str], subject: str, thumbnails: Mapping[str, str]
) -> str:
    """The share for every model, and the subject's cases."""
    rows = [
        (labels[key], str(len(model["blurred"])), format_share(model["share"]))
        for key, model in found["models"].items()
    ]
    figures = []
    for entry in found["models"][subject]["blurred"]:
        if entry["file"] in thumbnails:
            figures.append(
                f'<figure><img alt="" src="{thumbnails[entry["file"]]}"><figcaption>sharpness '
                f'{entry["sharpness_points"]:.0f}<br><span class="soft">{escape(entry["file"])}</span></figcaption>'
                "</figure>"
            )
    gallery = f'<div class="gallery">{"".join(figures)}</div>' if figures else ""
    return (
        "<section><h2>False alarms of blur</h2><p>"
        f"{found['photos']} flawless photos of a product on plain white, none smaller than the view; called blurred "
        f"by the policy {escape(found['policy'])}. Look at those shown: a seller's picture may be soft in truth.</p>"
        f"{build_table(('model', 'called blurred', 'share'), rows)}{gallery}</section>"
    )


def build_invariance(found: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Sizes, encodings and turns for every model."""
    headers = ("", "photos", "p50", "p90", "max", f"within {found['goal_points']:g}")
    parts = [
        f"<h2>Invariance</h2><p>Differences of quality in points. {found['photos']} photos, "
        f"{found['large_photos']} of them of a megapixel or more. Sizes against the photo as it is; JPEG likewise; "
        "in Display P3, mirrored and turned by EXIF against the JPEG 95, as which they are saved, too.</p>"
    ]
    for key, tables in found["models"].items():
        rows: list[tuple[str, ...]] = []
        for kind, title in KINDS.items():
            if tables[kind]:
                rows.append((title,))
            for name, values in tables[kind].items():
                figures = (format_number(values[f"{part}_points"], 2) for part in ("p50", "p90", "max"))
                rows.append((name, str(values["photos"]), *figures, format_share(values["within_goal_share"])))
        parts.append(f"<h3>{escape(labels[key])}</h3>{build_table(headers, rows)}")
    return f"<section>{''.join(parts)}</section>"


def _shade_shares(values: Mapping[str, Any]) -> list[str]:
    cells: list[str] = []
    for name in ("quality", "attribute"):
        falls, rises = values[f"{name}_falls_share"], values[f"{name}_rises_share"]
        cells += [shade(format_share(falls), falls), shade(format_share(rises), _stress(rises), is_good=False)]
    return cells


def _stress(share: float | None) -> float | None:
    """A share of faults as the strength of a tint: one in five is red already."""
    return None if share is None else min(1.0, 5.0 * share)
