"""The limits of accept and reject that keep wrong verdicts rare, chosen on one part and judged on another.

A photo is acceptable where people rate it "fair" or better. Two risks are bounded, each at the side where it hurts: of
the photos *accepted*, those that are not acceptable; of the *acceptable* photos, those that are rejected. What neither
limit may decide is to be reviewed, and of all limits that keep the risks the ones with the fewest reviews are taken.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import load_rated_photos, predict_all
from benchmarks.environment import collect_environment, describe_files, read_timestamp
from benchmarks.messages import Say, say_aloud
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import choose_split_seed, find_int8_model, identify_model
from benchmarks.tables import ABSENT, format_identities
from edge_runtime import PhotoScorer
from edge_runtime.errors import UsageError
from edge_runtime.gate import load_policy
from train.data.manifest import Photo

__all__ = ["Limits", "ThresholdOptions", "choose_limits", "format_thresholds", "judge_limits", "run_thresholds"]

OUTPUT_NAMES = ("thresholds.json",)
FAIR = 50.0  # the middle of the five grades of absolute category rating, ITU-T P.910: bad, poor, fair, good, excellent
STEP = 0.5  # of the limits, in points
FEWEST_OF_A_CATEGORY = 20  # acceptable photos, before its share of wrong rejects means something
RESAMPLES = 1000

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdOptions:
    """What to measure.

    Attributes:
        data: manifests of rated photos.
        out: the folder for ``thresholds.json``.
        artifact: of ``python -m compress run``, or one .tflite file.
        tuned_on: part of the split that the limits are chosen on.
        part: part that they are judged on, another one.
        acceptable_from: mean rating, in points, from which a photo is acceptable.
        risk: the share that either kind of wrong verdict may reach.
        seed: of the split; None: the artifact's.
        is_forced: overwrite an earlier result.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    tuned_on: str = "validation"
    part: str = "test"
    acceptable_from: float = FAIR
    risk: float = 0.02
    seed: int | None = None
    is_forced: bool = False


@dataclass(frozen=True)
class Limits:
    """A policy's two limits, in points; what lies between is reviewed."""

    accept_from: float
    reject_below: float


def choose_limits(quality: Values, is_acceptable: NDArray[np.bool_], risk: float) -> Limits:
    """The limits with the fewest reviews that keep both risks.

    Each is moved towards the other as far as its own risk allows; where they would cross, both stand at the middle.

    Args:
        quality: (n,) points.
        is_acceptable: (n,) by people's ratings.
        risk: see :class:`ThresholdOptions`.

    Raises:
        UsageError: no photo is acceptable, or all are.
    """
    if is_acceptable.all() or not is_acceptable.any():
        raise UsageError(
            "all photos are acceptable, or none is: no limit can be chosen; pass another --acceptable-from"
        )
    grid = np.arange(0.0, 100.0 + STEP, STEP)
    # The lowest limit from which on every higher one keeps the risk: a lucky dip further down is no reason. A limit
    # that accepts nothing, whose share is NaN, keeps it.
    accept = _last_run(grid[::-1], lambda limit: not _share(~is_acceptable[quality >= limit]) > risk)
    reject = _last_run(grid, lambda limit: float(np.mean(quality[is_acceptable] < limit)) <= risk)
    if accept < reject:
        accept = reject = STEP * round((accept + reject) / 2 / STEP)
    return Limits(float(accept), float(reject))


def judge_limits(quality: Values, is_acceptable: NDArray[np.bool_], limits: Limits) -> dict[str, float]:
    """Shares of verdicts and of wrong ones.

    Returns:
        ``accepted``, ``reviewed``, ``rejected``: of all photos. ``wrong_accept``: of the accepted, not acceptable.
        ``wrong_reject``: of the acceptable ones, rejected. ``accuracy``: of those that are decided. ``recall``,
        ``precision`` and ``f1`` of accepting what is acceptable, and, with ``_bad``, of rejecting what is not. NaN
        where there is nothing to divide by.
    """
    accepted, rejected = quality >= limits.accept_from, quality < limits.reject_below
    decided = accepted | rejected
    found = {
        "accepted": float(accepted.mean()),
        "reviewed": float((~decided).mean()),
        "rejected": float(rejected.mean()),
        "wrong_accept": _share(~is_acceptable[accepted]),
        "wrong_reject": _share(rejected[is_acceptable]),
        "accuracy": _share(accepted[decided] == is_acceptable[decided]),
    }
    for suffix, said, true in (("", accepted, is_acceptable), ("_bad", rejected, ~is_acceptable)):
        right = float((said & true).sum())
        found[f"precision{suffix}"] = right / said.sum() if said.any() else np.nan
        found[f"recall{suffix}"] = right / true.sum() if true.any() else np.nan
        found[f"f1{suffix}"] = 2 * right / (said.sum() + true.sum()) if said.any() or true.any() else np.nan
    return {name: float(value) for name, value in found.items()}


