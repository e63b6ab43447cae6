"""Feedback: what people think of single photos, kept on the device, to train on and to set a policy's limits by.

from edge_runtime import PhotoScorer
from edge_runtime.feedback import FeedbackStore

with PhotoScorer.default() as scorer, FeedbackStore("feedback.sqlite3") as store:
    store.add("mug.jpg", scorer.score("mug.jpg"), "reject", note="the handle is cut off")
"""

from __future__ import annotations

from edge_runtime.feedback.correction import Correction
from edge_runtime.feedback.export import LeftOut, export_manifest
from edge_runtime.feedback.location import STORE_VARIABLE, find_default_store
from edge_runtime.feedback.policy_file import format_policy, save_policy
from edge_runtime.feedback.recalibrate import HeldOut, Recalibration, recalibrate
from edge_runtime.feedback.rescore import score_again
from edge_runtime.feedback.store import FeedbackStore

__all__ = [
    "STORE_VARIABLE",
    "Correction",
    "FeedbackStore",
    "HeldOut",
    "LeftOut",
    "Recalibration",
    "export_manifest",
    "find_default_store",
    "format_policy",
    "recalibrate",
    "save_policy",
    "score_again",
]
