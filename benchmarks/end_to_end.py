"""From bytes or a frame to a score or a verdict: where the time goes, and how little of it is not decoding.

The large photos are made, not shipped: an example photo resized, with texture and noise on top, as smooth enlarged
pixels would make a JPEG that is far smaller and faster to decode than a phone's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, _imaging

from benchmarks.comparison import compare_rounds
from benchmarks.fresh_process import REPOSITORY
from benchmarks.latency import (
    LatencySummary,
    TurnPlan,
    build_invoke_call,
    build_measure,
    build_running_clock,
    compute_profile,
    compute_ratio,
    compute_summary,
    interleave,
    interleave_rounds,
    join_turns,
)
from edge_runtime import PhotoScorer
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.gate.policy import Policy, evaluate, load_policy
from edge_runtime.result import Verdict

__all__ = [
    "EXAMPLES",
    "PHOTO_FORMATS",
    "PHOTO_SIZES_PX",
    "EndToEnd",
    "build_frame",
    "build_large_jpeg",
    "build_photo",
    "build_picture",
    "decode_in_full",
    "keep_picture_memory",
    "load_source_photo",
    "measure_end_to_end",
    "measure_frames",
    "measure_verdicts",
]

EXAMPLES = REPOSITORY / "examples"
LARGE_SIZE_PX = (4000, 3000)  # the 12 megapixels of most phones' main camera
FRAME_SIZE_PX = (1280, 720)
PHOTO_SIZES_PX: Mapping[str, tuple[int, int]] = {
    "0.3": (640, 480),
    "2": (1632, 1224),
    "12": LARGE_SIZE_PX,
    "48": (8000, 6000),
}
"""By megapixels, as phones name them."""
FRAME_SIZES_PX = ((640, 480), FRAME_SIZE_PX, (1920, 1080))
STAGES = ("decode", "preprocess", "inference", "total")  # of edge_runtime.result.Timings
JPEG_QUALITY = 90
PHOTO_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "JPEG": {"quality": JPEG_QUALITY},
    "PNG": {"compress_level": 1},
    # The quickest method that packs 48 megapixels into the 512 kB that libwebp allows the first partition.
    "WebP": {"quality": JPEG_QUALITY, "method": 2},
}
BAND_ROWS = 500
NOISE_SIGMA = 5.0  # of 255; with JPEG_QUALITY this gives 3-5 MB, what phones write at this size
KEPT_BLOCKS = 64  # of 16 MiB: a decoded picture of 12 megapixels, and a copy of it, take six
TEXTURE_SIGMA = 6.0  # of 255, at a quarter of the resolution: grain that survives chroma sub-sampling


@dataclass(frozen=True)
class EndToEnd:
    """Medians of one run, in milliseconds.

    Attributes:
        jpeg_bytes: size of the 12-megapixel file.
        decode_alone: the runtime's decode of it, called by itself.
        full_decode: Pillow's decode at full size, which the runtime avoids; for comparison only, since memory is as
            this process happens to get it: see :func:`keep_picture_memory`.
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
    """The 12-megapixel JPEG of :func:`build_photo`."""
    return build_photo(build_picture(source, LARGE_SIZE_PX), "JPEG")


