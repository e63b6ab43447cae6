"""photogate's runtime: scores product photographs on the device that took them.

from edge_runtime import PhotoScorer

with PhotoScorer.default() as scorer:
    score = scorer.score("mug.jpg")
    print(score.quality, score.band, score.attributes.sharpness)
"""

from __future__ import annotations

from edge_runtime._version import __version__
from edge_runtime.errors import (
    DecodeError,
    FrameError,
    InputError,
    ModelError,
    PhotogateError,
    PolicyError,
    RuntimeUnavailableError,
    SourceError,
    UsageError,
)
from edge_runtime.gate import Policy, evaluate, load_policy
from edge_runtime.result import Attributes, Label, ModelInfo, Reason, Score, ScoreFailure, Timings, Verdict
from edge_runtime.scorer import PhotoScorer

__all__ = [
    "Attributes",
    "DecodeError",
    "FrameError",
    "InputError",
    "Label",
    "ModelError",
    "ModelInfo",
    "PhotoScorer",
    "PhotogateError",
    "Policy",
    "PolicyError",
    "Reason",
    "RuntimeUnavailableError",
    "Score",
    "ScoreFailure",
    "SourceError",
    "Timings",
    "UsageError",
    "Verdict",
    "__version__",
    "evaluate",
    "load_policy",
]
