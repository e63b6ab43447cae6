"""A photogate model's file: the flatbuffer of its network, and behind it an archive with the contract.

The archive is a ZIP appended to the flatbuffer, the way TFLite Metadata packs associated files
(https://www.tensorflow.org/lite/models/convert/metadata): interpreters ignore trailing bytes, and the standard library
can read it. The contract holds the SHA-256 of the flatbuffer in front of it, so a damaged file is found before it
scores. A second look that has a network of its own finds it in the archive, too, as it is: uncompressed.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from edge_runtime.contract import ModelContract
from edge_runtime.errors import ModelError

__all__ = [
    "CONTRACT_MEMBER",
    "DETAIL_MEMBER",
    "TFLITE_IDENTIFIER",
    "ModelFile",
    "pack_model",
    "read_model",
    "unpack_model",
]

CONTRACT_MEMBER = "photogate/contract.json"
DETAIL_MEMBER = "photogate/detail.tflite"
TFLITE_IDENTIFIER = b"TFL3"  # bytes 4-8 of every TFLite flatbuffer
_TIME_STAMP = (1980, 1, 1, 0, 0, 0)  # fixed: equal models are equal bytes


@dataclass(frozen=True)
class ModelFile:
    """What a model's file holds.

    Attributes:
        flatbuffer: of the network.
        contract: what the file says of itself.
        detail: flatbuffer of the second look's own network; None: it has none.
    """

    flatbuffer: bytes
    contract: ModelContract
    detail: bytes | None = None

    @property
    def networks(self) -> tuple[bytes, ...]:
        """The flatbuffers of its networks, one or two."""
        return (self.flatbuffer,) if self.detail is None else (self.flatbuffer, self.detail)


def pack_model(flatbuffer: bytes, contract: ModelContract, detail: bytes | None = None) -> bytes:
    """The content of a model's file.

    Args:
        flatbuffer: of the network.
        contract: the flatbuffer's digest is filled in.
        detail: of the second look's own network, which ``contract.detail.network`` names.

    Raises:
        ModelError: ``detail`` is not what the contract names.
    """
    network = contract.detail_network
    if (None if network is None else network.tflite_sha256) != (None if detail is None else _digest(detail)):
        raise ModelError(f"{contract.name}: the network of the second look is not the one that the contract names")
    text = replace(contract, tflite_sha256=_digest(flatbuffer)).to_json()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        if detail is not None:
            members.writestr(zipfile.ZipInfo(DETAIL_MEMBER, _TIME_STAMP), detail, zipfile.ZIP_STORED)
        members.writestr(zipfile.ZipInfo(CONTRACT_MEMBER, _TIME_STAMP), text)
    return flatbuffer + archive.getvalue()


def read_model(path: str | Path) -> ModelFile:
    """Reads a model file and checks that it is whole.

    Raises:
        ModelError: the file is missing, not a TFLite model, not photogate's, or damaged.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: cannot read the model: {reason}") from error
    if content[4:8] != TFLITE_IDENTIFIER:
        raise ModelError(f"{path}: not a TFLite model (its first bytes lack the TFL3 mark); pass a .tflite file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            text = members.read(CONTRACT_MEMBER).decode("utf-8")
            start = min(member.header_offset for member in members.infolist())
            detail = members.read(DETAIL_MEMBER) if DETAIL_MEMBER in members.namelist() else None
    # RuntimeError: the archive asks for a password, or a compression that there is not; ValueError: places outside it.
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, RuntimeError, ValueError, zlib.error) as error:
        raise ModelError(
            f"{path}: no photogate contract inside: the file is damaged or another program's model; "
            "use a model that `python -m compress` exported"
        ) from error
    flatbuffer = content[:start]
    contract = ModelContract.from_json(text)
    network = contract.detail_network
    wanted = (contract.tflite_sha256, None if network is None else network.tflite_sha256)
    if (_digest(flatbuffer), None if network is None or detail is None else _digest(detail)) != wanted:
        raise ModelError(f"{path}: the model is damaged (its SHA-256 differs from its contract's); copy it again")
    return ModelFile(flatbuffer, contract, None if network is None else detail)


def unpack_model(path: str | Path) -> tuple[bytes, ModelContract]:
    """The network that looks at the whole of a photo, and the contract; errors as of :func:`read_model`."""
    model = read_model(path)
    return model.flatbuffer, model.contract


def _digest(flatbuffer: bytes) -> str:
    return hashlib.sha256(flatbuffer).hexdigest()
