"""``enhance``: one photo in, and out, if there is one, a better file, with the proof that it is better.

Operations that the policy's reasons and the measured facts call for are tried on a reduced picture; the best chain is
applied to the full one, encoded, and those bytes are scored again. What then does not gain enough, strays too far from
the original, or spoils an attribute is thrown away: the next best chain is tried, and at last nothing is kept.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from edge_runtime.decode import MIN_SIDE_PX, decode_photo
from edge_runtime.enhance.encode import choose_output_format, encode_fixed
from edge_runtime.enhance.facts import measure_facts
from edge_runtime.enhance.libraries import load_cv2, load_metrics
from edge_runtime.enhance.operations import OPERATION_NAMES, Operation, apply_operations, check_names
from edge_runtime.enhance.proposals import find_sharpness_limit, propose_operations
from edge_runtime.enhance.result import FixResult, FixTimings
from edge_runtime.enhance.search import Candidate, Search, find_loss, format_missing
from edge_runtime.enhance.similarity import compute_floor_ssim, compute_psnr_db, compute_ssim
from edge_runtime.enhance.source import Source, read_source
from edge_runtime.errors import InputError, UsageError
from edge_runtime.formats import PhotoFormat
from edge_runtime.gate.policy import Policy, evaluate, load_policy
from edge_runtime.result import Score, Verdict
from edge_runtime.scorer import Photo, PhotoScorer

__all__ = ["DEFAULT_MIN_GAIN", "DEFAULT_MIN_SSIM", "enhance"]

DEFAULT_MIN_GAIN = 3.0
DEFAULT_MIN_SSIM = 0.6
SEARCH_SIDE_PX = 1024  # longest side of the search's picture; the score itself looks at 320 pixels
MAX_VERIFIED = 3  # chains that are tried at full size before giving up


@dataclass(frozen=True, slots=True)
class _Verified:
    """A chain's finished file."""

    operations: tuple[Operation, ...]
    encoded: bytes
    score: Score
    ssim: float
    floor_ssim: float
    psnr_db: float
    notes: tuple[str, ...]


def enhance(
    photo: Photo,
    scorer: PhotoScorer,
    policy: Policy | str | Path | None = None,
    *,
    min_gain: float = DEFAULT_MIN_GAIN,
    min_ssim: float = DEFAULT_MIN_SSIM,
    operations: Collection[str] | str = OPERATION_NAMES,
    output_format: PhotoFormat | None = None,
    color_order: str = "rgb",
    language: str = "en",
) -> FixResult:
    """Looks for a better version of a photo. Writes no file, and leaves ``photo`` as it is.

    Args:
        photo: as for ``PhotoScorer.score``.
        scorer: judges the original, every candidate, and the finished file.
        policy: gives the reasons and verdicts, or its file; None: the default policy.
        min_gain: points of quality that the finished file must gain.
        min_ssim: floor of its similarity to the original, up to 1.
        operations: names of those that may be used, of ``OPERATION_NAMES``; one alone need not be in a list.
        output_format: of the finished file: JPEG, PNG, WebP or TIFF; None: the original's, or the nearest to it.
        color_order: of a frame: "rgb" or "bgr".
        language: of the reasons' messages and advice: "en" or "zh".

    Raises:
        PolicyError: the policy cannot be used.
        InputError: the photo cannot be read or decoded, a fixed copy would lose something that matters (frames of an
            animation, transparency, printing inks), or does not fit the format that is chosen where ``output_format``
            is None.
        UsageError: OpenCV or scikit-image is missing, an operation or the language is unknown, a limit is out of range,
            or the finished picture does not fit ``output_format``.
    """
    allowed = check_names([operations] if isinstance(operations, str) else operations)
    policy = load_policy(policy)
    if not 0.0 <= min_gain <= 100.0:
        raise UsageError(f"the least gain must be 0 to 100 points, not {min_gain:g}")
    if not 0.0 <= min_ssim <= 1.0:
        raise UsageError(f"the least SSIM must be 0 to 1, not {min_ssim:g}")
    load_cv2()
    load_metrics()
    started = perf_counter()
    before = scorer.score(photo, color_order)
    verdict = evaluate(before, policy, language)
    source = read_source(photo, color_order)
    picture, factor = _reduce(source.pixels)
    sharpness_limit = find_sharpness_limit(policy)
    size = (source.pixels.shape[1], source.pixels.shape[0])
    read = perf_counter()
    facts = measure_facts(picture)
    proposals = propose_operations(before.attributes, verdict.reasons, facts, size, sharpness_limit, allowed)
    search = Search(picture, scorer, min_ssim)
    candidates = search.run(proposals) if proposals else []
    searched = perf_counter()
    format_chosen = output_format or choose_output_format(source.format)
    path = os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else None
    try:
        verified, refusal = _verify(candidates, source, factor, scorer, before, (min_gain, min_ssim), format_chosen)
    except UsageError as error:
        if output_format is not None:
            raise
        # Nobody has asked for this format: the error is about this photo, and others go on.
        raise InputError(f"{path or 'photo'}: {error}") from error
    finished = perf_counter()
    times = (read - started, searched - read, finished - searched, finished - started)
    result = FixResult(
        outcome="nothing_kept" if proposals else "nothing_to_do",
        explanation=_explain(search, min_gain, refusal) if proposals else _explain_idleness(verdict, allowed),
        before=before,
        before_verdict=verdict,
        timings=FixTimings(*(1e3 * seconds for seconds in times)),
        # Sharpening is never proposed under this limit, and nothing else adds detail.
        needs_retake=before.attributes.sharpness < sharpness_limit,
        tried=search.tried,
        path=path,
    )
    if verified is None:
        return result
    names = ", ".join(operation.name for operation in verified.operations)
    gain = verified.score.quality - before.quality
    return replace(
        result,
        outcome="fixed",
        explanation=f"{names}: {gain:+.1f} points",
        after=verified.score,
        after_verdict=evaluate(verified.score, policy, language),
        operations=verified.operations,
        ssim=verified.ssim,
        psnr_db=verified.psnr_db,
        encoded=verified.encoded,
        format=format_chosen,
        notes=verified.notes,
    )


