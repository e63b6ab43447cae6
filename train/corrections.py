"""Where what is known of a view stands against the teacher's opinion of it, the teacher is corrected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from train.config import LabelsConfig
from train.data.degradations import KINDS
from train.data.samples import Sample, has_white_background

__all__ = [
    "BELIEVED",
    "BELIEVED_BEFORE_WHITE",
    "FRAMED_LEAST",
    "PRODUCT_QUALITY",
    "QUALITY_LOST",
    "doubt_of_unrated",
    "hold_below_originals",
    "hold_framing_up",
    "lift_before_white",
]

# Share of its quality that a picture loses at least to a fault of strength 1. Our judgement, in the order that people's
# ratings of 11,125 phone photos give the attributes, with noise raised: theirs had little of it.
QUALITY_LOST = {"sharpness": 0.7, "exposure": 0.6, "noise": 0.5, "color": 0.35, "composition": 0.3}

FRAMED_LEAST = 0.9  # composition of a photo that people rated flawless, whatever the teacher makes of its framing
# Share that is believed of what the teacher finds wrong with a photo that nobody rated; of its other attributes, all.
BELIEVED = {"exposure": 0.7, "color": 0.5}

# What the teacher gives a product before white in the median, of listings and of shoes alike: .77 and .74.
PRODUCT_QUALITY = 0.75
# Share that is believed of what the teacher finds a catalogue picture worse than that.
BELIEVED_BEFORE_WHITE = 0.3


def hold_below_originals(
    samples: Sequence[Sample],
    attributes: NDArray[np.float32],
    quality: NDArray[np.float32],
    labels: LabelsConfig,
) -> NDArray[np.float32]:
    """Lowers the teacher's quality of a product's degraded view to what the fault leaves of the original's, where it is
    higher.

    Most rated photos are natural scenes; of a catalogue picture made dark or pale the teacher often thinks as well as
    of the picture itself. Only views whose fault is known to show are held down: those with a known attribute. Scenes
    stay as the teacher has them: people do like dark, pale and colourful ones, and a student that was taught the
    contrary of them agreed less with people about scenes (SRCC on validation photos .717, without it .750).

    Args:
        samples: originals and degraded views.
        attributes: (n, 5), NaN where unknown.
        quality: (n,) the teacher's, 0-1.
        labels: tell what is a scene.
    """
    originals = {sample.photo.file: value for sample, value in zip(samples, quality, strict=True) if sample.is_original}
    held = quality.copy()
    for row, sample in enumerate(samples):
        if sample.degradation is None or labels.style.get(sample.photo.style) in labels.scenes:
            continue
        name = KINDS[sample.degradation.kind]
        if np.isnan(attributes[row, ATTRIBUTE_NAMES.index(name)]):
            continue
        share = 1 - QUALITY_LOST[name] * sample.degradation.strength
        held[row] = min(quality[row], originals[sample.photo.file] * share)
    return held


def lift_before_white(samples: Sequence[Sample], quality: NDArray[np.float32]) -> NDArray[np.float32]:
    """Raises the teacher's quality of catalogue pictures towards :data:`PRODUCT_QUALITY`, where it is lower, and that
    of their other views as much, but never above the picture itself.

    The rated photos hold no product before white. What is plain, pale or small before it looks poor to a teacher that
    learnt from them what people like: flawless pictures of clothes get .56 in the median, of shoes .74, and a seller's
    white shirt would go to review. To be called before :func:`hold_below_originals`.

    Args:
        samples: originals and other views; quality changes of those alone that nobody rated, before a white background.
        quality: (n,) the teacher's, 0-1.
    """
    doubted = 1 - BELIEVED_BEFORE_WHITE
    lifts: dict[str, tuple[float, float]] = {}
    for sample, value in zip(samples, quality, strict=True):
        if sample.is_original and sample.photo.mos is None and has_white_background(sample.photo):
            lift = doubted * max(0.0, PRODUCT_QUALITY - float(value))
            lifts[sample.photo.file] = lift, float(value) + lift
    lifted = quality.copy()
    for row, sample in enumerate(samples):
        if sample.photo.file in lifts:
            lift, most = lifts[sample.photo.file]
            lifted[row] = max(quality[row], min(quality[row] + lift, most))
    return lifted


def hold_framing_up(
    samples: Sequence[Sample], known: NDArray[np.float32], attributes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Raises the teacher's composition of photos that people rated flawless to :data:`FRAMED_LEAST`, where it is lower.

    Framing is learnt from products before white, the only ones whose place in the picture is known. Of scenes the
    teacher says something all the same, and a student that repeats it blames the framing for a fault of light or
    colour.

    Args:
        samples: originals and degraded views; crops stay as they are, for nobody rated their framing.
        known: attributes (n, 5), NaN where unknown.
        attributes: (n, 5) the teacher's, 0-1.
    """
    composition = ATTRIBUTE_NAMES.index("composition")
    is_flawless = [s.is_clean and s.photo.mos is not None and s.crop_seed is None for s in samples]
    rows = np.flatnonzero(np.array(is_flawless, dtype=bool) & np.isnan(known[:, composition]))
    held = attributes.copy()
    held[rows, composition] = np.maximum(held[rows, composition], FRAMED_LEAST)
    return held


def doubt_of_unrated(
    samples: Sequence[Sample], known: NDArray[np.float32], attributes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Lessens what the teacher finds wrong with light and colours of photos that nobody rated, to :data:`BELIEVED`,
    where no fault of them is known.

    The teacher has learnt attributes from flawless pictures and their spoilt copies. To it the dim rooms and the grey
    cloth of phone photos look as if their light or colours had been taken away: it gives unrated clothes a median
    ``color`` of .38. A student that repeats it blames every other photo of clothes (docs/experiments.md).
    Who answers in the teacher's place (``label --otherwise``) and has learnt so already is doubted once more.

    Args:
        samples: originals, crops and degraded views.
        known: attributes (n, 5), NaN where unknown.
        attributes: (n, 5) the teacher's, 0-1.
    """
    is_unrated = np.array([sample.photo.mos is None for sample in samples], dtype=bool)
    held = attributes.copy()
    for name, share in BELIEVED.items():
        column = ATTRIBUTE_NAMES.index(name)
        rows = np.flatnonzero(is_unrated & np.isnan(known[:, column]))
        held[rows, column] = 1 - share * (1 - held[rows, column])
    return held
