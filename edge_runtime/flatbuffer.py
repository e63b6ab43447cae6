"""A TFLite flatbuffer that gives more of its tensors away: the one change that the runtime makes to a model in memory.

A delegate keeps what a model's outputs need and nothing else. So whoever wants to see a tensor in the middle, at the
delegate's speed, makes it an output. FlatBuffers are read and written here by hand, for the library's own classes for
TFLite come with TensorFlow; the layout is that of https://flatbuffers.dev/internals and of TFLite's schema.fbs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["add_outputs"]

SUBGRAPHS_OF_MODEL = 2  # place of the field in its table, by the schema
OUTPUTS_OF_SUBGRAPH = 2


def add_outputs(flatbuffer: bytes, tensors: Sequence[int]) -> bytes:
    """The same model with further outputs, behind its own ones; what its signature names stays as it is.

    Args:
        flatbuffer: a sound TFLite model; its digest is to be checked before.
        tensors: indices of tensors of the first subgraph. Those that are outputs already stay where they are.
    """
    model = _follow(flatbuffer, 0)
    subgraph = _follow(flatbuffer, _follow(flatbuffer, _find_field(flatbuffer, model, SUBGRAPHS_OF_MODEL)) + 4)
    place = _find_field(flatbuffer, subgraph, OUTPUTS_OF_SUBGRAPH)
    vector = _follow(flatbuffer, place)
    (count,) = struct.unpack_from("<I", flatbuffer, vector)
    own = struct.unpack_from(f"<{count}i", flatbuffer, vector + 4)
    outputs = list(dict.fromkeys((*own, *tensors)))
    longer = bytearray(flatbuffer)
    longer += bytes(-len(longer) % 4)
    # Vectors may lie anywhere behind the field that points to them, so the longer one goes to the end.
    struct.pack_into("<I", longer, place, len(longer) - place)
    return bytes(longer) + struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)


def _follow(flatbuffer: bytes, place: int) -> int:
    """Where the offset at ``place`` points to."""
    (offset,) = struct.unpack_from("<I", flatbuffer, place)
    return place + int(offset)


def _find_field(flatbuffer: bytes, table: int, number: int) -> int:
    """Where a table's field lies, which its vtable tells."""
    (back,) = struct.unpack_from("<i", flatbuffer, table)
    (offset,) = struct.unpack_from("<H", flatbuffer, table - back + 4 + 2 * number)
    return table + int(offset)
