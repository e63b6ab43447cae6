"""What models answer about the rated validation photos, looked at as the runtime looks at a photo: once or twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from compress.recipe import ContractConfig
from edge_runtime.contract import ViewSpec, compute_decode_view
from edge_runtime.decode import decode_photo
from edge_runtime.interpreter import Interpreter
from edge_runtime.quality import compute_attributes, compute_raw_quality
from edge_runtime.views import make_detail_view
from train.loop import Validation
from train.progress import track
from train.stages.labelled_views import LabelledViews

__all__ = ["Looks", "collect_views", "compute_qualities", "take_looks"]

Looks: TypeAlias = "list[list[dict[str, NDArray[np.float32]]]]"
"""Of each photo the outputs of one look at the whole, and of one at the middle if the photo has a second look."""


def collect_views(
    labels: LabelledViews, validation: Validation, view: ViewSpec, share: float
) -> list[list[NDArray[np.uint8]]]:
    """The views of each rated validation photo.

    Args:
        labels: with those photos.
        validation: of ``labels``, which reads the views of the whole photos.
        view: what the models see.
        share: of each side of the photo, that the second look is at; 0: one look.

    Raises:
        ManifestError: as ``LabelledViews.load_photos``, where there is a second look.
        UsageError: likewise.
    """
    views = [[whole] for whole in validation.inputs]
    if not share:
        return views
    photos = labels.load_photos()
    files = labels.files[labels.select_rated("validation")]
    for each, file in zip(views, track(files, "details", total=len(files)), strict=True):
        decoded = decode_photo(photos[file].path, compute_decode_view(view, share))  # as the runtime will
        closer = make_detail_view(decoded.image, view, share, decoded.box)
        if closer is not None:
            each.append(closer)
    return views


def take_looks(flatbuffer: bytes, views: Sequence[Sequence[NDArray[np.uint8]]], detail: bytes | None = None) -> Looks:
    """Runs a model on the views of each photo, through the runtime's own interpreter.

    Args:
        flatbuffer: the model's.
        views: of each photo, from :func:`collect_views`.
        detail: of the network that takes the second look; None: the same one.
    """
    whole = Interpreter(flatbuffer, num_threads=2)
    networks = (whole, whole if detail is None else Interpreter(detail, num_threads=2))
    return [[network.invoke(view) for network, view in zip(networks, each, strict=False)] for each in views]


def compute_qualities(looks: Looks, config: ContractConfig) -> NDArray[np.float64]:
    """Raw quality (photos,), all looks and deductions included: what the maps to points are fitted to."""
    names, deductions, weight = config.detail_attributes, config.deductions, config.detail_weight
    return np.array([compute_raw_quality(each, compute_attributes(each, names), deductions, weight) for each in looks])
