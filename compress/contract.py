"""What a model's file says of itself: its maps to points and intervals are fitted on the validation photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.calibrate import fit_calibration, fit_interval
from compress.recipe import ContractConfig
from edge_runtime.contract import DetailSpec, ModelContract, PiecewiseLinear, ViewSpec, compute_decode_view
from edge_runtime.decode import decode_photo
from edge_runtime.interpreter import Interpreter
from edge_runtime.quality import compute_attributes, compute_raw_quality
from edge_runtime.views import make_detail_view
from train.progress import track
from train.stages.labelled_views import LabelledViews

__all__ = ["build_contract"]


def build_contract(
    flatbuffer: bytes,
    config: ContractConfig,
    labels: LabelledViews,
    view: ViewSpec,
    name: str,
    provenance: Mapping[str, Any],
) -> ModelContract:
    """The contract of a model; its ``precision`` is left to the caller.

    Args:
        flatbuffer: the model that ships. Its forms share its contract: what compressing did then shows in the scores.
        config: of the recipe.
        labels: whose validation photos the maps are fitted on.
        view: what the model sees.
        name: of the model.
        provenance: to be kept in the contract.

    Raises:
        ManifestError: as ``LabelledViews.load_photos``, where the contract has a second look.
        UsageError: likewise.
    """
    validation = labels.build_validation()
    interpreter = Interpreter(flatbuffer, num_threads=2)
    looks = [[interpreter.invoke(view)] for view in validation.inputs]
    maps = _fit_maps(looks, validation.mos, config)
    detail = None
    if config.detail_share:
        _look_closer(interpreter, looks, view, labels, config.detail_share)
        maps_of_both = _fit_maps(looks, validation.mos, config)
        detail = DetailSpec(config.detail_share, *maps_of_both, config.detail_attributes)
    return ModelContract(
        name=name,
        version=config.version,
        view=view,
        quality_calibration=maps[0],
        interval_half_width=maps[1],
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
    looks: list[list[dict[str, NDArray[np.float32]]]], mos: NDArray[np.float32], config: ContractConfig
) -> tuple[PiecewiseLinear, PiecewiseLinear]:
    """From raw quality to points, and from points to the half-width of the interval."""
    names, deductions = config.detail_attributes, config.deductions
    raw = np.array([compute_raw_quality(each, compute_attributes(each, names), deductions) for each in looks])
    calibration = fit_calibration(raw, mos)
    points = np.array([calibration(value) for value in raw])
    return calibration, fit_interval(points, mos, config.interval_coverage)


def _look_closer(
    interpreter: Interpreter,
    looks: list[list[dict[str, NDArray[np.float32]]]],
    view: ViewSpec,
    labels: LabelledViews,
    share: float,
) -> None:
    """Adds the second look at each validation photo that is large enough for one, decoded as the runtime will."""
    photos = labels.load_photos()
    files = labels.files[labels.select_rated("validation")]
    for look, file in zip(looks, track(files, "details", total=len(files)), strict=True):
        decoded = decode_photo(photos[file].path, compute_decode_view(view, share))
        closer = make_detail_view(decoded.image, view, share, decoded.box)
        if closer is not None:
            look.append(interpreter.invoke(closer))
