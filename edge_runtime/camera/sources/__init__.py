"""Where frames come from: cameras, video files, streams of IP cameras, folders of photos, standard input.

Nothing here imports OpenCV or PyAV before a source that needs one is opened. MJPEG over HTTP, folders and standard
input need neither.
"""

from __future__ import annotations

from edge_runtime.camera.sources.opening import describe_sources, open_source
from edge_runtime.camera.sources.options import SourceOptions
from edge_runtime.camera.sources.source import Interruption, Source, SourceCounts

__all__ = ["Interruption", "Source", "SourceCounts", "SourceOptions", "describe_sources", "open_source"]
