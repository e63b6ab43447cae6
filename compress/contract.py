"""What a model's file says of itself: its maps to points and intervals are fitted on the validation photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.calibrate import fit_calibration, fit_interval
from compress.looks import Looks, compute_qualities
from compress.recipe import ContractConfig
from edge_runtime.contract import DetailSpec, ModelContract, NetworkInfo, PiecewiseLinear, ViewSpec
from train.stages.labelled_views import LabelledViews

__all__ = ["build_contract"]


def build_contract(
    looks: Looks,
    mos: NDArray[np.float32],
    config: ContractConfig,
    labels: LabelledViews,
    view: ViewSpec,
    name: str,
    provenance: Mapping[str, Any],
    network: NetworkInfo | None = None,
) -> ModelContract:
    """The contract of a model; its ``precision`` is left to the caller.

    Args:
        looks: of the model that ships (``compress.looks``), at the validation photos that the maps are fitted on. Its
            forms share its contract: what compressing did then shows in the scores.
        mos: of those photos, 0-1.
        config: of the recipe.
        labels: whose categories and styles the model tells apart.
        view: what the model sees.
        name: of the model.
        provenance: to be kept in the contract.
        network: that took the second looks, where it is another one.
    """
    calibration, half_width = _fit_maps([each[:1] for each in looks], mos, config)
    detail = None
    if config.detail_share:
        maps = _fit_maps(looks, mos, config)
        detail = DetailSpec(config.detail_share, *maps, config.detail_attributes, network, config.detail_weight)
    return ModelContract(
        name=name,
        version=config.version,
        view=view,
        quality_calibration=calibration,
        interval_half_width=half_width,
        interval_coverage=config.interval_coverage,
        band_limits=config.band_limits,
        category_labels=labels.category_labels,
        style_labels=labels.style_labels,
        unknown_below=config.unknown_below,
        precision="",
        provenance=provenance,
        detail=detail,
        deductions=config.deductions,
        attribute_stretch=config.attribute_stretch,
    )


def _fit_maps(
    looks: Looks, mos: NDArray[np.float32], config: ContractConfig
) -> tuple[PiecewiseLinear, PiecewiseLinear]:
    """From raw quality to points, and from points to the half-width of the interval."""
    raw = compute_qualities(looks, config)
    calibration = fit_calibration(raw, mos)
    points = np.array([calibration(value) for value in raw])
    return calibration, fit_interval(points, mos, config.interval_coverage)
