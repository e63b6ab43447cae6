"""False alarms: sharp products on white that are called blurred all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.accuracy_report.photos import CleanPhoto
from edge_runtime.contract import ViewSpec
from edge_runtime.gate import Policy, evaluate

__all__ = ["measure_false_blur"]


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
    products = [
        entry.scored
        for entry in clean
        if entry.has_product
        and entry.scored.scores[keys[0]].image.width_px >= view.width_px
        and entry.scored.scores[keys[0]].image.height_px >= view.height_px
    ]
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
