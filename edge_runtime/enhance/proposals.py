"""Which operations are worth trying, and how strong: what the policy's reasons and the measured facts call for.

The score is a model's opinion, and some changes please it more than they please people: contrast and edges drawn too
hard. So strengths are few and capped, sharpening is proposed only where there is medium sharpness to work on, and the
search that tries all this has further guards.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from edge_runtime.decode import MIN_SIDE_PX
from edge_runtime.enhance.cast import PLAIN_CAST
from edge_runtime.enhance.facts import PictureFacts
from edge_runtime.enhance.geometry import compute_upright_share
from edge_runtime.enhance.operations import Operation
from edge_runtime.enhance.tone import SRGB_TO_LINEAR
from edge_runtime.gate.policy import Policy
from edge_runtime.result import Attributes, Reason

__all__ = ["find_sharpness_limit", "propose_operations"]

PROPOSE_BELOW = 85.0  # points of an attribute: above there is nothing to mend
SHARPEN_BELOW = 70.0  # points: a photo from here on is sharp
USUAL_SHARPNESS_LIMIT = 50.0  # points, where the policy sets none
DARK_BRIGHT = 205.0  # level: a picture of which 95 % lies under this is dark
SHADED_SHARE = 0.3  # of the brightest level: with the median below, half of the picture lies in the shade
LIGHT_BACKDROP = 150.0  # level: a plain backdrop from here on was meant to be white
PALE_MEDIAN = 190.0  # levels: above this it is pale, unless a white backdrop explains it
FLAT_RANGE = 190.0  # levels between the 1st and the 99th percentile
CLAHE_BELOW = 62.0  # points of exposure
FLAT_PEAK = 243.0  # level
NOISY_LEVELS = 3.0  # texture alone gives as much on a tenth of clean photos; denoising must then prove itself
LEAST_STOPS = 0.15
MAX_STOPS = 2.5  # more light brings up more noise than picture
MAX_STRETCH = 2.2  # of contrast, as gain
CROP_FILL_BELOW = 65.0  # percent: a product that fills more is not small
CROP_FILLS = (70.0, 85.0)  # percent that the product shall fill
CROP_DOUBT = 12.0  # percent: an extent known less well than this is no ground for cutting
LEAST_CROP = 0.95  # of each side: a crop that leaves more is not worth while
LISTED_SIDE_PX = (
    501  # of the longer side after cropping: marketplaces take no fewer than 500, and one may be lost to rounding
)
LEAST_UPRIGHT = 0.7  # of each side: a panorama of 3 : 1 leaves as much at the greatest tilt, a banner would lose more
MIN_TILT_DEG, MAX_TILT_DEG = 0.8, 8.0
TILT_AGREEMENT, TILT_LENGTH = 0.45, 0.8  # what `tilt.Tilt` must reach to be believed


def find_sharpness_limit(policy: Policy) -> float:
    """Points of sharpness under which ``policy`` calls a photo blurred: no sharpening then, but taking it again."""
    for limit in policy.attribute_limits:
        if limit.attribute == "sharpness":
            return max(limit.minimum, limit.reject_below)
    return USUAL_SHARPNESS_LIMIT


def propose_operations(
    attributes: Attributes,
    reasons: Collection[Reason],
    facts: PictureFacts,
    size: tuple[int, int],
    sharpness_limit: float,
    allowed: Collection[str],
) -> tuple[Operation, ...]:
    """All single operations to try; those of one kind stand together, the mildest first.

    Args:
        attributes: of the photo.
        reasons: what the policy says against it.
        facts: measured on the search's picture.
        size: width and height of the photo itself in pixels.
        sharpness_limit: points of :func:`find_sharpness_limit`.
        allowed: names of operations.
    """
    named = {reason.attribute for reason in reasons}
    is_bad_overall = bool(named & {"quality", "weighted_quality"})
    weak = {
        name
        for name, points in zip(Attributes.__slots__, _list_points(attributes), strict=True)
        if name in named or points < PROPOSE_BELOW
    }
    is_noisy = "noise" in weak or facts.noise >= NOISY_LEVELS
    proposed: list[Operation] = []
    if "exposure" in weak or is_bad_overall or facts.bright < DARK_BRIGHT or _is_flat(facts):
        is_badly_lit = "exposure" in named or attributes.exposure < CLAHE_BELOW
        proposed += _propose_light(facts, is_noisy, is_badly_lit)
    if "color" in weak or "exposure" in weak or is_bad_overall or any(c.chroma >= PLAIN_CAST for c in facts.casts):
        proposed += _propose_white_balance(facts, is_noisy)
    if is_noisy:
        proposed += _propose_denoising(facts.noise)
    if "composition" in weak:
        proposed += _propose_frames(facts, size)
    if sharpness_limit <= attributes.sharpness < SHARPEN_BELOW:
        proposed += [
            Operation("sharpen", (("sigma_px", 1.0), ("amount", amount))) for amount in (0.3, 0.6)
        ]  # stronger ones draw bright seams along edges
    return tuple(operation for operation in proposed if operation.name in allowed)


def _is_flat(facts: PictureFacts) -> bool:
    """Whether the picture uses only a part of the levels, and lacks white: pastels on a white ground are not flat."""
    return facts.brightest - facts.darkest < FLAT_RANGE and facts.peak < FLAT_PEAK


def _list_points(attributes: Attributes) -> tuple[float, ...]:
    return tuple(getattr(attributes, name) for name in Attributes.__slots__)


def _propose_light(facts: PictureFacts, is_noisy: bool, is_badly_lit: bool) -> Iterator[Operation]:
    is_dark = facts.bright < DARK_BRIGHT
    # As much light as brings the brightest parts just under white.
    stops = math.log2(SRGB_TO_LINEAR[245] / max(SRGB_TO_LINEAR[round(facts.peak)], 1e-4))
    if is_dark and stops > LEAST_STOPS:
        for strength in (0.5, 0.75, 1.0):
            yield Operation("exposure", (("stops", strength * min(stops, MAX_STOPS)),))
    if _is_flat(facts):
        for strength in (0.5, 0.75, 1.0):
            low = strength * facts.darkest
            high = 255.0 - strength * (255.0 - facts.brightest)
            spare = 255.0 / MAX_STRETCH - (high - low)
            if spare > 0 and facts.backdrop.is_plain and facts.backdrop.rim_level >= LIGHT_BACKDROP:
                low = max(low - spare, 0.0)  # the backdrop shall become white
            elif spare > 0:  # a narrower range would be stretched too far: widen it evenly
                low, high = max(low - spare / 2, 0.0), min(high + spare / 2, 255.0)
            yield Operation("contrast", (("low", low), ("high", high)))
    is_pale = facts.median > PALE_MEDIAN and not facts.backdrop.is_plain
    if is_pale:
        yield from (Operation("exposure", (("stops", stops),)) for stops in (-0.3, -0.7))
    exponents = []
    if is_dark or _is_flat(facts):
        exponents.append(0.85)
    if facts.median < SHADED_SHARE * facts.peak and not is_noisy:  # or the noise of the shadows would come to light
        exponents.append(0.7)
    if _is_flat(facts) or is_pale:
        exponents += [1.2, 1.5]
    yield from (Operation("gamma", (("exponent", exponent),)) for exponent in exponents)
    # The model likes it on nearly any photo, so it needs a reason of its own. It finds structure in noise, and makes a
    # clean backdrop grey.
    if is_badly_lit and not is_noisy and not facts.backdrop.is_plain and (is_dark or _is_flat(facts)):
        yield from (Operation("clahe", (("clip_limit", 2.0), ("share", share))) for share in (0.25, 0.5))


def _propose_white_balance(facts: PictureFacts, is_noisy: bool) -> Iterator[Operation]:
    for cast in facts.casts:
        if is_noisy and cast.method != "backdrop":
            continue  # noise that is cut off at black or white leaves a colour of its own
        for strength in (0.6, 1.0):
            red, green, blue = (gain**strength for gain in cast.gains)
            gains = (("red", red), ("green", green), ("blue", blue))
            yield Operation(
                "white_balance",
                (("estimate", cast.method), ("cast", cast.chroma), ("strength", strength), *gains),
            )


def _propose_denoising(noise: float) -> Iterator[Operation]:
    strengths = [("median", 3.0), ("gaussian", 0.8), ("gaussian", 1.2)]
    level = max(noise, 2.0)
    strengths += [("bilateral", 3.0 * level), ("bilateral", 5.0 * level)]
    # In the shadows a sensor is noisier than in the even places where the noise is measured.
    strengths += [("non_local_means", factor * level) for factor in (0.8, 1.4, 2.2, 3.2)]
    for method, strength in strengths:
        yield Operation("denoise", (("method", method), ("strength", strength), ("coarse_scale", 1.0)))


def _propose_frames(facts: PictureFacts, size: tuple[int, int]) -> Iterator[Operation]:
    tilt = facts.tilt
    if (
        MIN_TILT_DEG <= abs(tilt.angle_deg) <= MAX_TILT_DEG
        and tilt.agreement >= TILT_AGREEMENT
        and tilt.length >= TILT_LENGTH
        and _leaves_enough(facts, size, tilt.angle_deg)
    ):
        yield Operation("deskew", (("angle_deg", tilt.angle_deg),))
    # The looser crop first: it changes less. Both may be held back by the least number of pixels, and then be one.
    scored = (MIN_SIDE_PX + 1) / min(*size, facts.width_px, facts.height_px)  # one more, for rounding
    found = [_find_crop(facts, fill, min(max(LISTED_SIDE_PX / max(size), scored), 1.0)) for fill in CROP_FILLS]
    for left, top, right, bottom in dict.fromkeys(edges for edges in found if edges is not None):
        yield Operation("crop", (("left", left), ("top", top), ("right", right), ("bottom", bottom)))


def _leaves_enough(facts: PictureFacts, size: tuple[int, int], angle_deg: float) -> bool:
    """Whether a deskewed picture, the search's and the whole one, is still the photo, and large enough for a score."""
    for width, height in ((facts.width_px, facts.height_px), size):
        share = compute_upright_share(width, height, angle_deg)
        if share < LEAST_UPRIGHT or int(min(width, height) * share) < MIN_SIDE_PX:
            return False
    return True


