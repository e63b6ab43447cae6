"""From bytes or a frame to a score: where the time goes, and how little of it is not decoding.

The 12-megapixel photo is made, not shipped: an example photo enlarged to 4000x3000, with texture and noise on top, as
smooth enlarged pixels would make a JPEG that is far smaller and faster to decode than a phone's.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.latency import (
    LatencySummary,
    TurnPlan,
    build_invoke_call,
    build_measure,
    compute_ratio,
    compute_summary,
    interleave,
)
from edge_runtime import PhotoScorer
from edge_runtime.decode import decode_photo

__all__ = ["EndToEnd", "build_frame", "build_large_jpeg", "load_source_photo", "measure_end_to_end"]

LARGE_SIZE_PX = (4000, 3000)  # the 12 megapixels of most phones' main camera
FRAME_SIZE_PX = (1280, 720)
STAGES = ("decode", "preprocess", "inference", "total")  # of edge_runtime.result.Timings
JPEG_QUALITY = 90
NOISE_SIGMA = 5.0  # of 255; with JPEG_QUALITY this gives 3-5 MB, what phones write at this size
TEXTURE_SIGMA = 6.0  # of 255, at a quarter of the resolution: grain that survives chroma sub-sampling


@dataclass(frozen=True)
class EndToEnd:
    """Medians of one run, in milliseconds.

    Attributes:
        jpeg_bytes: size of the 12-megapixel file.
        decode_alone: the runtime's decode of it, called by itself.
        full_decode: Pillow's decode at full size, which the runtime avoids; for comparison only.
        photo_total: bytes → score.
        stages: the scorer's own timings of these calls: decode, preprocess, inference, total.
        frame_total: 1280x720 RGB frame → score.
        frame_stages: as ``stages``; a frame needs no decoding.
        invoke: the model's bare invoke.
    """

    jpeg_bytes: int
    decode_alone: LatencySummary
    full_decode: LatencySummary
    photo_total: LatencySummary
    stages: Mapping[str, LatencySummary]
    frame_total: LatencySummary
    frame_stages: Mapping[str, LatencySummary]
    invoke: LatencySummary

    @property
    def total_over_decode(self) -> float:
        """Bytes → score over the runtime's decode alone, both called in turns."""
        return compute_ratio(self.photo_total, self.decode_alone)

    @property
    def total_over_decode_stage(self) -> float:
        """The same from the scorer's own timings of one and the same calls."""
        return compute_ratio(self.stages["total"], self.stages["decode"])

    @property
    def frame_over_invoke(self) -> float:
        """Frame → score over the bare invoke, both called in turns."""
        return compute_ratio(self.frame_total, self.invoke)


def load_source_photo(folder: Path) -> Image.Image:
    """The first photo of ``folder`` by name as RGB, or a drawn scene where there is none."""
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
            with Image.open(path) as image:
                return image.convert("RGB")
    y, x = np.mgrid[0:480, 0:640].astype(np.float32)
    disc = ((x - 320) ** 2 + (y - 240) ** 2 < 150**2).astype(np.float32)
    rings = 0.5 + 0.5 * np.sin(np.hypot(x - 320, y - 240) / 6.0)
    planes = [200 - y / 8 - disc * weight * rings for weight in (120.0, 60.0, 20.0)]
    return Image.fromarray(np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8))


def build_large_jpeg(source: Image.Image) -> bytes:
    """A 4000x3000 JPEG of ``source`` with texture and noise; the same source gives the same bytes."""
    width, height = LARGE_SIZE_PX
    pixels = np.asarray(source.convert("RGB").resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    generator = np.random.default_rng(12)
    coarse = generator.normal(0.0, TEXTURE_SIGMA, (height // 4, width // 4)).astype(np.float32)
    texture = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))
    noise = generator.standard_normal((height, width), dtype=np.float32) * NOISE_SIGMA
    noisy = pixels + (texture + noise)[..., np.newaxis]
    content = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()


def build_frame(source: Image.Image) -> NDArray[np.uint8]:
    """``source`` as a camera frame: RGB uint8 (720, 1280, 3)."""
    return np.asarray(source.convert("RGB").resize(FRAME_SIZE_PX, Image.Resampling.BICUBIC), dtype=np.uint8)


def measure_end_to_end(model: Path, source: Image.Image, plan: TurnPlan, num_threads: int = 1) -> EndToEnd:
    """Times bytes → score, frame → score, and what they are compared with, in interleaved turns.

    Raises:
        ModelError: the model cannot be used.
    """
    jpeg, frame = build_large_jpeg(source), build_frame(source)
    photo_stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    frame_stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    with PhotoScorer.from_file(model, num_threads=num_threads) as scorer:

        def score(photo: bytes | NDArray[np.uint8], stages: dict[str, list[float]]) -> None:
            timings = scorer.score(photo).timings
            for stage, values in stages.items():
                values.append(getattr(timings, f"{stage}_ms"))

        measures = {
            "decode_alone": build_measure(lambda: decode_photo(jpeg, scorer.contract.view)),
            "full_decode": build_measure(lambda: _decode_in_full(jpeg)),
            "photo_total": build_measure(lambda: score(jpeg, photo_stages)),
            "frame_total": build_measure(lambda: score(frame, frame_stages)),
            "invoke": build_measure(build_invoke_call(model, num_threads)),
        }
        samples = interleave(measures, plan)
    return EndToEnd(
        jpeg_bytes=len(jpeg),
        stages=_summarize_stages(photo_stages, len(samples["photo_total"])),
        frame_stages=_summarize_stages(frame_stages, len(samples["frame_total"])),
        **{name: compute_summary(values) for name, values in samples.items()},
    )


def _summarize_stages(stages: Mapping[str, list[float]], counted: int) -> dict[str, LatencySummary]:
    """Without the warm-up, which the scorer has timed too: the ``counted`` last calls, nearly those that count."""
    return {stage: compute_summary(values[-counted:]) for stage, values in stages.items()}


def _decode_in_full(jpeg: bytes) -> None:
    with Image.open(io.BytesIO(jpeg)) as image:
        image.convert("RGB")
