"""What fixing needs beyond the scoring: OpenCV and scikit-image, imported when a photo is fixed and not before."""

from __future__ import annotations

from typing import Any

from edge_runtime.errors import UsageError
from edge_runtime.interrupts import import_native

__all__ = ["load_cv2", "load_metrics"]


def load_cv2() -> Any:
    """The module ``cv2``.

    Raises:
        UsageError: OpenCV is not installed, or does not load here.
    """
    return _load("cv2", "OpenCV")


def load_metrics() -> Any:
    """The module ``skimage.metrics``.

    Raises:
        UsageError: scikit-image is not installed, or does not load here.
    """
    return _load("skimage.metrics", "scikit-image")


def _load(module: str, title: str) -> Any:
    try:
        return import_native(module)
    except ImportError as error:  # also what a missing libGL of the system ends in
        raise UsageError(
            f"fixing photos needs {title}, which cannot be imported ({error}): pip install 'photogate[fix]'"
        ) from error
