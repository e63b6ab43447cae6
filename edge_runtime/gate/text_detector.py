"""Text laid over a photo beside the product, found by a text detector that a package carries (extra ``text``).

The network, PP-OCR's detector (Apache-2.0, in the wheel of rapidocr-onnxruntime), says where there is writing, not who
put it there. On a plain background that can be told: what is written outside the product was added. Writing on the
product may be its own print or a stamp, and a watermark that hardly shows is mostly missed: about those this detector
says nothing, so that a photo never passes by it; it only catches what is certain.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.errors import UsageError
from edge_runtime.gate.backdrop import FAINT_LEVELS, FIRM_LEVELS
from edge_runtime.gate.overlay import OverlayFinding
from edge_runtime.gate.rim import read_rim
from edge_runtime.interrupts import import_native

__all__ = ["TextDetector"]

PACKAGE, MODEL = "rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx"
SIDE_PX = 480  # longer side of what the network sees: writing of 3.5 % of the height is 17 px high
STEP_PX = 32  # its sides must be multiples of this
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as PP-OCR was trained
LEAST_PROBABILITY = 0.3  # PP-OCR's own limit
LEAST_AREA_PX = 12  # of a piece of writing, at SIDE_PX
PRODUCT_SHARE = 0.02  # pieces of at least this share of the largest one's area are products,
MOST_WRITTEN = 0.5  # unless more of them than this is writing,
MOST_NEAR = 0.95  # or more of them than this lies within
HALO_PX = 16  # of the photo's pixels of it: a JPEG's block of colours, into which coloured ink bleeds
MOST_INSIDE = 0.15  # of a piece of writing may lie within a product's outline
LEAST_INK = 0.05  # of its bounding box differs from the background: a mug's empty handle is no letter O


class TextDetector:
    """Finds writing beside the product; for ``Gate(..., detectors={"text": TextDetector()})``. Safe for threads."""

    def __init__(self) -> None:
        """Loads the network, 5 MB.

        Raises:
            UsageError: the extra ``text`` is not installed, or its model cannot be read.
        """
        spec = find_spec(PACKAGE)
        try:
            cv2 = import_native("cv2")
        except ImportError as error:
            raise UsageError(f"text detection needs OpenCV: pip install 'photogate[text]' ({error})") from error
        if spec is None or not spec.submodule_search_locations:
            raise UsageError("text detection needs the model of rapidocr-onnxruntime: pip install 'photogate[text]'")
        path = Path(spec.submodule_search_locations[0]) / MODEL
        try:
            self._network: Any = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise UsageError(
                f"{path}: OpenCV cannot read this model: {error}; install photogate[text] again"
            ) from error
        self._cv2: Any = cv2
        self._lock = Lock()

    def __call__(self, picture: NDArray[np.uint8]) -> OverlayFinding:
        """Looks at a photo.

        Args:
            picture: RGB uint8 (height, width, 3).

        Returns:
            True where something is written beside the product; otherwise None: it cannot be told.
        """
        rim = read_rim(picture)
        if not rim.is_plain:
            return OverlayFinding(None)
        is_written = self._find_writing(picture)
        size = (is_written.shape[1], is_written.shape[0])
        distance = np.asarray(Image.fromarray(rim.distance(picture).clip(0, 255).astype(np.uint8)).resize(size))
        # A white product on white is faint; what was added to be read is not.
        halo_px = math.ceil(HALO_PX * max(size) / max(picture.shape[:2]))
        outlines = self._fill_outlines(distance > max(FAINT_LEVELS, rim.noise + 3), is_written, halo_px)
        return OverlayFinding(True if self._is_beside(outlines, is_written, distance > FIRM_LEVELS) else None)

    def _find_writing(self, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where there is writing; bool, the longer side about SIDE_PX."""
        scale = SIDE_PX / max(picture.shape[:2])
        width, height = (max(STEP_PX, round(side * scale / STEP_PX) * STEP_PX) for side in picture.shape[1::-1])
        view = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX), dtype=np.float32)
        # Trained on OpenCV's BGR, with RGB's figures in this order.
        normalized = (view[..., ::-1] / 255 - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
        with self._lock:
            self._network.setInput(np.ascontiguousarray(normalized.transpose(2, 0, 1)[np.newaxis]))
            probability = self._network.forward()
        is_written: NDArray[np.bool_] = np.asarray(probability)[0, 0] > LEAST_PROBABILITY
        return is_written

    def _is_beside(self, outlines: NDArray[np.bool_], is_written: NDArray[np.bool_], is_ink: NDArray[np.bool_]) -> bool:
        count, labels, stats, _ = self._cv2.connectedComponentsWithStats(is_written.astype(np.uint8))
        for index in range(1, count):
            left, top, width, height, area = stats[index]
            if area < LEAST_AREA_PX or outlines[labels == index].mean() > MOST_INSIDE:
                continue
            if is_ink[top : top + height, left : left + width].mean() >= LEAST_INK:
                return True
        return False

    def _fill_outlines(
        self, is_drawn: NDArray[np.bool_], is_written: NDArray[np.bool_], halo_px: int
    ) -> NDArray[np.bool_]:
        """The convex outlines of pieces that are no writing, filled: handles and white parts belong to a product."""
        filled = np.zeros(is_drawn.shape, dtype=np.uint8)
        count, labels, stats, _ = self._cv2.connectedComponentsWithStats(is_drawn.astype(np.uint8))
        kernel = self._cv2.getStructuringElement(self._cv2.MORPH_ELLIPSE, (2 * halo_px + 1, 2 * halo_px + 1))
        is_near = self._cv2.dilate(is_written.astype(np.uint8), kernel)
        written, near = (
            np.bincount(labels.ravel(), weights=mask.ravel(), minlength=count) / np.maximum(stats[:, 4], 1)
            for mask in (is_written, is_near)
        )
        products = [index for index in range(1, count) if written[index] <= MOST_WRITTEN and near[index] < MOST_NEAR]
        largest = max((int(stats[index, 4]) for index in products), default=0)
        for index in products:
            if stats[index, 4] >= PRODUCT_SHARE * largest:
                points = np.argwhere(labels == index)[:, ::-1].astype(np.int32)
                self._cv2.fillConvexPoly(filled, self._cv2.convexHull(points), 1)
        is_filled: NDArray[np.bool_] = filled > 0
        return is_filled
