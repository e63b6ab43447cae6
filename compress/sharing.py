"""Equal vectors of a TFLite flatbuffer, written once.

A converted int8 model holds a zero point of eight bytes for every channel of every kernel and every bias, nearly all of
them 0: an eighth of photogate-small. FlatBuffers point to their vectors, and nothing forbids two to point to the same.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from edge_runtime.model_file import TFLITE_IDENTIFIER

__all__ = ["pack_shared", "share_vectors"]

_ALIGNMENT = 16  # of the buffers, as TFLite's schema demands (force_align)


def share_vectors(flatbuffer: bytes) -> bytes:
    """The same model in fewer bytes; it answers bit by bit the same. What was shared already stays as it is."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(flatbuffer)))
    return pack_shared(model, len(flatbuffer))


def pack_shared(model: schema.ModelT, size: int = 1024) -> bytes:
    """The flatbuffer of a model; ``size`` bytes or so, which grow where they do not do."""
    builder = _SharingBuilder(size)
    builder.Finish(model.Pack(builder), file_identifier=TFLITE_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Hands out the place of an equal vector where it has written one."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._places: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: NDArray[np.generic]) -> int:  # noqa: N802, the name is FlatBuffers'
        key = x.dtype.str, x.tobytes()
        if key not in self._places:
            if x.dtype == np.uint8:
                self.Prep(_ALIGNMENT, x.nbytes)
            self._places[key] = super().CreateNumpyVector(x)
        return self._places[key]
