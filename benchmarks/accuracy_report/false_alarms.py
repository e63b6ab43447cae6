"""False alarms: flawless photos of which a model says all the same that something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.accuracy_report.photos import CleanPhoto
from edge_runtime.contract import ATTRIBUTE_NAMES, ViewSpec
from edge_runtime.gate import Policy, evaluate

__all__ = ["ALL_SOURCES", "measure_false_alarms", "measure_false_blur"]

ALL_SOURCES = "all"
COMPOSITION = "composition"


def measure_false_alarms(
    clean: Sequence[CleanPhoto], keys: Sequence[str], view: ViewSpec, policy: Policy
) -> dict[str, Any]:
    """How often the policy gives a flawless photo a reason of each attribute, source by source.

    Args:
        clean: see :func:`benchmarks.accuracy_report.photos.find_clean`.
        keys: of the models.
        view: as for :func:`measure_false_blur`.
        policy: that decides.

    Returns:
        For every model, of all photos and of each ``source`` of theirs: how many there are, the share with a reason of
        each attribute, and that with any. ``composition`` counts for products that are known to be framed well.
    """
    large = _leave_out_small(clean, keys[0], view)
    sources = [ALL_SOURCES, *sorted({entry.scored.photo.source for entry in large})]
    return {
        "policy": policy.name,
        "models": {key: [_count_alarms(large, source, key, policy) for source in sources] for key in keys},
    }


def measure_false_blur(
    clean: Sequence[CleanPhoto], keys: Sequence[str], view: ViewSpec, policy: Policy
) -> dict[str, Any]:
    """The share of flawless photos of a product on plain white to which the policy gives a reason of sharpness.

    Args:
        clean: see :func:`benchmarks.accuracy_report.photos.find_clean`.
        keys: of the models.
        view: photos with a side shorter than its are left out: they are enlarged to be judged, and blurred in truth.
        policy: that decides.

    Returns:
        How many photos there are, and for every model the share and the photos called blurred, the worst first.
    """
    products = [entry.scored for entry in _leave_out_small(clean, keys[0], view) if entry.has_product]
    models = {}
    for key in keys:
        blurred: list[dict[str, Any]] = [
            {"file": entry.photo.file, "sharpness_points": entry.scores[key].attributes.sharpness}
            for entry in products
            if any(reason.attribute == "sharpness" for reason in evaluate(entry.scores[key], policy).reasons)
        ]
        blurred.sort(key=lambda item: item["sharpness_points"])
        models[key] = {"share": len(blurred) / len(products) if products else None, "blurred": blurred}
    return {"photos": len(products), "policy": policy.name, "models": models}


def _leave_out_small(clean: Sequence[CleanPhoto], key: str, view: ViewSpec) -> list[CleanPhoto]:
    sizes = [entry.scored.scores[key].image for entry in clean]
    return [
        entry
        for entry, size in zip(clean, sizes, strict=True)
        if size.width_px >= view.width_px and size.height_px >= view.height_px
    ]


def _count_alarms(clean: Sequence[CleanPhoto], source: str, key: str, policy: Policy) -> dict[str, Any]:
    chosen = [entry for entry in clean if source in (ALL_SOURCES, entry.scored.photo.source)]
    blamed = []
    for entry in chosen:
        reasons = {reason.attribute for reason in evaluate(entry.scored.scores[key], policy).reasons}
        blamed.append(reasons if entry.is_well_framed else reasons - {COMPOSITION})
    framed = sum(entry.is_well_framed for entry in chosen)
    counts = {name: sum(name in names for names in blamed) for name in ATTRIBUTE_NAMES}
    known = {name: framed if name == COMPOSITION else len(chosen) for name in ATTRIBUTE_NAMES}
    any_count = sum(bool(names & set(ATTRIBUTE_NAMES)) for names in blamed)
    return {
        "source": source,
        "photos": len(chosen),
        "shares": {name: counts[name] / known[name] if known[name] else None for name in ATTRIBUTE_NAMES},
        "any_share": any_count / len(chosen) if chosen else None,
    }
