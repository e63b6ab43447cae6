"""Puts the page together, piece by piece: what is long is read from the collection while it is written."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from edge_runtime._version import __version__
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import UsageError
from edge_runtime.explain.render import FULL_SCALE_POINTS, list_scale_colors
from edge_runtime.gate.catalogue import load_catalogue
from edge_runtime.gate.gate import Gate
from edge_runtime.gate.reasons import MARKS
from edge_runtime.gate.rules import RulePack
from edge_runtime.printable import make_printable
from edge_runtime.report.charts import Histogram, Scatter, build_histogram, build_scatter
from edge_runtime.report.collection import CHUNK_PHOTOS, Collection
from edge_runtime.report.embed import embed_json
from edge_runtime.report.figures import DECISIONS, Figures, ReasonFigures
from edge_runtime.report.words import LABELS, WORDS

__all__ = ["Page"]

PIECES_AT_ONCE = 64
HEAT_COLORS = 11  # of the scale below a heat map


class TextSink(Protocol):
    """Where the page goes."""

    def write(self, text: str) -> int:
        """Adds ``text``."""


class Page:
    """The templates, in the language of the gate whose decisions they show."""

    def __init__(self, gate: Gate) -> None:
        """Loads the templates.

        Raises:
            UsageError: jinja2 is not installed.
        """
        try:
            import jinja2
            from markupsafe import Markup
        except ImportError as error:
            raise UsageError("reports need jinja2; install it: pip install 'photogate[report]'") from error
        self._gate = gate
        self._language = gate.language
        self._catalogue = load_catalogue(gate.language)
        self._words = WORDS[gate.language]
        self._labels = LABELS[gate.language]
        self._checks = {f"{pack.name}/{rule.name}": rule.check for pack in gate.packs for rule in pack.rules}
        self._markup = Markup
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("edge_runtime.report"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def write(self, sink: TextSink, collection: Collection, title: str | None) -> None:
        """Writes the page.

        Args:
            sink: where to.
            collection: the photos.
            title: the page's; None: the usual one.
        """
        figures = collection.figures
        gate = self._gate
        script = self._environment.get_template("script.html").render()
        style = self._environment.get_template("style.html").render(heat_colors=list_scale_colors(HEAT_COLORS))
        context = {
            "say": self._say,
            "say_label": self._say_label,
            "number": _show_number,
            "share": _show_share,
            "language": {"en": "en", "zh": "zh-Hans"}[self._language],
            "title": make_printable(title) if title is not None else self._words["title"],
            "when": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
            "version": __version__,
            "model": collection.model,
            "policy": make_printable(gate.policy.name),
            "packs": [_describe_pack(pack) for pack in gate.packs],
            "script": self._markup(script),
            "style": self._markup(style),
            "script_digest": _digest(script),
            "style_digest": _digest(style),
            "decisions": DECISIONS,
            "counts": figures.count_decisions(),
            "judged": len(figures),
            "failed": figures.failed,
            "median": figures.median_quality(),
            "histogram": self._build_histogram(figures),
            "scatters": self._build_scatters(figures) if len(figures) else (),
            "names": collection.names,
            "marks": {mark: self._catalogue.say(f"mark.{mark}") for mark in MARKS},
            "reasons": [(reason, *self._name_reason(reason)) for reason in figures.sort_reasons()],
            "categories": [
                (
                    row,
                    figures.categories.index(row.label),
                    self._name_reason(row.top_reason)[1] if row.top_reason else "",
                )
                for row in figures.sort_categories()
            ],
            "attributes": ATTRIBUTE_NAMES,
            "rows": self._mark_safe(_join(collection.read_rows())),
            "chunks": self._mark_safe(collection.read_chunks()),
            "head": self._markup(embed_json(self._build_head(collection))),
            "heat_map_count": collection.heat_maps,
            "heat_maps": ((index, self._markup(picture)) for index, picture in collection.read_heat_maps()),
            "thumbnails": collection.count_thumbnails(),
            "failures": (json.loads(line) for line in collection.read_failures()),
        }
        stream = self._environment.get_template("report.html").stream(context)
        stream.enable_buffering(PIECES_AT_ONCE)
        for piece in stream:
            sink.write(piece)

    def _say(self, key: str, **values: Any) -> str:
        text = self._words[key]
        return text.format(**values) if values else text

    def _say_label(self, label: str) -> str:
        return self._labels.get(label, label)

    def _mark_safe(self, pieces: Iterator[str]) -> Iterator[str]:
        return (self._markup(piece) for piece in pieces)

    def _build_histogram(self, figures: Figures) -> Histogram:
        policy = self._gate.policy
        limits = (policy.reject_below, policy.accept_from) if policy.judged_by == "direct" else ()
        return build_histogram(figures.qualities, figures.decisions, limits)

    def _build_scatters(self, figures: Figures) -> Iterator[tuple[str, Scatter, float | None]]:
        qualities, decisions = figures.qualities, figures.decisions
        for name in ATTRIBUTE_NAMES:
            yield name, build_scatter(figures.attribute(name), qualities, decisions), figures.correlation(name)

    def _name_reason(self, reason: ReasonFigures) -> tuple[str, str]:
        """The word for how a reason weighs, and a short name for it."""
        mark = self._catalogue.say(f"mark.{reason.mark}")
        if not reason.rule:
            attribute = self._words.get(reason.attribute, self._words["quality"])
            return mark, make_printable(f"{attribute}: {reason.message}")
        # Codes are English words already. Beside those of another language the code stays: one check has several.
        words = reason.code.replace("_", " ")
        if self._language != "en":
            words = f"{self._catalogue.say(f'check.{self._checks[reason.rule]}')} ({reason.code})"
        return mark, make_printable(f"{reason.rule}: {words}")

    def _build_head(self, collection: Collection) -> dict[str, Any]:
        """What the gallery's script needs besides the photos."""
        figures = collection.figures
        wanted = (
            *("accept", "review", "reject", "quality", "shown", "photo_alt", "heat_map_alt", "no_thumbnail", "fine"),
            *("passed", "not_passed", "not_checked", "measured", "asked", "range", "weighted", "size", "style"),
            *("category", "none", "file", "heat_map", "heat_map_alike", "heat_map_place", "heat_map_unfinished"),
            *("heat_scale", *ATTRIBUTE_NAMES),
        )
        return {
            "attributes": ATTRIBUTE_NAMES,
            "categories": [self._say_label(label) for label in figures.categories],
            "labels": dict(self._labels),
            "heatPoints": round(FULL_SCALE_POINTS),
            "chunk": CHUNK_PHOTOS,
            "decisions": DECISIONS,
            "language": self._language,
            "marks": {mark: self._catalogue.say(f"mark.{mark}") for mark in MARKS},
            "reasons": [
                {"code": reason.code, "mark": reason.mark, "kind": self._name_reason(reason)[0]}
                for reason in figures.reasons.values()
            ],
            "texts": collection.texts,
            "words": {key: self._words[key] for key in wanted},
        }


def _join(rows: Iterator[str]) -> Iterator[str]:
    """Rows of a JSON array, with what stands between them."""
    for index, row in enumerate(rows):
        yield row if not index else f",\n{row}"


def _describe_pack(pack: RulePack) -> Mapping[str, str]:
    return {"title": make_printable(pack.title), "date": pack.as_of.isoformat(), "source": make_printable(pack.source)}


def _digest(text: str) -> str:
    """How a Content-Security-Policy names the one script, or style, that may be used."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _show_number(value: float) -> str:
    return f"{value:.1f}"


def _show_share(count: int, total: int) -> str:
    """Per cent; few are never none, and not quite all never all."""
    if not total or not count:
        return "0 %"
    percent = 100.0 * count / total
    if percent < 1.0:
        return "< 1 %"
    return "> 99 %" if count < total and percent > 99.0 else f"{percent:.0f} %"
