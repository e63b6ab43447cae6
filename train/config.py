"""One TOML file describes one experiment; unknown keys and wrong types fail before any work is done."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tomllib

from edge_runtime.errors import UsageError

__all__ = [
    "BackboneConfig",
    "DistilConfig",
    "FitConfig",
    "HeadsConfig",
    "LabelsConfig",
    "LossConfig",
    "SamplesConfig",
    "StudentConfig",
    "TeacherConfig",
    "load_config",
    "parse_config",
]

Config = TypeVar("Config")


@dataclass(frozen=True)
class BackboneConfig:
    """The teacher's backbone.

    ``weights`` is "imagenet" (Keras downloads them), "random", or a file (see ``train.models.weights``). A frozen
    backbone runs once over every sample and only the heads are trained; a trainable one is fine-tuned whole.
    """

    name: str = "resnet50"
    weights: str = "imagenet"
    input_size_px: int = 384
    precision: str = "float32"
    is_trainable: bool = False


@dataclass(frozen=True)
class SamplesConfig:
    """Which views are made of the photographs; see ``train.data.samples``."""

    degraded_per_clean: int = 3
    degraded_per_photo: int = 1
    clean_from_mos: float = 0.7
    clean_sources: tuple[str, ...] = ()
    composition_share: float = 0.35
    photo_limit: int = 0


@dataclass(frozen=True)
class LabelsConfig:
    """Manifest's word → label of the head; a word that is missing here counts as unlabelled."""

    category: dict[str, str] = field(default_factory=dict)
    style: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HeadsConfig:
    """The teacher's heads: one hidden layer, dropout before and behind it."""

    hidden_units: int = 512
    dropout: float = 0.5


@dataclass(frozen=True)
class StudentConfig:
    """The student's architecture; see ``train.models.student.StudentSpec``. ``weights`` as for the backbone."""

    variant: str = "small"
    input_size_px: int = 320
    alpha: float = 1.0
    is_minimalistic: bool = False
    hidden_units: int = 96
    dropout: float = 0.2
    weights: str = "imagenet"


@dataclass(frozen=True)
class FitConfig:
    """One training run. ``epoch_samples`` 0 means all; ``patience`` counts epochs without a better validation SRCC."""

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup_share: float = 0.05
    l2: float = 0.0
    patience: int = 5
    epoch_samples: int = 0


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts of the loss; see ``train.losses``."""

    quality_mse: float = 5.0
    quality_plcc: float = 0.5
    quality_rank: float = 0.5
    attributes: float = 1.0
    category: float = 0.1
    style: float = 0.1
    teacher_share: float = 0.5


@dataclass(frozen=True)
class TeacherConfig:
    """``train/configs/teacher*.toml``."""

    name: str
    seed: int = 0
    split_seed: int = 0
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    samples: SamplesConfig = field(default_factory=SamplesConfig)
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    heads: HeadsConfig = field(default_factory=HeadsConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    loss: LossConfig = field(default_factory=LossConfig)


@dataclass(frozen=True)
class DistilConfig:
    """``train/configs/student*.toml``."""

    name: str
    seed: int = 0
    student: StudentConfig = field(default_factory=StudentConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    loss: LossConfig = field(default_factory=LossConfig)


def load_config(path: str | Path, kind: type[Config]) -> Config:
    """Reads a TOML file into ``kind``.

    Raises:
        UsageError: the file is missing or not TOML, a key is unknown, or a value has the wrong type.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot read the config: {error}") from error
    return parse_config(data, kind, str(path))


def parse_config(data: dict[str, Any], kind: type[Config], where: str) -> Config:
    """Builds the dataclass ``kind`` from nested dictionaries; ``where`` names their origin in messages."""
    hints = typing.get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in fields:
            nearest = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else f"; known keys: {', '.join(fields)}"
            raise UsageError(f"{where}: unknown key {key!r}{hint}")
        values[key] = _convert(value, hints[key], f"{where}: {key}")
    missing = [
        name
        for name, item in fields.items()
        if name not in values and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(f"{where}: missing key {missing[0]!r}")
    return kind(**values)


def _convert(value: Any, hint: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return parse_config(value, hint, where)  # type: ignore[arg-type]
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(value)
    if origin is dict and isinstance(value, dict):
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    expected = origin or hint
    is_plain = isinstance(expected, type) and not isinstance(expected, types.UnionType)
    if is_plain and isinstance(value, expected) and not (expected is int and isinstance(value, bool)):
        return value
    raise UsageError(f"{where}: expected {getattr(hint, '__name__', hint)}, found {value!r}")
