"""Artifact folders: what each stage reads and writes.

A stage claims its folder with :func:`open_artifact`, keeps what it needs to resume below ``work/``, and ends with
:func:`finish_artifact`, which writes ``provenance.json``: only a folder with that file is a result.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import shutil
import subprocess
import time
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.errors import UsageError

__all__ = [
    "NPZ_ERRORS",
    "PROVENANCE",
    "compute_digest",
    "compute_digests",
    "finish_artifact",
    "open_artifact",
    "read_provenance",
    "write_json",
]

# What numpy raises for a .npz that is missing, damaged, cut short, of another kind, or without an array asked for.
NPZ_ERRORS = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)
PROVENANCE = "provenance.json"
WORK = "work"
_LIBRARIES = ("tensorflow", "keras", "tf-keras", "tensorflow-model-optimization", "numpy", "pillow", "opencv-python")


def open_artifact(
    folder: Path,
    config: Mapping[str, Any],
    inputs: Sequence[Path] = (),
    *,
    force: bool = False,
    spared: Sequence[Path] = (),
) -> Path:
    """Claims ``folder`` for a stage with ``config`` and returns its work folder.

    An unfinished folder of the same config and inputs is resumed. One that was claimed but holds no work yet, because
    the stage found a fault in its input right away, is free.

    Args:
        folder: the artifact's.
        config: of the stage; what can be written as JSON.
        inputs: files that the stage reads. Of what is no file, the stage itself says so.
        force: replace an artifact that is there.
        spared: further files that ``force`` must not delete.

    Raises:
        UsageError: the folder holds a finished artifact, or the beginning of one with another config or of other
            inputs, and ``force`` is not set; it holds files that no stage wrote, or one that this one reads, which
            ``force`` does not delete either; it cannot be written, or an input cannot be read.
    """
    claim = folder / WORK / "config.json"
    try:
        # By path alone, files that were made anew in the meantime would be taken for those that the work was done on.
        digests = compute_digests([path for path in inputs if path.is_file()])
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}; check its permissions") from error
    text = json.dumps({**config, "inputs": digests} if digests else config, indent=1, sort_keys=True)
    try:
        if folder.exists() and any(folder.iterdir()):
            if force:
                _check_apart(folder, [*inputs, *spared])
            _clear(folder, claim, text, force=force)
        claim.parent.mkdir(parents=True, exist_ok=True)
        claim.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be made an artifact folder: {error}; choose another --out") from error
    return claim.parent


def _check_apart(folder: Path, paths: Sequence[Path]) -> None:
    """Makes sure that nothing that a stage reads lies in the folder that is to be emptied for it."""
    for path in paths:
        if path.exists() and path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{folder} holds {path}, which --force would delete unread: choose another --out")


def _clear(folder: Path, claim: Path, text: str, *, force: bool) -> None:
    """Makes sure that a folder with something in it may be used, and empties it where ``force`` asks for that."""
    is_finished = (folder / PROVENANCE).exists()
    if not is_finished and not claim.exists():
        raise UsageError(f"{folder} is not empty and not an artifact: choose another --out")
    if force:
        shutil.rmtree(folder)
    elif is_finished:
        raise UsageError(f"{folder} holds a finished artifact: choose another --out, or pass --force to replace it")
    elif claim.read_text(encoding="utf-8") != text and set(folder.rglob("*")) != {claim.parent, claim}:
        raise UsageError(
            f"{folder} was begun with another config or other inputs: choose another --out, or pass --force"
        )


def finish_artifact(
    folder: Path, stage: str, config: Mapping[str, Any], inputs: Sequence[Path], started: float, **facts: Any
) -> None:
    """Writes the provenance of a finished stage: config, digests of the inputs, versions, revision, duration."""
    write_json(
        folder / PROVENANCE,
        {
            "stage": stage,
            "config": config,
            "inputs": compute_digests(inputs),
            "libraries": _collect_versions(),
            "python": platform.python_version(),
            "revision": _read_revision(),
            "duration_s": round(time.time() - started, 1),
            **facts,
        },
    )


def read_provenance(folder: Path, stage: str) -> dict[str, Any]:
    """The provenance of a finished artifact of ``stage``.

    Raises:
        UsageError: the folder is no such artifact.
    """
    try:
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} is not a finished artifact ({error}): run the stage that makes it first") from error
    found = provenance.get("stage") if isinstance(provenance, dict) else None
    if found != stage:
        raise UsageError(f"{folder} is an artifact of stage {found!r}; one of {stage!r} is needed")
    return dict(provenance)


def write_json(path: Path, data: Any) -> None:
    """Writes JSON whole or not at all."""
    temporary = path.with_suffix(path.suffix + ".part")
    temporary.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def compute_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def compute_digests(paths: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of files, by names that tell them apart."""
    return {name: compute_digest(path) for name, path in _name_apart(paths).items()}


def _name_apart(paths: Sequence[Path]) -> dict[str, Path]:
    """Paths by file name, and by as many of their folders as tell them apart: manifests tend to share theirs."""
    parts = list(dict.fromkeys(path.resolve().parts for path in paths))
    names = {}
    for mine in parts:
        count = 1
        while any(other != mine and other[-count:] == mine[-count:] for other in parts):
            count += 1
        names["/".join(mine[-count:])] = Path(*mine)
    return names


def _collect_versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _read_revision() -> str:
    try:
        command = ["git", "describe", "--always", "--dirty"]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
