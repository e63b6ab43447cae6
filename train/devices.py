"""Several GPUs in one machine: Keras hands each an even share of every batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from edge_runtime.errors import UsageError

__all__ = ["share_batches"]


@contextmanager
def share_batches(batch_size: int) -> Iterator[None]:
    """Within, what is built is trained on all devices that Keras sees, their gradients averaged (``DataParallel``).

    That is JAX's alone (``KERAS_BACKEND=jax``); on other backends one device does the work, as it does where there is
    but one. What was built outside cannot be used inside, nor the other way round.

    Args:
        batch_size: of what is trained.

    Raises:
        UsageError: the devices cannot share such a batch evenly.
    """
    devices = keras.distribution.list_devices() if keras.backend.backend() == "jax" else []
    if len(devices) < 2:
        yield
        return
    if batch_size % len(devices):
        raise UsageError(
            f"{len(devices)} devices cannot share a batch of {batch_size} evenly: set batch_size to a multiple of "
            f"{len(devices)}"
        )
    with keras.distribution.DataParallel(devices=devices).scope():
        yield
