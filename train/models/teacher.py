"""The teacher: statistics of its backbones' stages, and heads and regressions that read them. Keras 3, on any of its
backends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from edge_runtime.errors import UsageError
from edge_runtime.views import make_view
from train.artifact import NPZ_ERRORS, compute_digest, read_provenance
from train.config import BackboneConfig, TeacherConfig
from train.config_reader import parse_config
from train.data.samples import collect_labels
from train.data.split import assign_fold
from train.features import Extract, FeatureSource, StackedFeatures, choose_view
from train.models.backbones import build_feature_model
from train.models.compiled import compile_backbone
from train.models.heads import build_all_heads, plan_heads
from train.models.ridge import KernelRidge

__all__ = ["STAGE", "Teacher", "build_backbones", "load_teacher"]

STAGE = "teacher"
_BATCH_SIZE, _HEADS_BATCH_SIZE = 16, 256

Arrays = dict[str, NDArray[np.float32]]


def build_backbones(config: TeacherConfig) -> list[Any]:
    """The config's backbones; see ``train.models.backbones``."""
    # OpenVINO takes a float32 model and rounds by itself.
    precisions = [entry.precision if entry.runtime == "keras" else "float32" for entry in config.backbones]
    return [
        build_feature_model(entry.name, entry.weights, precision)
        for entry, precision in zip(config.backbones, precisions, strict=True)
    ]


