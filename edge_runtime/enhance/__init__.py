"""Fixing photos: what the score's reasons call for is tried, and kept only if the finished file scores better.

from edge_runtime import PhotoScorer
from edge_runtime.enhance import enhance

with PhotoScorer.default() as scorer:
    result = enhance("mug.jpg", scorer)
    print(result.outcome, result.gain, [operation.name for operation in result.operations])

It needs OpenCV and scikit-image: pip install 'photogate[fix]'. They are imported when a photo is fixed.
"""

from __future__ import annotations

from edge_runtime.enhance.fix import DEFAULT_MIN_GAIN, DEFAULT_MIN_SSIM, enhance
from edge_runtime.enhance.operations import OPERATION_NAMES, Operation
from edge_runtime.enhance.output import plan_outputs, write_result
from edge_runtime.enhance.result import FixResult, FixTimings
from edge_runtime.enhance.similarity import compute_psnr_db, compute_ssim

__all__ = [
    "DEFAULT_MIN_GAIN",
    "DEFAULT_MIN_SSIM",
    "OPERATION_NAMES",
    "FixResult",
    "FixTimings",
    "Operation",
    "compute_psnr_db",
    "compute_ssim",
    "enhance",
    "plan_outputs",
    "write_result",
]
