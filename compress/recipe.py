"""One TOML file describes how a student is compressed; it is kept beside the model it made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.contract import DetailSpec, check_attribute_names, check_deductions, check_stretch
from edge_runtime.errors import UsageError
from train.config_reader import LARGEST_SEED, check_ranges

__all__ = ["METHODS", "CategoriesConfig", "ContractConfig", "PruneConfig", "QuantizeConfig", "Recipe"]

METHODS = ("ptq", "qat", "best")


@dataclass(frozen=True)
class PruneConfig:
    """Magnitude pruning while fine-tuning, or at once where ``epochs`` is 0; ``final_sparsity`` 0 leaves it out.

    Only pointwise convolutions of at least ``min_weights`` weights are pruned. They hold 38 % of the small student's
    weights; the gates, which hold 45 %, stay whole, and so do the depthwise filters: of nine weights each one counts.
    """

    final_sparsity: float = 0.5
    min_weights: int = 2000
    epochs: int = 2
    learning_rate: float = 3e-4
    epoch_samples: int = 0
    ramp_share: float = 0.7

    def __post_init__(self) -> None:
        check_ranges(
            self,
            final_sparsity=(0, 0.99),
            min_weights=(0, math.inf),
            epochs=(0, math.inf),
            learning_rate=(0, math.inf),
            epoch_samples=(0, math.inf),
            ramp_share=(0, 1),
        )


@dataclass(frozen=True)
class QuantizeConfig:
    """Int8 by post-training quantisation ("ptq"), quantisation-aware training ("qat"), or whichever agrees better
    with people on the validation part ("best"; a tie within 0.001 SRCC goes to the one closer to the float model).
    Ranges and kernels are found on ``calibration_views`` views, 50 or better 200 (with ten a layer is solved for what
    those ten show: docs/benchmarks-compression.md), the heads fitted to the rounded backbone on ``matching_views``.
    """

    method: str = "best"
    calibration_views: int = 200
    matching_views: int = 4000
    epochs: int = 2
    learning_rate: float = 2e-4
    epoch_samples: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"method is {self.method!r}: choose ptq, qat or best")
        check_ranges(
            self,
            calibration_views=(1, math.inf),
            matching_views=(1, math.inf),
            epochs=(1, math.inf),
            learning_rate=(0, math.inf),
            epoch_samples=(0, math.inf),
        )


@dataclass(frozen=True)
class CategoriesConfig:
    """Hidden units of the category head's own (``compress.category_units``), fitted on at most ``views`` views of the
    training part; ``units`` 0: it reads the hidden layer that all heads share, and no more."""

    units: int = 0
    views: int = 32000
    epochs: int = 60
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        check_ranges(self, units=(0, 256), views=(1, math.inf), epochs=(1, math.inf), learning_rate=(0, math.inf))


@dataclass(frozen=True)
class ContractConfig:
    """What the model file says of itself; bands in points, ``unknown_below`` a probability, ``detail_share`` the share
    of a photo's sides that a second view shows (0: none), ``detail_weight`` its weight in the quality,
    ``detail_attributes`` the names of those that are the mean of both views, ``deductions`` what the worst fault of an
    attribute takes off the raw quality, which ends at 1, and ``attribute_stretch`` how far the upper half of an
    attribute's scale is stretched (see :mod:`edge_runtime.quality`)."""

    version: str = "0.1.0"
    interval_coverage: float = 0.9
    band_limits: tuple[float, float] = (45.0, 65.0)
    unknown_below: float = 0.45
    detail_share: float = 0.0
    detail_weight: float = DetailSpec.weight
    detail_attributes: tuple[str, ...] = ()
    deductions: dict[str, float] = field(default_factory=dict)
    attribute_stretch: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_ranges(
            self,
            interval_coverage=(0.01, 0.99),
            unknown_below=(0, 1),
            detail_share=(0, 0.95),
            detail_weight=(0.01, 0.99),
        )
        checks: dict[str, Callable[[Any], None]] = {
            "detail_attributes": check_attribute_names,
            "deductions": check_deductions,
            "attribute_stretch": check_stretch,
        }
        for key, check in checks.items():
            try:
                check(getattr(self, key))
            except ValueError as error:
                raise UsageError(f"{key}: {error}") from error
        if self.detail_attributes and not self.detail_share:
            raise UsageError("detail_attributes needs a second view: set detail_share, too")
        if self.detail_weight != ContractConfig.detail_weight and not self.detail_share:
            raise UsageError("detail_weight needs a second view: set detail_share, too")
        low, high = self.band_limits
        if not 0 <= low <= high <= 100:
            raise UsageError(
                f"band_limits is {list(self.band_limits)}: it must be two growing numbers of points, 0-100"
            )


@dataclass(frozen=True)
class Recipe:
    """``compress/recipes/*.toml``.

    ``float_share`` is the share of the loss that asks a compressed model for the float student's own answers on the
    same views; the rest asks for people's ratings and known degradations. Compression shall change the model as little
    as it can, and the float student's answers are the finest measure of that. ``hidden`` weighs how far the hidden
    units are off, as a share of their variance.
    """

    name: str
    seed: int = 0
    batch_size: int = 48
    float_share: float = 0.8
    hidden: float = 0.3
    prune: PruneConfig = field(default_factory=PruneConfig)
    quantize: QuantizeConfig = field(default_factory=QuantizeConfig)
    categories: CategoriesConfig = field(default_factory=CategoriesConfig)
    contract: ContractConfig = field(default_factory=ContractConfig)

    def __post_init__(self) -> None:
        check_ranges(self, seed=(0, LARGEST_SEED), batch_size=(1, math.inf), float_share=(0, 1), hidden=(0, math.inf))
