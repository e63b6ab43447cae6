"""The contract that travels inside a photogate ``.tflite`` file (``edge_runtime.model_file``): what goes in, what comes
out, how to read it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edge_runtime.errors import ModelError

__all__ = [
    "ATTRIBUTE_NAMES",
    "DETAIL_SURPLUS",
    "DetailSpec",
    "ModelContract",
    "NetworkInfo",
    "PiecewiseLinear",
    "ViewSpec",
    "check_attribute_names",
    "check_deductions",
    "check_stretch",
    "compute_decode_view",
]

# ``detail`` came with 2, ``deductions`` with 3, ``detail.attributes`` and ``attribute_stretch`` with 4,
# ``detail.network`` with 5, ``detail.weight`` with 6.
SCHEMA_VERSION = 6

# The part that a second look shows has so many times the columns and rows of its view, or the look is left out: pixels
# that are not averaged look unsharp. At 320 for 320 validation photos scored 11 points less, at 352 they did not.
DETAIL_SURPLUS = 1.1

ATTRIBUTE_NAMES = ("sharpness", "noise", "exposure", "color", "composition")


@dataclass(frozen=True)
class ViewSpec:
    """The picture the model sees: the whole photo, squeezed to (height_px, width_px, 3) RGB uint8."""

    width_px: int
    height_px: int
    fit: str = "squash"
    color: str = "rgb"


@dataclass(frozen=True)
class PiecewiseLinear:
    """A monotone map given by knots; constant outside them. ``x`` strictly grows."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or not self.x:
            raise ValueError("a piecewise linear map needs as many y as x values, and at least one")
        if any(b <= a for a, b in zip(self.x, self.x[1:], strict=False)):
            raise ValueError("the x values of a piecewise linear map must strictly grow")

    def __call__(self, value: float) -> float:
        """The map's value at ``value``."""
        if value <= self.x[0]:
            return self.y[0]
        for x0, x1, y0, y1 in zip(self.x, self.x[1:], self.y, self.y[1:], strict=False):
            if value <= x1:
                return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
        return self.y[-1]


@dataclass(frozen=True)
class NetworkInfo:
    """A network beside the file's first: the name and version of the model that it was, and its flatbuffer's digest."""

    name: str
    version: str
    tflite_sha256: str


@dataclass(frozen=True)
class DetailSpec:
    """A second look at photos, at their middle: of a photo that holds more pixels than the view it shows what the view
    of the whole has lost. Quality is then the weighted mean of both looks, with maps of its own.

    Attributes:
        share: of each side that the second view shows, 0-1.
        quality_calibration, interval_half_width: as those of the contract, for the mean.
        attributes: names of those that are the mean of both looks, too; the others are those of the whole.
        network: of the second look, where it has one of its own, with the same outputs; None: that of the first. Two
            networks that were trained apart err apart, so that their mean errs less.
        weight: of the second look in the mean of the qualities, 0-1; the first look has the rest. The attributes' mean
            is a plain one.
    """

    share: float
    quality_calibration: PiecewiseLinear
    interval_half_width: PiecewiseLinear
    attributes: tuple[str, ...] = ()
    network: NetworkInfo | None = None
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_attribute_names(self.attributes)
        if not 0 < self.weight < 1:
            raise ValueError(f"a second look's weight is {self.weight:g}: it must lie between 0 and 1")
        if not 0 < self.share < 1:
            raise ValueError(f"a second look shows a share of {self.share:g} of the sides: it must lie between 0 and 1")


