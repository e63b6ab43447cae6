"""How anything is trained: the sections of an experiment that teacher, student and compression share."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from edge_runtime.errors import UsageError
from train.config_reader import check_ranges

__all__ = ["FitConfig", "LossConfig", "RefitConfig"]


@dataclass(frozen=True)
class FitConfig:
    """One training run.

    ``epochs`` 0: the weights stay as they come in. ``epoch_samples``, of a student, 0 means all. ``patience`` counts
    epochs without a better validation SRCC; the best ones' weights stand. With ``averages_from``, an epoch counted from
    1, the rate is constant and the mean of the weights from there on stands instead.
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup_share: float = 0.05
    l2: float = 0.0
    patience: int = 5
    epoch_samples: int = 0
    averages_from: int = 0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            epochs=(0, math.inf),
            batch_size=(1, math.inf),
            learning_rate=(0, math.inf),
            warmup_share=(0, 1),
            l2=(0, math.inf),
            patience=(0, math.inf),
            epoch_samples=(0, math.inf),
            averages_from=(0, math.inf),
        )
        if self.averages_from > self.epochs:
            raise UsageError(f"averages_from is {self.averages_from}, but there are {self.epochs} epochs")


@dataclass(frozen=True)
class RefitConfig:
    """A student's heads trained further alone, on the statistics of its finished backbone; ``epochs`` 0: not at all.

    With ``holds_quality`` they learn everything but quality, for which the student's own answers before are the target.
    """

    epochs: int = 0
    batch_size: int = 256
    learning_rate: float = 1e-3
    holds_quality: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, epochs=(0, math.inf), batch_size=(1, math.inf), learning_rate=(0, math.inf))


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts of the loss; see ``train.losses``.

    ``quality_partners`` needs batches of partners and ``hints`` the teacher's hints: a student's training has both.
    ``fault_weight`` is what a wholly spoilt attribute counts against a flawless one: most are flawless, and where a
    fault is rare, as that of colour is, to call everything flawless would cost too little.
    """

    quality_mse: float = 5.0
    quality_plcc: float = 0.5
    quality_rank: float = 0.5
    quality_partners: float = 0.0
    attributes: float = 1.0
    fault_weight: float = 1.0
    category: float = 0.1
    style: float = 0.1
    hints: float = 0.0
    teacher_share: float = 0.5

    def __post_init__(self) -> None:
        weights = {item.name: (0, math.inf) for item in dataclasses.fields(self)}
        check_ranges(self, **{**weights, "teacher_share": (0, 1)})
