"""The operations that a fix may be made of: a name and numbers, applied in one fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.filters import denoise, sharpen
from edge_runtime.enhance.geometry import crop, deskew
from edge_runtime.enhance.tone import apply_clahe, apply_exposure, apply_gamma, balance_white, stretch_contrast
from edge_runtime.errors import UsageError
from edge_runtime.gate.toml_table import find_near

__all__ = ["OPERATION_NAMES", "Operation", "apply_operations", "check_names", "order_operations"]

Value: TypeAlias = "float | str"

# Operation → what it is about: of one subject a fix holds one operation. Deskewing and cropping share a subject, for
# where the product lies is measured before anything is turned. The order is that of application: noise is taken away
# before anything makes it louder, and edges are made steeper last.
SUBJECTS: Mapping[str, str] = {
    "deskew": "frame",
    "crop": "frame",
    "denoise": "noise",
    "white_balance": "color",
    "exposure": "range",
    "contrast": "range",
    "gamma": "tones",
    "clahe": "tones",
    "sharpen": "sharpness",
}
OPERATION_NAMES = tuple(SUBJECTS)
# Subject → the attribute that it shall improve.
AIMS: Mapping[str, str] = {
    "frame": "composition",
    "noise": "noise",
    "color": "color",
    "range": "exposure",
    "tones": "exposure",
    "sharpness": "sharpness",
}
# Subject → what it may spoil. Attributes beside these move, too, but for the model's reasons and not for the picture's:
# it takes the noise of a photo for a bit of contrast.
RISKS: Mapping[str, frozenset[str]] = {
    "frame": frozenset({"sharpness", "noise", "composition"}),
    "noise": frozenset({"sharpness"}),
    "color": frozenset({"noise", "exposure", "color"}),
    "range": frozenset({"sharpness", "noise", "exposure", "color"}),
    "tones": frozenset({"sharpness", "noise", "exposure", "color"}),
    "sharpness": frozenset({"noise", "exposure"}),
}
_PLACES = {name: place for place, name in enumerate(OPERATION_NAMES)}


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a fix.

    Attributes:
        name: one of ``OPERATION_NAMES``.
        parameters: (name, value) pairs. Lengths, whose names end in ``_px``, are pixels of the picture that the
            operation is applied to; ``coarse_scale`` is how many times larger than the search's picture that is.
    """

    name: str
    parameters: tuple[tuple[str, Value], ...] = ()

    @property
    def subject(self) -> str:
        """What it is about: "frame", "noise", "color", "range" (of levels), "tones" (within it) or "sharpness"."""
        return SUBJECTS[self.name]

    @property
    def aim(self) -> str:
        """The attribute that it shall improve."""
        return AIMS[self.subject]

    @property
    def risks(self) -> frozenset[str]:
        """The attributes that it may spoil."""
        return RISKS[self.subject]

    @property
    def is_geometric(self) -> bool:
        """Whether it moves pixels: then a comparison needs the original moved in the same way."""
        return self.subject == "frame"

    def scale(self, factor: float) -> Operation:
        """The same operation for a picture ``factor`` times as large."""
        return Operation(
            self.name,
            tuple(
                (key, value * factor if key.endswith("_px") or key == "coarse_scale" else value)
                if isinstance(value, (int, float))
                else (key, value)
                for key, value in self.parameters
            ),
        )

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture, RGB uint8 (height, width, 3), after this step; the input is left as it is."""
        values: dict[str, Any] = dict(self.parameters)
        if self.name == "deskew":
            return deskew(picture, values["angle_deg"])
        if self.name == "crop":
            return crop(picture, values["left"], values["top"], values["right"], values["bottom"])
        if self.name == "denoise":
            return denoise(picture, values["method"], values["strength"], values["coarse_scale"])
        if self.name == "white_balance":
            return balance_white(picture, (values["red"], values["green"], values["blue"]))
        if self.name == "exposure":
            return apply_exposure(picture, values["stops"])
        if self.name == "gamma":
            return apply_gamma(picture, values["exponent"])
        if self.name == "contrast":
            return stretch_contrast(picture, values["low"], values["high"])
        if self.name == "clahe":
            return apply_clahe(picture, values["clip_limit"], values["share"])
        return sharpen(picture, values["sigma_px"], values["amount"])

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, numbers rounded to four decimals."""
        return {
            "name": self.name,
            "parameters": {
                key: round(value, 4) if isinstance(value, float) else value for key, value in self.parameters
            },
        }


def order_operations(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """In the order in which they are applied."""
    return tuple(sorted(operations, key=lambda operation: _PLACES[operation.name]))


def apply_operations(picture: NDArray[np.uint8], operations: Sequence[Operation]) -> NDArray[np.uint8]:
    """Applies one after another."""
    for operation in operations:
        picture = operation.apply(picture)
    return picture


def check_names(names: Iterable[str]) -> frozenset[str]:
    """The names as a set.

    Raises:
        UsageError: one is no operation, or there is none.
    """
    chosen = frozenset(names)
    for name in sorted(chosen):
        if name not in OPERATION_NAMES:
            raise UsageError(f"there is no operation {name!r}; {find_near(name, OPERATION_NAMES)}")
    if not chosen:
        raise UsageError(f"no operation is allowed, so nothing can be fixed; name some of {', '.join(OPERATION_NAMES)}")
    return chosen