def _find_crop(facts: PictureFacts, fill_wanted: float, least_side: float) -> tuple[float, float, float, float] | None:
    """Edges (left, top, right, bottom), 0-1, of a picture of the same shape around the product, which fills it so far.

    Each side keeps at least the share ``least_side``.

    None where the product is not known well, fills enough, or touches the picture's edge: then it may be cut off.
    """
    fill, area, offset, box = facts.backdrop.fill, facts.backdrop.area, facts.backdrop.offset, facts.backdrop.box
    if fill is None or area is None or offset is None or box is None:
        return None
    if fill.high > CROP_FILL_BELOW or max(found.high - found.low for found in (fill, area, offset)) > CROP_DOUBT:
        return None
    width, height = facts.width_px, facts.height_px
    if box.left <= 0 or box.top <= 0 or box.right >= width or box.bottom >= height:
        return None
    # By the farthest that the product may reach, so that nothing of it is cut off.
    side = max(fill.high / fill_wanted, least_side)
    if side >= LEAST_CROP:
        return None
    left = min(max((box.left + box.right) / (2 * width) - side / 2, 0.0), 1.0 - side)
    top = min(max((box.top + box.bottom) / (2 * height) - side / 2, 0.0), 1.0 - side)
    return left, top, left + side, top + side
