"""HTML of what the models say beside what people say: goals, slices, calibration, fidelity, disagreements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.accuracy_report.goals import Goal
from benchmarks.accuracy_report.page import (
    ABSENT,
    Markup,
    build_table,
    build_text_cell,
    escape,
    format_number,
    format_share,
)
from edge_runtime.contract import ATTRIBUTE_NAMES

__all__ = [
    "build_agreement",
    "build_calibration",
    "build_fidelity",
    "build_goals",
    "build_introduction",
    "build_worst",
]

METRIC_TITLES = {"srcc": "SRCC", "plcc": "PLCC", "krcc": "KRCC", "rmse": "RMSE, points"}


def build_introduction(report: Mapping[str, Any]) -> str:
    """What was looked at, with which files."""
    data, environment = report["data"], report["environment"]
    text = (
        f"{data['photos']} photos of the {data['part']} part (split seed {data['seed']}), {data['rated_photos']} of "
        f"them rated by people, in {data['groups']} groups. Measured {environment['started']} at source revision "
        f"{environment['source_revision'] or 'unknown'} with {environment['runtime']}."
    )
    rows = [
        (
            row["label"],
            ABSENT if row["size_bytes"] is None else f"{row['size_bytes'] / 1e6:.2f}",
            row["precision"] or ABSENT,
            row["view"] or ABSENT,
            row["sha256"][:12] or ABSENT,
            build_text_cell(row["note"]),
        )
        for row in report["models"]
    ]
    parts = [f"<p>{escape(text)}</p>", build_table(("model", "MB", "weights", "view", "sha256", "note"), rows)]
    if data["part"] == "test":
        parts.append("<p>This is the final test part: note the look at it, and tune nothing on what it shows.</p>")
    failures = data["undecodable"]
    if failures:
        items = "".join(f"<li>{escape(entry['file'])}: {escape(entry['error'])}</li>" for entry in failures)
        parts.append(f"<details open><summary>{len(failures)} photos left out: cannot be decoded</summary>")
        parts.append(f"<ul>{items}</ul></details>")
    return f"<section>{''.join(parts)}</section>"


def build_goals(goals: Sequence[Goal], subject: str) -> str:
    """The figures on top, each beside its limit."""
    rows = []
    for goal in goals:
        mark = {True: ("met", "met"), False: ("missed", "missed"), None: ("", "")}[goal.is_met]
        state = Markup(f'<td class="{mark[0]}">{mark[1]}</td>')
        name = f"{goal.name}, {goal.unit}" if goal.unit == "points" else goal.name
        rows.append((name, _format_goal(goal.value, goal.unit), _format_limits(goal), state))
    table = build_table(("figure", "measured", "limit", ""), rows)
    return f"<section><h2>Against the goals ({escape(subject)})</h2>{table}</section>"


def build_agreement(slices: Sequence[Mapping[str, Any]], labels: Mapping[str, str], subject: str) -> str:
    """All models on all photos, then every model on every slice."""
    headers = ("model", *METRIC_TITLES.values())
    everything = slices[0]["models"]
    rows = [(labels[key], *_format_metrics(metrics)) for key, metrics in everything.items()]
    parts = [
        "<h2>Agreement with people</h2><p>Below each figure its 95 % interval from a bootstrap that draws whole groups "
        "(photos of one scene stay together); a slice of fewer than five groups has none. No logistic is fitted in "
        "between.</p>",
        build_table(headers, rows, "all rated photos"),
    ]
    for key in everything:
        state = " open" if key == subject else ""
        parts.append(f"<details{state}><summary>{escape(labels[key])}, slice by slice</summary>")
        parts.append(_build_slice_table(slices, key) + "</details>")
    if not everything:
        parts.append(f"<p>{escape(slices[0]['reason'])}</p>")
    return f"<section>{''.join(parts)}</section>"


def build_calibration(
    found: Mapping[str, Any], plot: str | None, teacher: Mapping[str, Any] | None, labels: Mapping[str, str]
) -> str:
    """The plot, the bins, and the students beside their teacher."""
    rows = [
        (
            f"{part['predicted_from_points']:.0f}–{part['predicted_to_points']:.0f}",
            str(part["photos"]),
            format_number(part["mean_predicted_points"], 1),
            format_number(part["mean_rated_points"], 1),
            format_share(part["coverage"]),
            format_number(part["mean_width_points"], 1),
        )
        for part in found["bins"]
    ]
    headers = ("predicted", "photos", "mean predicted", "mean rated", "inside the interval", "interval's width")
    parts = [
        "<h2>Calibration</h2><p>"
        f"Predictions and ratings differ by {found['calibration_error_points']:.1f} points in the mean of a bin. The "
        f"interval states {format_share(found['stated_coverage'])}; {format_share(found['measured_coverage'])} of the "
        f"ratings lie inside, at a mean width of {found['mean_width_points']:.1f} points.</p>",
        f'<img class="plot" alt="predicted against rated quality" src="{plot}">' if plot else "",
        build_table(headers, rows, "bins of equally many photos"),
    ]
    if teacher is not None:
        parts.append(f"<h3>Student against teacher</h3><p>{teacher['photos']} photos that neither was trained on.</p>")
        students = [(labels[key], *_format_metrics(metrics)) for key, metrics in teacher["models"].items()]
        parts.append(build_table(("student", *METRIC_TITLES.values()), students))
    return f"<section>{''.join(parts)}</section>"


def build_fidelity(found: Mapping[str, Any] | None) -> str:
    """int8 beside float."""
    if found is None:
        return "<section><h2>int8 against float</h2><p>Needs both models.</p></section>"
    everything, rated = found["all"], found["rated"]
    rows: list[tuple[str, ...]] = [
        (f"quality, {title}", *(f"{values[key]:.2f}" for values in (everything, rated)))
        for title, key in (("median", "p50_points"), ("p99", "p99_points"), ("largest", "max_points"))
    ]
    rows += [
        (f"{name}, p99", *(f"{values['attribute_p99_points'][name]:.2f}" for values in (everything, rated)))
        for name in ATTRIBUTE_NAMES
    ]
    rows.append(("verdicts flipped", *(format_share(values["verdict_flip_share"]) for values in (everything, rated))))
    headers = ("", f"{everything['photos']} photos", f"{rated['photos']} rated ones")
    return (
        "<section><h2>int8 against float</h2><p>Differences in points; verdicts by the policy "
        f"{escape(everything['policy'])}. SRCC lost: {format_number(found['srcc_loss'], 4)}.</p>"
        f"{build_table(headers, rows)}</section>"
    )


def build_worst(entries: Sequence[Mapping[str, Any]], thumbnails: Mapping[str, str], subject: str) -> str:
    """The largest disagreements with people as a gallery."""
    figures = []
    for entry in entries:
        image = thumbnails.get(entry["file"], "")
        figures.append(
            f'<figure><img alt="" src="{image}"><figcaption>{entry["predicted_points"]:.0f} predicted, '
            f'<b>{entry["rated_points"]:.0f} rated</b><br><span class="soft">{escape(entry["file"])}</span>'
            "</figcaption></figure>"
        )
    return (
        f"<section><h2>The {len(entries)} worst disagreements ({escape(subject)})</h2><p>The photos belong to their "
        f'makers: do not publish this page.</p><div class="gallery">{"".join(figures)}</div></section>'
    )


def _build_slice_table(slices: Sequence[Mapping[str, Any]], key: str) -> str:
    rows: list[tuple[str, ...]] = []
    dimension = None
    for entry in slices:
        if entry["dimension"] != dimension:
            dimension = entry["dimension"]
            rows.append((str(dimension),))
        counts = (f"{entry['photos']} / {entry['groups']}",)
        metrics = entry["models"].get(key)
        figures = _format_metrics(metrics) if metrics is not None else ("too few", *[ABSENT] * (len(METRIC_TITLES) - 1))
        rows.append((entry["name"], *counts, *figures))
    return build_table(("slice", "photos / groups", *METRIC_TITLES.values()), rows)


def _format_metrics(metrics: Mapping[str, Mapping[str, float | None]]) -> tuple[str, ...]:
    cells = []
    for name in METRIC_TITLES:
        digits = 1 if name == "rmse" else 3
        value, low, high = (metrics[name][part] for part in ("value", "low", "high"))
        interval = f"<small>{low:.{digits}f}–{high:.{digits}f}</small>" if low is not None and high is not None else ""
        cells.append(Markup(f"<td>{format_number(value, digits)}{interval}</td>"))
    return tuple(cells)


def _format_goal(value: float | None, unit: str) -> str:
    if unit == "%":
        return format_share(value)
    return format_number(value, 2 if unit else 3)


def _format_limits(goal: Goal) -> str:
    if goal.at_least is None:
        return f"≤ {_format_goal(goal.at_most, goal.unit)}"
    least = _format_goal(goal.at_least, goal.unit)
    return (
        f"≥ {least}" if goal.at_most is None else f"{least.removesuffix(' %')}–{_format_goal(goal.at_most, goal.unit)}"
    )
