"""What one experiment may say: the sections of ``train/configs/*.toml``, read by ``train.config_reader``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_runtime.errors import UsageError
from train.config_reader import LARGEST_SEED, check_file_name, check_ranges
from train.training_config import FitConfig, LossConfig, RefitConfig

__all__ = [
    "BackboneConfig",
    "DistilConfig",
    "HeadsConfig",
    "LabelsConfig",
    "RidgeConfig",
    "SamplesConfig",
    "StudentConfig",
    "TeacherConfig",
]

_RUNTIMES = ("keras", "openvino")
_PRECISIONS = ("float32", "bfloat16", "float16", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class BackboneConfig:
    """A backbone of the teacher.

    ``weights`` is "imagenet" (Keras downloads them), "random", or a file (see ``train.models.weights``). A frozen
    backbone runs once over every sample and only the heads are trained; a trainable one is then fine-tuned with them,
    all but its ``frozen_stages`` first stages and its batch normalisations.
    ``runtime`` is what a frozen one runs on: "keras", or "openvino", which is faster on CPUs.
    """

    name: str = "resnet50"
    weights: str = "imagenet"
    input_size_px: int = 384
    precision: str = "float32"
    is_trainable: bool = False
    frozen_stages: int = 1
    runtime: str = "keras"

    def __post_init__(self) -> None:
        check_ranges(self, input_size_px=(32, math.inf), frozen_stages=(0, math.inf))
        if self.runtime not in _RUNTIMES:
            raise UsageError(f"runtime is {self.runtime!r}: choose one of {', '.join(_RUNTIMES)}")
        if self.is_trainable and self.runtime != "keras":
            raise UsageError(f"{self.name} cannot be trained on {self.runtime}: leave runtime out")
        if self.precision not in _PRECISIONS:
            raise UsageError(f"precision is {self.precision!r}: choose one of {', '.join(_PRECISIONS)}")


@dataclass(frozen=True)
class SamplesConfig:
    """Which views are made of the photographs; see ``train.data.samples``.

    Photos whose ``file`` matches a pattern of ``leave_out`` (as a shell's, for example "*ss03*") are neither trained on
    nor looked at for validation. Those of the test part stay: what a model says of a source it has never seen is what
    it will say of a seller's.
    """

    degraded_per_clean: int = 3
    degraded_per_photo: int = 1
    crops_per_photo: int = 0
    clean_from_mos: float = 0.7
    clean_sources: tuple[str, ...] = ()
    composition_share: float = 0.35
    photo_limit: int = 0
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(
            self,
            degraded_per_clean=(0, math.inf),
            degraded_per_photo=(0, math.inf),
            crops_per_photo=(0, math.inf),
            composition_share=(0, 1),
            photo_limit=(0, math.inf),
        )


@dataclass(frozen=True)
class LabelsConfig:
    """Manifest's word → label of the head; a word that is missing here counts as unlabelled.

    ``scenes`` are the labels of the style head that stand for pictures other than of products.
    """

    category: dict[str, str] = field(default_factory=dict)
    style: dict[str, str] = field(default_factory=dict)
    scenes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.scenes) - set(self.style.values()))
        if unknown:
            raise UsageError(f"scenes: {', '.join(unknown)} is no label of the style head")


@dataclass(frozen=True)
class HeadsConfig:
    """The teacher's heads: one hidden layer, dropout before and behind it.

    With ``folds`` above 1, as many sets of heads are trained, each without one share of the groups, and their answers
    are averaged. Photos that were trained on are then labelled by the heads that did not see them: what the others say
    of those is little more than people's ratings by heart. With ``per_backbone``, each backbone has heads of its own
    instead of all reading all features; their answers are averaged.
    """

    hidden_units: int = 512
    dropout: float = 0.5
    folds: int = 1
    per_backbone: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, hidden_units=(1, math.inf), dropout=(0, 0.99), folds=(1, 20))


@dataclass(frozen=True)
class RidgeConfig:
    """The teacher's regressions of ratings, beside its heads; see ``train.models.ridge``.

    Quality is the heads' and the regressions' together, the latter with ``share`` of the weight: 0, and there are none.
    Of the photos that the teacher was trained on, where those who have not seen a photo judge it, they have
    ``rated_share`` if it was rated: it is like the others that were, and of such photos the heads know more.
    """

    width: float = 0.3
    penalty: float = 0.6
    share: float = 0.0
    rated_share: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, width=(1e-6, math.inf), penalty=(1e-6, math.inf), share=(0, 1), rated_share=(0, 1))
        if self.rated_share and not self.share:
            raise UsageError("rated_share without a share: set share above 0 in [ridge], too")


@dataclass(frozen=True)
class StudentConfig:
    """The student's architecture; see ``train.models.student.StudentSpec``. ``weights`` as for the backbone.

    With an ``expansion_share`` below 1 they are those of an exported student, of full width or as narrow as this one.
    """

    variant: str = "small"
    input_size_px: int = 320
    alpha: float = 1.0
    expansion_share: float = 1.0
    is_minimalistic: bool = False
    hidden_units: int = 96
    dropout: float = 0.2
    weights: str = "imagenet"

    def __post_init__(self) -> None:
        check_ranges(self, alpha=(0.1, 4), expansion_share=(0.1, 1), hidden_units=(1, math.inf), dropout=(0, 0.99))


@dataclass(frozen=True)
class TeacherConfig:
    """``train/configs/teacher*.toml``.

    With several ``backbones`` the heads read the features of all of them side by side. ``fit`` is the heads' training,
    ``tune`` that of a trainable backbone and the heads together.
    """

    name: str
    seed: int = 0
    split_seed: int = 0
    backbones: tuple[BackboneConfig, ...] = field(default_factory=lambda: (BackboneConfig(),))
    samples: SamplesConfig = field(default_factory=SamplesConfig)
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    heads: HeadsConfig = field(default_factory=HeadsConfig)
    ridge: RidgeConfig = field(default_factory=RidgeConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    tune: FitConfig = field(default_factory=lambda: FitConfig(epochs=0))
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        check_ranges(self, seed=(0, LARGEST_SEED))
        unread = {
            "epoch_samples in [fit]": self.fit.epoch_samples,
            "l2 in [tune]": self.tune.l2,
            "quality_partners in [loss]": self.loss.quality_partners,
            "hints in [loss]": self.loss.hints,
        }
        if set_ones := [name for name, value in unread.items() if value]:
            raise UsageError(f"{', '.join(set_ones)}: a student's alone, a teacher does not read it; leave it out")
        names = [backbone.name for backbone in self.backbones]
        if not names or len(set(names)) < len(names):
            raise UsageError(f"backbones are {', '.join(names) or 'none'}: name at least one, and each once")
        if len(names) > 1 and any(backbone.is_trainable for backbone in self.backbones):
            raise UsageError("a backbone is fine-tuned alone: name one in [[backbones]], or set is_trainable = false")
        if self.backbones[0].is_trainable and self.heads.folds > 1:
            raise UsageError("a backbone is fine-tuned with one set of heads: set folds = 1 in [heads]")
        if self.backbones[0].is_trainable != (self.tune.epochs > 0):
            raise UsageError("to fine-tune, set both is_trainable = true in [[backbones]] and epochs in [tune]")
        if self.backbones[0].is_trainable and self.ridge.share:
            raise UsageError(
                "the regressions rest on frozen features: set share = 0 in [ridge], or is_trainable = false"
            )

    def replace_weights(self, overrides: Sequence[str]) -> TeacherConfig:
        """This config with other weights of its backbones.

        Args:
            overrides: each "NAME=FILE"; with one backbone also "FILE".

        Raises:
            UsageError: a name is none of the backbones'.
        """
        backbones = {backbone.name: backbone for backbone in self.backbones}
        for override in overrides:
            name, _, weights = override.partition("=")
            if name not in backbones and len(backbones) == 1:
                name, weights = self.backbones[0].name, override
            if name not in backbones:
                raise UsageError(f"--weights {override}: write NAME=FILE, with a name of {', '.join(backbones)}")
            backbones[name] = dataclasses.replace(backbones[name], weights=weights)
        return dataclasses.replace(self, backbones=tuple(backbones.values()))


@dataclass(frozen=True)
class DistilConfig:
    """``train/configs/student*.toml``.

    ``crop_share`` is the share of the crops among the labels that are trained on: each is an anchor as a whole photo
    is, so that with all of them the rated photos are seen more seldom. With ``is_rated_only`` the photos that people
    rated are all that is seen, as they are. ``repeats`` tells by collection how often its photos are taken where those
    of the others are taken once: many unrated photos must not drown the few by which labels are learnt.
    """

    name: str
    seed: int = 0
    crop_share: float = 1.0
    is_rated_only: bool = False
    repeats: dict[str, int] = field(default_factory=dict)
    student: StudentConfig = field(default_factory=StudentConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    refit: RefitConfig = field(default_factory=RefitConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        check_file_name(self.name)
        check_ranges(self, seed=(0, LARGEST_SEED), crop_share=(0, 1))
        if min(self.fit.batch_size, self.refit.batch_size) < 2:
            raise UsageError("a batch holds views and their partners: set batch_size in [fit] and [refit] to 2 or more")
        if any(count < 1 for count in self.repeats.values()):
            raise UsageError(f"repeats is {self.repeats}: each must be 1 or more")