def _reduce(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """The picture for the search, and how many times larger the photo itself is."""
    height, width = pixels.shape[:2]
    factor = max(height, width) / SEARCH_SIDE_PX
    if factor <= 1.0:
        return pixels, 1.0
    cv2 = load_cv2()
    # A thin photo keeps the rows that a score needs.
    size = (max(MIN_SIDE_PX, round(width / factor)), max(MIN_SIDE_PX, round(height / factor)))
    reduced: NDArray[np.uint8] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return reduced, factor


def _verify(
    candidates: Sequence[Candidate],
    source: Source,
    factor: float,
    scorer: PhotoScorer,
    before: Score,
    limits: tuple[float, float],
    output_format: PhotoFormat,
) -> tuple[_Verified | None, str]:
    """The first of the candidates whose finished file keeps the promise; or None, and why the best one did not."""
    min_gain, min_ssim = limits
    refusal = ""
    # The reduced picture's score is not far from the full one's.
    promising = [candidate for candidate in candidates if candidate.score.quality >= before.quality + min_gain / 2]
    for candidate in promising[:MAX_VERIFIED]:
        verified = _build(candidate, source, factor, scorer, output_format)
        gain = verified.score.quality - before.quality
        spoilt = find_loss(before, verified.score, verified.operations)
        if gain < min_gain:
            missing = format_missing(gain, min_gain, 1)
            refusal = refusal or f"the finished file gains {missing} points, {min_gain:g} are asked for"
        elif verified.floor_ssim < min_ssim:
            missing = format_missing(verified.floor_ssim, min_ssim, 3)
            refusal = refusal or f"the finished file's SSIM is {missing}, {min_ssim:g} is asked for"
        elif spoilt:
            refusal = refusal or f"the finished file loses too much {spoilt}"
        else:
            return verified, ""
    return None, refusal


def _build(
    candidate: Candidate, source: Source, factor: float, scorer: PhotoScorer, output_format: PhotoFormat
) -> _Verified:
    operations = tuple(operation.scale(factor) for operation in candidate.operations)
    moved = [operation for operation in operations if operation.is_geometric]
    reference = apply_operations(source.pixels, moved)
    pixels = apply_operations(reference, operations[len(moved) :])
    encoded, notes = encode_fixed(pixels, source, output_format)
    notes = source.notes + notes
    if moved:
        names = " and ".join(operation.name for operation in moved)
        notes = (*notes, f"SSIM and PSNR compare with the original after the same {names}")
    written = np.asarray(decode_photo(encoded).image)
    ssim = floor_ssim = compute_ssim(reference, written)
    if any(operation.name == "denoise" for operation in operations):
        floor_ssim = compute_floor_ssim(reference, written, operations)
        notes = (
            *notes,
            f"since noise was taken away, the floor of SSIM was checked on both pictures smoothed: {floor_ssim:.3f}",
        )
    return _Verified(
        operations,
        encoded,
        scorer.score(encoded),
        ssim,
        floor_ssim,
        compute_psnr_db(reference, written),
        notes,
    )


def _explain_idleness(verdict: Verdict, allowed: Collection[str]) -> str:
    """Why nothing was tried."""
    is_cut = len(allowed) < len(OPERATION_NAMES)
    if verdict.reasons:
        about = ", ".join(reason.attribute.replace("_", " ") for reason in verdict.reasons)
        which = "none of the operations that are allowed" if is_cut else "no operation"
        return f"{which} can help with what the photo is marked down for ({about}); the advice says what to do"
    return f"nothing in the photo calls for {'the operations that are allowed' if is_cut else 'a change'}"


def _explain(search: Search, min_gain: float, refusal: str) -> str:
    if refusal:
        return f"nothing kept: {refusal}"
    if search.best_gain < min_gain:
        missing = format_missing(search.best_gain, min_gain, 1)
        return f"nothing kept: the best of {search.tried} tries gains {missing} points, {min_gain:g} are asked for"
    # The reduced picture may score less than the photo, and of a kind the mildest goes before the best.
    objection = search.best_objection or "nothing that may be kept of them gains enough on the whole photo"
    return f"nothing kept: the best of {search.tried} tries would gain {search.best_gain:.1f} points, but {objection}"