def build_picture(source: Image.Image, size_px: tuple[int, int]) -> Image.Image:
    """``source`` at (width, height), with texture and noise; the same source gives the same pixels."""
    width, height = size_px
    pixels = np.array(source.convert("RGB").resize(size_px, Image.Resampling.BICUBIC))
    generator = np.random.default_rng(12)
    coarse = generator.normal(0.0, TEXTURE_SIGMA, (height // 4, width // 4)).astype(np.float32)
    texture = np.asarray(Image.fromarray(coarse).resize(size_px, Image.Resampling.BILINEAR))
    for top in range(0, height, BAND_ROWS):  # as floats, a whole picture of 48 megapixels would take half a gigabyte
        band = slice(top, min(top + BAND_ROWS, height))
        noise = generator.standard_normal(texture[band].shape, dtype=np.float32) * NOISE_SIGMA
        noisy = pixels[band] + (texture[band] + noise)[..., np.newaxis]
        pixels[band] = np.clip(noisy, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def build_photo(picture: Image.Image, image_format: str) -> bytes:
    """The bytes of a photo file.

    Args:
        picture: what is in it.
        image_format: one of PHOTO_FORMATS. JPEG and WebP at JPEG_QUALITY; PNG and WebP with quick settings of their
            encoders, which hardly change the time of decoding.
    """
    content = io.BytesIO()
    picture.save(content, image_format, **PHOTO_FORMATS[image_format])
    return content.getvalue()


def build_frame(source: Image.Image, size_px: tuple[int, int] = FRAME_SIZE_PX) -> NDArray[np.uint8]:
    """``source`` as a camera frame: RGB uint8 (height, width, 3)."""
    return np.asarray(source.convert("RGB").resize(size_px, Image.Resampling.BICUBIC), dtype=np.uint8)


def measure_end_to_end(model: Path, source: Image.Image, plan: TurnPlan, num_threads: int = 1) -> EndToEnd:
    """Times bytes → score, frame → score, and what they are compared with, in interleaved turns.

    Raises:
        ModelError: the model cannot be used.
    """
    jpeg, frame = build_large_jpeg(source), build_frame(source)
    photo_stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    frame_stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    with (
        PhotoScorer.from_file(model, num_threads=num_threads) as scorer,
        PhotoScorer.from_file(model, num_threads=num_threads, is_quick=True) as quick,  # as cameras look at frames
    ):

        def score(photo: bytes | NDArray[np.uint8], stages: dict[str, list[float]]) -> None:
            timings = (scorer if isinstance(photo, bytes) else quick).score(photo).timings
            for stage, values in stages.items():
                values.append(getattr(timings, f"{stage}_ms"))

        measures = {
            "decode_alone": build_measure(lambda: decode_photo(jpeg, scorer.decode_view)),
            "full_decode": build_measure(lambda: decode_in_full(jpeg)),
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


def measure_verdicts(
    model: Path, source: Image.Image, megapixels: Sequence[str], formats: Sequence[str], plan: TurnPlan
) -> list[dict[str, Any]]:
    """Times the bytes of photos → the default policy's verdict, each beside its decoding alone.

    Args:
        model: a photogate .tflite file; one thread.
        source: what the photos are made of.
        megapixels, formats: out of PHOTO_SIZES_PX and PHOTO_FORMATS; every combination is measured.
        plan: turns of each.

    Returns:
        One object a photo: ``megapixels``, ``format``, ``bytes``, ``verdict`` and ``decode`` (latency profiles), and
        ``verdict_over_decode``, a comparison.

    Raises:
        ModelError: the model cannot be used.
        UsageError: Pillow was built without one of the formats.
    """
    found = []
    policy, clock = load_policy(), build_running_clock()
    with PhotoScorer.from_file(model) as scorer:
        for size in megapixels:
            picture = build_picture(source, PHOTO_SIZES_PX[size])
            for name in formats:
                try:
                    photo = build_photo(picture, name)
                except (OSError, KeyError, ValueError) as error:
                    raise UsageError(f"Pillow cannot write {name} here ({error}); leave it out of --formats") from error
                measures = {
                    "verdict": build_measure(partial(_decide, scorer, photo, policy), clock),
                    "decode": build_measure(partial(decode_photo, photo, scorer.decode_view), clock),
                }
                rounds = interleave_rounds(measures, plan)
                described = {"megapixels": size, "format": name, "bytes": len(photo)}
                found.append({**described, **_profile_against(rounds, "verdict", "decode")})
    return found


def measure_frames(model: Path, source: Image.Image, plan: TurnPlan) -> list[dict[str, Any]]:
    """Times RGB frames of FRAME_SIZES_PX → the default policy's verdict, each beside the bare invoke; one thread.

    Returns:
        One object a size: ``size_px``, ``verdict`` and ``invoke`` (latency profiles), and ``verdict_over_invoke``.

    Raises:
        ModelError: the model cannot be used.
    """
    found = []
    policy, clock = load_policy(), build_running_clock()
    invoke = build_measure(build_invoke_call(model, 1), clock)
    with PhotoScorer.from_file(model, is_quick=True) as scorer:
        for size_px in FRAME_SIZES_PX:
            frame = build_frame(source, size_px)
            verdict = build_measure(partial(_decide, scorer, frame, policy), clock)
            rounds = interleave_rounds({"verdict": verdict, "invoke": invoke}, plan)
            found.append({"size_px": list(size_px), **_profile_against(rounds, "verdict", "invoke")})
    return found


def _decide(scorer: PhotoScorer, photo: bytes | NDArray[np.uint8], policy: Policy) -> Verdict:
    return evaluate(scorer.score(photo), policy)


def _profile_against(rounds: Mapping[str, list[list[float]]], name: str, reference: str) -> dict[str, Any]:
    """The latency profiles of both, and ``{name}_over_{reference}``, their comparison."""
    profiles = {key: vars(compute_profile(join_turns(turns))) for key, turns in rounds.items()}
    return {**profiles, f"{name}_over_{reference}": compare_rounds(rounds[name], rounds[reference]).to_json()}


def _summarize_stages(stages: Mapping[str, list[float]], counted: int) -> dict[str, LatencySummary]:
    """Without the warm-up, which the scorer has timed too: the ``counted`` last calls, nearly those that count."""
    return {stage: compute_summary(values[-counted:]) for stage, values in stages.items()}


def decode_in_full(jpeg: bytes) -> None:
    """Pillow's decode at full size, which the runtime avoids; see :func:`keep_picture_memory`."""
    with Image.open(io.BytesIO(jpeg)) as image:
        image.convert("RGB")


@contextmanager
def keep_picture_memory() -> Iterator[None]:
    """Pillow keeps the memory of pictures that are gone, and takes it for the next ones (``PILLOW_BLOCKS_MAX``).

    By itself it hands all of it back. Whether the C library then keeps it, or has the system clear it anew for every
    picture, depends on what else the process has done: decoding 12 megapixels takes 38 ms of processor time or 80.
    """
    before = _imaging.get_blocks_max()
    _imaging.set_blocks_max(KEPT_BLOCKS)
    try:
        yield
    finally:
        _imaging.set_blocks_max(before)
