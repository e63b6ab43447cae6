"""Frames in real time: one frame, a video in order, or a live camera of which the newest frame counts.

from edge_runtime import PhotoScorer
from edge_runtime.camera import Frame, LiveScorer

with PhotoScorer.default() as scorer, LiveScorer(scorer, on_result=print) as live:
    for number, pixels in enumerate(camera):
        live.submit(Frame(pixels, timestamp_ms=40 * number, pixel_format="nv12", rotation=90))
"""

from __future__ import annotations

from edge_runtime.camera.change import ChangeDetector
from edge_runtime.camera.frames import Box, Frame, PixelFormat, Rotation
from edge_runtime.camera.live import LiveCounts, LiveOptions, LiveScorer
from edge_runtime.camera.scoring import FrameResult, FrameScorer, score_frame, score_video
from edge_runtime.camera.view import make_camera_view, to_rgb

__all__ = [
    "Box",
    "ChangeDetector",
    "Frame",
    "FrameResult",
    "FrameScorer",
    "LiveCounts",
    "LiveOptions",
    "LiveScorer",
    "PixelFormat",
    "Rotation",
    "make_camera_view",
    "score_frame",
    "score_video",
    "to_rgb",
]