@dataclass(frozen=True)
class ModelContract:
    """Everything the runtime must know about one model file.

    Attributes:
        name, version: of the model, not of the package.
        view: what the model's input ``image`` (1, height, width, 3) uint8 is.
        quality_calibration: raw quality (see :func:`edge_runtime.quality.compute_raw_quality`) → points (0-100).
        interval_half_width: points → half-width of the interval, in points, at ``interval_coverage``.
        band_limits: (below this is "low", from this on is "high"), in points.
        category_labels, style_labels: in the order of the logits; a best probability under ``unknown_below`` reads
            "unknown".
        precision: "int8", "float32" ...
        detail: how photos are looked at a second time; None: they are not.
        deductions: by attribute, what the worst fault of its kind takes off the raw quality.
        attribute_stretch: by attribute, how far the upper half of its scale is stretched; see
            :func:`edge_runtime.quality.compute_attribute_points`.
        tflite_sha256: digest of the network's flatbuffer, which is the file without the appended archive.
    """

    name: str
    version: str
    view: ViewSpec
    quality_calibration: PiecewiseLinear
    interval_half_width: PiecewiseLinear
    interval_coverage: float
    band_limits: tuple[float, float]
    category_labels: tuple[str, ...]
    style_labels: tuple[str, ...]
    unknown_below: float
    precision: str
    tflite_sha256: str = ""
    schema: int = SCHEMA_VERSION
    provenance: Mapping[str, Any] = field(default_factory=dict)
    detail: DetailSpec | None = None
    deductions: Mapping[str, float] = field(default_factory=dict)
    attribute_stretch: Mapping[str, float] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Tells models apart: the network's digest, or one of both where the second look has its own network."""
        network = self.detail_network
        if network is None:
            return self.tflite_sha256
        return hashlib.sha256(f"{self.tflite_sha256} {network.tflite_sha256}".encode()).hexdigest()

    @property
    def detail_network(self) -> NetworkInfo | None:
        """The second look's own network; None where the first one takes it, or there is no second look."""
        return None if self.detail is None else self.detail.network

    @property
    def decode_view(self) -> ViewSpec:
        """The size that a photo must not be decoded below: that of the view, or what a second look needs."""
        return self.view if self.detail is None else compute_decode_view(self.view, self.detail.share)

    def to_json(self) -> str:
        """The contract as JSON with sorted keys, so that equal contracts are equal bytes."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelContract:
        """Reads :meth:`to_json`'s form.

        Raises:
            ModelError: the schema is newer than this runtime, or a field is missing or malformed.
        """
        try:
            data = json.loads(text)
            schema = int(data["schema"])
            if schema > SCHEMA_VERSION:
                raise ModelError(
                    f"the model's contract has schema {schema}, this runtime reads up to {SCHEMA_VERSION}: "
                    "upgrade photogate"
                )
            low, high = data["band_limits"]
            detail = data.get("detail")
            return cls(
                **{
                    **data,
                    **_read_maps(data),
                    "detail": detail and _read_detail(detail),
                    "deductions": _read_by_attribute(data, "deductions", check_deductions),
                    "attribute_stretch": _read_by_attribute(data, "attribute_stretch", check_stretch),
                    "view": ViewSpec(**data["view"]),
                    "band_limits": (float(low), float(high)),
                    "category_labels": tuple(data["category_labels"]),
                    "style_labels": tuple(data["style_labels"]),
                }
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the model's contract is malformed: {error!r}; export the model again") from error


def compute_decode_view(view: ViewSpec, share: float) -> ViewSpec:
    """The size that a photo must not be decoded below for a second look at ``share`` of its sides."""
    factor = DETAIL_SURPLUS / share
    return replace(view, width_px=math.ceil(view.width_px * factor), height_px=math.ceil(view.height_px * factor))


def check_attribute_names(names: Iterable[str]) -> None:
    """Makes sure that ``names`` are of attributes.

    Raises:
        ValueError: one is not.
    """
    for name in names:
        if name not in ATTRIBUTE_NAMES:
            raise ValueError(f"{name!r} is no attribute: choose of {', '.join(ATTRIBUTE_NAMES)}")


def check_deductions(deductions: Mapping[str, float]) -> None:
    """Makes sure that ``deductions`` are of attributes, and from 0 to 1.

    Raises:
        ValueError: one is not.
    """
    _check_by_attribute(deductions, 0.0, 1.0)


def check_stretch(stretch: Mapping[str, float]) -> None:
    """Makes sure that ``stretch`` is of attributes, and from 0.1 to 10.

    Raises:
        ValueError: one is not.
    """
    _check_by_attribute(stretch, 0.1, 10.0)


def _read_maps(data: Mapping[str, Any]) -> dict[str, PiecewiseLinear]:
    """The two maps that a contract and its ``detail`` have."""
    return {
        key: PiecewiseLinear(tuple(data[key]["x"]), tuple(data[key]["y"]))
        for key in ("quality_calibration", "interval_half_width")
    }


def _read_detail(data: Mapping[str, Any]) -> DetailSpec:
    names = data.get("attributes", [])
    if not isinstance(names, list):
        raise TypeError(f"a second look's attributes are {names!r}: they must be a list of names")
    network = data.get("network")
    return DetailSpec(
        float(data["share"]),
        **_read_maps(data),
        attributes=tuple(names),
        network=network and NetworkInfo(**network),
        weight=float(data.get("weight", DetailSpec.weight)),
    )


def _check_by_attribute(values: Mapping[str, float], low: float, high: float) -> None:
    check_attribute_names(values)
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} = {value:g}: it must be from {low:g} to {high:g}")


def _read_by_attribute(
    data: Mapping[str, Any], key: str, check: Callable[[Mapping[str, float]], None]
) -> dict[str, float]:
    values = {name: float(value) for name, value in data.get(key, {}).items()}
    check(values)
    return values
