"""A teacher's backbone and its heads trained together, once the heads have learnt to read the backbone as it was.

In each batch one half are photos that people rated, whatever else there is: a few thousand of those are what a teacher
learns quality from, and the rest, unrated or with a known fault, would drown them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.views import make_view
from train.config import TeacherConfig
from train.data.samples import Sample, load_sample
from train.devices import share_batches
from train.features import map_ahead
from train.loop import Validation, fit
from train.losses import build_losses
from train.models.backbones import freeze_stages
from train.models.heads import build_all_heads, copy_heads
from train.models.teacher import Teacher, build_backbones
from train.targets import collect_known, pack_targets

__all__ = ["fine_tune", "load_square_views"]


def fine_tune(
    teacher: Teacher, samples: Sequence[Sample], validation: Validation, work: Path
) -> list[dict[str, float]]:
    """Trains a teacher's backbone and heads further, in place.

    Args:
        teacher: of one backbone and one set of heads, which are trained.
        samples: to learn from.
        validation: views from :func:`load_square_views`.
        work: folder for the checkpoint and the log.

    Returns:
        The log, one dict an epoch.

    Raises:
        UsageError: no stage of the backbone is left to be trained, the training diverged, or the devices cannot share
            the batches.
    """
    config, entry = teacher.config, teacher.config.backbones[0]
    batch_size = config.tune.batch_size
    batches = _draw_batches(config, samples, batch_size)
    losses = build_losses(replace(config.loss, teacher_share=0.0))
    steps = max(1, (config.tune.epoch_samples or len(samples)) // batch_size)
    with share_batches(batch_size):
        # Built anew, where the devices share them.
        (backbone,) = build_backbones(replace(config, backbones=(replace(entry, weights="random"),)))
        (heads,) = build_all_heads([backbone], config)
        backbone.set_weights(teacher.backbones[0].get_weights())
        copy_heads(teacher.heads[0], heads)
        freeze_stages(backbone, entry.frozen_stages)
        whole = keras.Model(backbone.input, heads(backbone.output))
        log = fit(keras, whole, batches, steps, validation, config.tune, losses, work)
    teacher.backbones[0].set_weights(backbone.get_weights())
    copy_heads(heads, teacher.heads[0])
    return log


def load_square_views(samples: Sequence[Sample], size_px: int) -> NDArray[np.uint8]:
    """What a backbone of ``size_px`` sees of ``samples``, (n, size_px, size_px, 3)."""
    return np.stack(list(map_ahead(lambda sample: _load(sample, size_px)[0], samples)))


def _load(sample: Sample, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The square view of a sample, and what is known of its attributes."""
    image, attributes = load_sample(sample, size_px)
    return make_view(image, ViewSpec(size_px, size_px)), attributes


def _draw_batches(
    config: TeacherConfig, samples: Sequence[Sample], batch_size: int
) -> Iterator[tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]]:
    """Endless batches of views and what is known of them, one half of each rated photos; half of the views mirrored."""
    size_px = config.backbones[0].input_size_px
    rated = [sample for sample in samples if sample.is_original and sample.photo.mos is not None]
    rng = np.random.default_rng(config.seed)
    halves = zip(_shuffle(rated, rng), _shuffle(samples, rng), strict=True)
    loaded = map_ahead(lambda sample: (sample, *_load(sample, size_px)), chain.from_iterable(halves))
    while True:
        chosen, views, attributes = zip(*islice(loaded, batch_size), strict=True)
        mirrored = [view[:, :: rng.choice((-1, 1))] for view in views]
        targets = pack_targets(collect_known(chosen, np.stack(attributes), config.labels), None)
        yield np.stack(mirrored).astype(np.float32), targets


def _shuffle(samples: Sequence[Sample], rng: np.random.Generator) -> Iterator[Sample]:
    """``samples`` without end, in a new order each time round."""
    while True:
        yield from (samples[row] for row in rng.permutation(len(samples)))