class Teacher:
    """A trained teacher.

    Attributes:
        config: what it was trained with.
        category_labels, style_labels: of the two label heads.
        backbones: RGB views → features. heads: features → outputs; ``parts`` says of each set which it reads. All
            Keras 3 models.
        ridges: a regression on each backbone's features, or none.
    """

    def __init__(
        self,
        config: TeacherConfig,
        backbones: Sequence[Any],
        heads: Sequence[Any],
        ridges: Sequence[KernelRidge] = (),
    ) -> None:
        self.config = config
        self.category_labels, self.style_labels = collect_labels(config.labels)
        self.backbones = tuple(backbones)
        self.heads = tuple(heads)
        counts = [backbone.output.shape[-1] for backbone in backbones]
        self.parts = plan_heads(counts, config.heads)
        self.ridges = tuple(ridges)
        self._ridge_columns = [slice(end - count, end) for count, end in zip(counts, np.cumsum(counts), strict=True)]

    def fit_ridges(self, features: NDArray[np.float16], ratings: NDArray[np.float32], groups: Sequence[str]) -> None:
        """Fits the regressions to rated photos, if the config wants any.

        Args:
            features: (n, f) of the photos as they are, all backbones' side by side.
            ratings: (n,) 0-1.
            groups: of each photo.
        """
        config = self.config
        if config.ridge.share:
            count = config.heads.folds
            folds = [assign_fold(group, count, config.split_seed) for group in groups]
            self.ridges = tuple(
                KernelRidge.fit(features[:, columns], ratings, folds, count, config.ridge)
                for columns in self._ridge_columns
            )

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> Arrays:
        """Judges pictures, RGB uint8 (height, width, 3) of any size.

        Returns:
            ``quality`` (n,) and ``attributes`` (n, 5) in 0-1, ``category`` and ``style`` probabilities (n, labels).
        """
        pairs = zip(self.backbones, self.config.backbones, strict=True)
        seen = [_extract(backbone, images, entry.input_size_px) for backbone, entry in pairs]
        return self.predict_features(np.concatenate(seen, axis=1))

    def open_features(self, folder: Path) -> StackedFeatures:
        """The backbones' features of samples, kept below ``folder``."""
        return StackedFeatures(
            folder,
            [
                FeatureSource(
                    f"{entry.name}-{entry.input_size_px}",
                    _describe_features(entry, self.config.seed),
                    _choose_extract(backbone, entry),
                    entry.input_size_px,
                )
                for backbone, entry in zip(self.backbones, self.config.backbones, strict=True)
            ],
        )

    def predict_features(
        self,
        features: NDArray[Any],
        groups: Sequence[str | None] | None = None,
        is_rated: NDArray[np.bool_] | None = None,
    ) -> Arrays:
        """As :meth:`predict`, from the backbones' features (n, f).

        Args:
            features: of pictures.
            groups: of each picture that was trained on, its photo's group; None for the others. Those are then judged
                by the heads that did not see their group. Without ``groups``, all heads judge all pictures.
            is_rated: (n,) whether people rated the photo; None: all. Regressions have seen no other.
        """
        answers = [
            self._ask(heads, features[:, part.columns]) for heads, part in zip(self.heads, self.parts, strict=True)
        ]
        folds = self.config.heads.folds
        shares = np.full((len(answers), len(features)), 1.0 / len(answers), dtype=np.float32)
        for row, group in enumerate(groups or ()):
            if group is not None and folds > 1:
                fold = assign_fold(group, folds, self.config.split_seed)
                shares[:, row] = [folds / len(answers) * (part.fold == fold) for part in self.parts]
        outputs = {name: np.einsum("fn,fn...->n...", shares, [each[name] for each in answers]) for name in answers[0]}
        if self.ridges:
            all_groups = groups or [None] * len(features)
            all_rated = np.ones(len(features), dtype=bool) if is_rated is None else is_rated
            outputs["quality"] = self._hear_ridges(outputs["quality"], features, all_groups, all_rated)
        return outputs

    def _hear_ridges(
        self,
        quality: NDArray[np.float32],
        features: NDArray[Any],
        groups: Sequence[str | None],
        is_rated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """The heads' ``quality`` (n,) and the regressions' together; arguments as for :meth:`predict_features`."""
        config = self.config
        parts = zip(self.ridges, self._ridge_columns, strict=True)
        by_fold = np.mean([ridge.predict(features[:, columns]) for ridge, columns in parts], axis=0)
        judged, shares = by_fold.mean(axis=1), np.full(len(features), config.ridge.share, dtype=np.float32)
        for row, (group, rated) in enumerate(zip(groups, is_rated, strict=True)):
            if group is not None and rated:
                judged[row] = by_fold[row, assign_fold(group, config.heads.folds, config.split_seed)]
                shares[row] = config.ridge.rated_share
        mixed: NDArray[np.float32] = np.clip((1 - shares) * quality + shares * judged, 0.0, 1.0)
        return mixed

    def compute_hidden(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """The activations of the heads' hidden layers (n, heads * units), from the backbones' features (n, f)."""
        units = self.config.heads.hidden_units
        hidden = np.empty((len(features), len(self.heads) * units), dtype=np.float32)
        for index, (heads, part) in enumerate(zip(self.heads, self.parts, strict=True)):
            model = keras.Model(heads.input, heads.get_layer("hidden").output)
            batches = _run_batches(model, features[:, part.columns])
            hidden[:, index * units : (index + 1) * units] = np.concatenate(batches)
        return hidden

    def _ask(self, heads: Any, features: NDArray[Any]) -> Arrays:
        batches = _run_batches(heads, features)
        outputs = {name: np.concatenate([np.asarray(batch[name]) for batch in batches]) for name in batches[0]}
        return {
            "quality": outputs["quality"][:, 0],
            "attributes": outputs["attributes"],
            "category": softmax(outputs["category"], axis=1),
            "style": softmax(outputs["style"], axis=1),
        }

    def save(self, folder: Path) -> None:
        """Writes heads and regressions, and the backbone where no weights file holds it; provenance is the stage's to
        write."""
        for name, heads in zip(_name_heads(len(self.heads)), self.heads, strict=True):
            heads.save_weights(folder / name)
        for ridge, entry in zip(self.ridges, self.config.backbones, strict=False):  # there may be none
            ridge.save(folder / _name_ridge(entry))
        for backbone, entry in zip(self.backbones, self.config.backbones, strict=True):
            if _keeps_backbone(entry):
                backbone.save_weights(folder / _name_backbone(entry))


def load_teacher(folder: str | Path, weights: Sequence[str] = ()) -> Teacher:
    """Loads a teacher artifact.

    Args:
        folder: made by ``python -m train fit-teacher``.
        weights: where the backbones' weights lie now, if not where they lay then; each "NAME=FILE", or "FILE" where
            there is but one backbone.

    Raises:
        UsageError: the folder is no teacher artifact, or the weights are missing or have changed since.
    """
    folder = Path(folder)
    provenance = read_provenance(folder, STAGE)
    config = parse_config(provenance["config"], TeacherConfig, f"{folder}")
    found = config.replace_weights(weights)
    for entry in found.backbones:
        is_file = Path(entry.weights).is_file() and not _keeps_backbone(entry)
        if is_file and compute_digest(Path(entry.weights)) not in provenance["inputs"].values():
            raise UsageError(
                f"{entry.weights} is not the file that {folder} was trained with: pass the right one with --weights"
            )
    kept = [replace(entry, weights="random") if _keeps_backbone(entry) else entry for entry in found.backbones]
    backbones = build_backbones(replace(found, backbones=tuple(kept)))
    heads = build_all_heads(backbones, config)
    try:
        for name, each in zip(_name_heads(len(heads)), heads, strict=True):
            each.load_weights(folder / name)
        for backbone, entry in zip(backbones, config.backbones, strict=True):
            if _keeps_backbone(entry):
                backbone.load_weights(folder / _name_backbone(entry))
        wanted = config.backbones if config.ridge.share else ()
        ridges = [KernelRidge.load(folder / _name_ridge(entry)) for entry in wanted]
    except NPZ_ERRORS as error:
        raise UsageError(f"{folder}: the teacher's weights cannot be loaded: {error}; run fit-teacher again") from error
    return Teacher(found, backbones, heads, ridges)


def _run_batches(model: Any, features: NDArray[Any]) -> list[Any]:
    """What a model of heads says of features (n, f), batch by batch.

    ``predict`` would spend more on being set up for one picture than the heads need for it, and all features at once in
    float32 take twice the memory of the cache's.
    """
    starts = range(0, len(features), _HEADS_BATCH_SIZE)
    return [model.predict_on_batch(features[start : start + _HEADS_BATCH_SIZE].astype(np.float32)) for start in starts]


def _extract(backbone: Any, images: Sequence[NDArray[np.uint8]], size_px: int) -> NDArray[np.float32]:
    """A backbone's features (n, f) of pictures, in batches of those whose views have one shape."""
    buckets: dict[tuple[int, ...], list[tuple[int, NDArray[np.uint8]]]] = defaultdict(list)
    for index, image in enumerate(images):
        view = make_view(image, choose_view(image.shape[1], image.shape[0], size_px))
        buckets[view.shape].append((index, view))
    features = np.empty((len(images), backbone.output.shape[-1]), dtype=np.float32)
    for bucket in buckets.values():
        for start in range(0, len(bucket), _BATCH_SIZE):
            indices, views = zip(*bucket[start : start + _BATCH_SIZE], strict=True)
            features[list(indices)] = backbone.predict_on_batch(np.stack(views).astype(np.float32))
    return features


def _choose_extract(backbone: Any, entry: BackboneConfig) -> Extract:
    return backbone.predict_on_batch if entry.runtime == "keras" else compile_backbone(backbone, entry.precision)


def _describe_features(entry: BackboneConfig, seed: int) -> str:
    """Names what a frozen backbone's features depend on: equal names, equal features of equal pictures."""
    weights = compute_digest(Path(entry.weights))[:16] if Path(entry.weights).is_file() else entry.weights
    seed_note = f" of seed {seed}" if entry.weights == "random" else ""
    runtime_note = "" if entry.runtime == "keras" else f" on {entry.runtime}"
    return f"{entry.name} {weights}{seed_note} at {entry.input_size_px} px in {entry.precision}{runtime_note}"


def _name_heads(count: int) -> list[str]:
    """The files of so many heads in an artifact's folder."""
    return ["heads.weights.h5"] if count == 1 else [f"heads-{index}.weights.h5" for index in range(count)]


def _name_backbone(entry: BackboneConfig) -> str:
    """The file of a backbone that the artifact holds itself."""
    return f"{entry.name}.weights.h5"


def _name_ridge(entry: BackboneConfig) -> str:
    """The file of the regression on a backbone's features."""
    return f"ridge-{entry.name}.npz"


def _keeps_backbone(config: BackboneConfig) -> bool:
    """Whether the artifact must hold the backbone: it was fine-tuned, or drawn at random."""
    return config.is_trainable or config.weights == "random"
