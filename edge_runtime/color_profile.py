"""Photos whose files say that their numbers are not sRGB's: brought to sRGB, in which the model has learnt colours.

iPhones store Display P3, some cameras Adobe RGB. Taken for sRGB such a photo looks duller than it is, and than people
will see it, for browsers and marketplaces heed the profile. Printing inks, taken for pure ones, look like neon.
"""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["convert_to_srgb", "is_other_than_srgb"]

_KEY = "icc_profile"  # in ``Image.info``
_CACHED_TRANSFORMS = 8  # one camera's photos all carry the same profile
# Of 255, over a lattice of colours. Of sixty profiles in 30,000 public photos those that stand for sRGB differ from it
# by 3 at most, and their photos stay as they are to the bit; the others differ by 58 and more.
_TOLERANCE = 8


def convert_to_srgb(image: Image.Image) -> Image.Image:
    """A picture in sRGB.

    Args:
        image: of any mode; left as it is.

    Returns:
        ``image`` itself where it has no profile, one of sRGB, one that cannot be used, or shades of grey. Otherwise a
        new one of mode RGB, or RGBA where something is transparent, without a profile.
    """
    if not is_other_than_srgb(image):
        return image
    mode = _choose_mode(image)
    transform = _build_transform(image.info[_KEY], mode)
    converted: Image.Image = transform.apply(image if image.mode == mode else image.convert(mode))
    converted.info = {key: value for key, value in image.info.items() if key not in (_KEY, "transparency")}
    return converted


def is_other_than_srgb(image: Image.Image) -> bool:
    """Whether :func:`convert_to_srgb` would change the picture's colours."""
    profile = image.info.get(_KEY)
    if not profile or not isinstance(profile, bytes) or image.mode not in ("RGB", "RGBA", "P", "PA", "CMYK"):
        return False
    return _build_transform(profile, _choose_mode(image)) is not None


def _choose_mode(image: Image.Image) -> str:
    """The mode that LittleCMS takes such a picture in."""
    if image.mode == "CMYK":
        return "CMYK"
    return "RGBA" if image.has_transparency_data else "RGB"


@functools.lru_cache(maxsize=_CACHED_TRANSFORMS)
def _build_transform(profile: bytes, mode: str) -> Any:
    """From the profile's colours to sRGB's, relative colorimetric: white stays white. None: nothing to be done."""
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        transform = ImageCms.buildTransform(source, target, mode, "RGB" if mode == "CMYK" else mode, intent)
        levels = np.linspace(0, 255, 6).round().astype(np.uint8)
        colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(colors).convert(mode)
        change = np.asarray(transform.apply(probe).convert("RGB"), dtype=np.int16) - colors
    # PyCMSError is an Exception; ImportError: a Pillow without LittleCMS. A broken profile is no reason to refuse a
    # good picture.
    except Exception:
        return None
    return transform if np.abs(change).max() > _TOLERANCE else None