def run_thresholds(options: ThresholdOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Chooses on one part, judges on the other, writes ``thresholds.json`` and returns what stands in it.

    Raises:
        UsageError: a result exists already, an option is impossible, or no rated photo is left.
        ManifestError: a manifest is faulty.
        ModelError: the model cannot be used.
        InputError: a photo cannot be scored.
    """
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    if not 0.0 < options.risk < 1.0:
        raise UsageError(f"--risk is a share above 0 and below 1, not {options.risk:g}")
    if options.part == options.tuned_on:
        raise UsageError(
            f"--part and --tuned-on are both {options.part}: limits look better than they are on the photos they were "
            "chosen by; pass another part to one of them"
        )
    seed = choose_split_seed(options.artifact, options.seed)
    model = find_int8_model(options.artifact)
    parts: dict[str, tuple[list[Photo], Values, NDArray[np.bool_]]] = {}
    with PhotoScorer.from_file(model) as scorer:
        for part in (options.tuned_on, options.part):
            photos = load_rated_photos(options.data, part, seed)
            say(f"{part}: scoring {len(photos)} photos")
            quality = np.array(predict_all(photos, lambda path: scorer.score(path).quality, part))
            mos = np.array([photo.mos for photo in photos], dtype=np.float64)
            parts[part] = photos, quality, 100.0 * mos >= options.acceptable_from
    limits = choose_limits(*parts[options.tuned_on][1:], options.risk)
    policy = load_policy()
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "data": {
            "manifests": describe_files(options.data),
            "tuned_on": options.tuned_on,
            "part": options.part,
            "seed": seed,
            "acceptable_from": options.acceptable_from,
            "risk": options.risk,
        },
        "model": {"path": str(model), **identify_model(model)},
        "environment": collect_environment(),
        "limits": asdict(limits),
        "default_policy": {"accept_from": policy.accept_from, "reject_below": policy.reject_below},
        "tuned": judge_limits(*parts[options.tuned_on][1:], limits),
        "judged": _judge_part(*parts[options.part], limits),
        "judged_default": _judge_part(*parts[options.part], Limits(policy.accept_from, policy.reject_below)),
    }
    write_texts(options.out, {OUTPUT_NAMES[0]: json.dumps(_without_nan(report), indent=2)}, force=options.is_forced)
    return report


def format_thresholds(report: dict[str, Any]) -> str:
    """The result as lines for people."""
    data, limits, default = report["data"], report["limits"], report["default_policy"]
    judged, judged_default = report["judged"], report["judged_default"]
    lines = [
        f"Acceptable: rated {data['acceptable_from']:g} or better. Chosen on {data['tuned_on']}: accept from "
        f"{limits['accept_from']:g}, reject below {limits['reject_below']:g}. The default policy: "
        f"{default['accept_from']:g} and {default['reject_below']:g}.",
        "",
        f"| on {data['part']}: {judged['photos']} photos, {judged['acceptable']} acceptable | these limits [95 %] "
        "| default policy |",
        "|---|---|---|",
    ]
    for name, title in (
        ("accepted", "accepted"),
        ("reviewed", "to review"),
        ("rejected", "rejected"),
        ("wrong_accept", "of the accepted, not acceptable"),
        ("wrong_reject", "of the acceptable, rejected"),
        ("accuracy", "right, of those decided"),
        ("f1", "F1 of accepting"),
        ("f1_bad", "F1 of rejecting"),
    ):
        value, interval = judged["shares"][name], judged["intervals"][name]
        spread = "" if np.isnan(value) else f" [{interval[0]:.1%}, {interval[1]:.1%}]"
        lines.append(f"| {title} | {_format_share(value)}{spread} | {_format_share(judged_default['shares'][name])} |")
    gaps = judged["categories"]
    if gaps:
        shown = ", ".join(
            f"{name} {entry['wrong_reject']:.1%} of {entry['acceptable']}" for name, entry in gaps.items()
        )
        lines += ["", f"Acceptable but rejected, by category: {shown}; gap {judged['category_gap']:.1%}."]
    return "\n".join([*lines, "", f"Measured {report['created']}:", *format_identities({"model": report["model"]})])


def _judge_part(
    photos: Sequence[Photo], quality: Values, is_acceptable: NDArray[np.bool_], limits: Limits
) -> dict[str, Any]:
    """Shares with bootstrap intervals over whole groups, and wrong rejects by category."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, photo in enumerate(photos):
        members[photo.group].append(index)
    groups = [np.array(rows) for rows in members.values()]
    rng = np.random.default_rng(0)
    draws: dict[str, list[float]] = defaultdict(list)
    for _ in range(RESAMPLES):
        rows = np.concatenate([groups[index] for index in rng.integers(0, len(groups), len(groups))])
        for name, value in judge_limits(quality[rows], is_acceptable[rows], limits).items():
            draws[name].append(value)
    categories = {}
    for category in sorted({photo.category for photo in photos if photo.category}):
        of_it = np.array([photo.category == category for photo in photos]) & is_acceptable
        if of_it.sum() >= FEWEST_OF_A_CATEGORY:
            categories[category] = {
                "acceptable": int(of_it.sum()),
                "wrong_reject": float(np.mean(quality[of_it] < limits.reject_below)),
            }
    shares = [entry["wrong_reject"] for entry in categories.values()]
    return {
        "photos": len(photos),
        "groups": len(groups),
        "acceptable": int(is_acceptable.sum()),
        "shares": judge_limits(quality, is_acceptable, limits),
        "intervals": {name: _compute_interval(values) for name, values in draws.items()},
        "categories": categories,
        "category_gap": max(shares) - min(shares) if shares else 0.0,
    }


def _last_run(limits: Values, keeps_risk: Callable[[float], bool]) -> float:
    """The last of the limits, in their order, before the first that breaks the risk; the first, if that breaks it."""
    chosen = limits[0]
    for limit in limits:
        if not keeps_risk(limit):
            break
        chosen = limit
    return float(chosen)


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else np.nan


def _compute_interval(values: Sequence[float]) -> list[float]:
    """Of 95 %, out of the draws that had something to divide by; NaN where none had."""
    told = [value for value in values if not np.isnan(value)]
    return [float(end) for end in np.quantile(told, [0.025, 0.975])] if told else [np.nan, np.nan]


def _format_share(value: float) -> str:
    return ABSENT if np.isnan(value) else f"{value:.1%}"


def _without_nan(value: Any) -> Any:
    """NaN as None: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and np.isnan(value) else value
