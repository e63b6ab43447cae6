"""A classifier of ImageNet's thousand classes: it knows what a photo shows, as a teacher of quality does not.

EfficientNet-Lite2, whose published checkpoint, unlike the other backbones' weights, comes with its last layer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.errors import UsageError
from train.artifact import NPZ_ERRORS
from train.data.imagenet_products import CLASS_COUNT
from train.models.backbones import BACKBONES
from train.models.torch_checkpoint import read_torch_checkpoint
from train.models.weights import load_pretrained_weights

__all__ = ["Classify", "load_classifier"]

Classify = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

_SIDE_PX = 288
"""Of the pictures that it sees. Of a third of ImageNet's sample photos it names 90.7 % rightly so, 90.1 % at its
authors' 260 px."""


def load_classifier(weights: Path) -> Classify:
    """Loads the classifier.

    Args:
        weights: ``efficientnet-lite2-*.pth``; CONTRIBUTING.md says where to get it.

    Returns:
        From views, RGB uint8 (batch, height, width, 3), to probabilities (batch, 1000) of the classes in the order of
        their numbers in WordNet.

    Raises:
        UsageError: the file is missing, or no checkpoint of that network with its last layer.
    """
    entry = BACKBONES["efficientnet_lite2"]
    backbone = entry.build(include_top=False, weights=None, input_shape=(None, None, 3))
    load_pretrained_weights(backbone, weights)
    last = layers.Dense(CLASS_COUNT, activation="softmax", name="classes")
    image = keras.Input((_SIDE_PX, _SIDE_PX, 3), name="image")
    features = backbone(layers.Rescaling(entry.scale, offset=list(entry.offset))(image))
    model: Any = keras.Model(image, last(layers.GlobalAveragePooling2D()(features)), name="classifier")
    try:
        state = read_torch_checkpoint(weights)
        last.set_weights([state["_fc.weight"].T, state["_fc.bias"]])
    except NPZ_ERRORS as error:
        raise UsageError(f"{weights}: it holds no last layer of {CLASS_COUNT} classes: {error}") from error
    return lambda views: np.asarray(model.predict_on_batch(np.stack([_resize(view) for view in views])))


def _resize(view: NDArray[np.uint8]) -> NDArray[np.float32]:
    size = (_SIDE_PX, _SIDE_PX)
    return np.asarray(Image.fromarray(view).resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
