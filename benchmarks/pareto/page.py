"""The fronts as one HTML page that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.accuracy_report.drawings import to_address
from benchmarks.accuracy_report.page import build_page, build_table, build_text_cell, escape, shade
from benchmarks.tables import ABSENT

__all__ = ["build_pareto_page"]

INTRODUCTION = """<section><p>A model is on the front if no other costs no more, is no less accurate, and is better in
one of the two. The line in the picture joins the front; bars are 95 % intervals of the SRCC with people's ratings. A
place is beyond doubt only if it holds however the true values lie within the intervals: of the SRCC and, for latency,
from the fastest call to the 95th percentile. All models of one table saw the same photos, so that this asks more than
it must.</p></section>"""


def build_pareto_page(report: Mapping[str, Any], picture: bytes) -> str:
    """The whole page.

    Args:
        report: what stands in ``pareto.json``.
        picture: the PNG.
    """
    drawn = f'<section><img src="{to_address(picture, "image/png")}" alt="SRCC against cost, with the front"></section>'
    fronts = [_build_section(front) for front in report["fronts"]]
    return build_page("photogate: accuracy against cost", [INTRODUCTION, drawn, *fronts, _build_origin(report)])


def _build_section(front: Mapping[str, Any]) -> str:
    labels = {model["key"]: model["label"] for model in front["models"]}
    rows = [_build_row(model, labels) for model in front["models"]]
    table = build_table(("model", front["unit"], "SRCC", "95 % interval", "place", "dominated by"), rows)
    left_out = "; ".join(f"{one['label']} ({one['reason']})" for one in front["left_out"])
    note = f'<p class="soft">Left out: {escape(left_out)}.</p>' if left_out else ""
    return f"<section><h2>{escape(front['title'])}</h2>{table}{note}</section>"


def _build_row(model: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    is_on_front = model["is_on_front"]
    return [
        model["label"],
        f"{model['cost']:.2f}",
        f"{model['srcc']:.3f}",
        ABSENT if model["srcc_low"] is None else f"{model['srcc_low']:.3f} – {model['srcc_high']:.3f}",
        shade(model["verdict"], 0.3 if "doubt" in model["verdict"] else 0.7, is_on_front),
        build_text_cell(", ".join(labels[key] for key in model["dominated_by"])),
    ]


def _build_origin(report: Mapping[str, Any]) -> str:
    lines = []
    for name, source in report["sources"].items():
        environment = source["environment"] or {}
        machine = ", ".join(str(environment[key]) for key in ("cpu", "os", "runtime") if environment.get(key))
        lines.append(f"<li>{escape(report['options'][name])}: {escape(machine)}; SHA-256 {source['sha256'][:16]}</li>")
    return f"<section><h2>Measured on</h2><ul>{''.join(lines)}</ul></section>"
