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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.errors import UsageError

__all__ = ["compute_digest", "finish_artifact", "open_artifact", "read_provenance", "write_json"]

PROVENANCE = "provenance.json"
WORK = "work"
_LIBRARIES = ("tensorflow", "keras", "tf-keras", "tensorflow-model-optimization", "numpy", "pillow", "opencv-python")


def open_artifact(folder: Path, config: Mapping[str, Any], *, force: bool = False) -> Path:
    """Claims ``folder`` for a stage with ``config`` and returns its work folder.

    An unfinished folder of the same config is resumed.

    Raises:
        UsageError: the folder holds a finished artifact, or the beginning of one with another config, and ``force``
            is not set; or it holds files that no stage wrote.
    """
    claim = folder / WORK / "config.json"
    text = json.dumps(config, indent=1, sort_keys=True)
    if folder.exists() and any(folder.iterdir()):
        if force:
            shutil.rmtree(folder)
        elif (folder / PROVENANCE).exists():
            raise UsageError(f"{folder} holds a finished artifact: choose another --out, or pass --force to replace it")
        elif not claim.exists():
            raise UsageError(f"{folder} is not empty and not an artifact: choose another --out, or pass --force")
        elif claim.read_text(encoding="utf-8") != text:
            raise UsageError(f"{folder} was begun with another config: choose another --out, or pass --force")
    claim.parent.mkdir(parents=True, exist_ok=True)
    claim.write_text(text, encoding="utf-8")
    return claim.parent


def finish_artifact(
    folder: Path, stage: str, config: Mapping[str, Any], inputs: Sequence[Path], started: float, **facts: Any
) -> None:
    """Writes the provenance of a finished stage: config, digests of the inputs, versions, revision, duration."""
    write_json(
        folder / PROVENANCE,
        {
            "stage": stage,
            "config": config,
            "inputs": {path.name: compute_digest(path) for path in inputs},
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
    except (OSError, json.JSONDecodeError) as error:
        raise UsageError(f"{folder} is not a finished artifact ({error}): run the stage that makes it first") from error
    if provenance.get("stage") != stage:
        raise UsageError(f"{folder} is an artifact of stage {provenance.get('stage')!r}; one of {stage!r} is needed")
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
