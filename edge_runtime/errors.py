"""The exceptions that photogate raises on purpose: one tree, one base.

Foreign exceptions (Pillow, the interpreter, the operating system) are translated into these where they occur, so a
caller needs ``except PhotogateError`` and nothing else. Every message says what is wrong, where, and what to do.
"""

from __future__ import annotations

__all__ = [
    "DecodeError",
    "FrameError",
    "InputError",
    "ManifestError",
    "ModelError",
    "PhotogateError",
    "PolicyError",
    "RuntimeUnavailableError",
    "SourceError",
    "UsageError",
]


class PhotogateError(Exception):
    """Base of every error photogate raises on purpose."""


class InputError(PhotogateError):
    """A path cannot be used as input: missing, unreadable, a broken link, or a folder without photos."""


class DecodeError(InputError):
    """The bytes are not a photo that can be decoded whole: empty, truncated, too large, or of an unknown format."""


class FrameError(InputError):
    """An array is not an RGB or BGR uint8 frame of shape (height, width, 3)."""


class ModelError(PhotogateError):
    """A .tflite file cannot be used: corrupted, without a photogate contract, or of a newer contract schema."""


class RuntimeUnavailableError(PhotogateError):
    """No LiteRT or TFLite interpreter is installed."""


class PolicyError(PhotogateError):
    """A policy or a rule pack has an unknown key, a value out of range, or limits that contradict each other."""


class ManifestError(PhotogateError):
    """A manifest of rated photographs is malformed; the message names the file, the row and the column."""


class SourceError(PhotogateError):
    """A camera, a stream or a video cannot be opened, or what describes it cannot be used."""


class UsageError(PhotogateError):
    """The caller asked for something impossible, for example to overwrite an existing artifact without force."""
