"""The models that ship with the package: ``*.tflite`` files, each with its model card ``*.md`` beside it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from edge_runtime.errors import ModelError
from edge_runtime.paths import exists_as_file

__all__ = ["DEFAULT_MODEL", "find_model", "list_models"]

DEFAULT_MODEL = "photogate-large"


def list_models() -> list[Path]:
    """Paths of the installed models, sorted by name."""
    return sorted(_folder().glob("*.tflite"))


def find_model(name_or_path: str) -> Path:
    """The path of an installed model by its name ("photogate-small"), or of any model file.

    Raises:
        ModelError: neither an installed model nor a file.
    """
    installed = _folder() / f"{name_or_path}.tflite"
    if Path(name_or_path).name == name_or_path and exists_as_file(installed):
        return installed
    path = Path(name_or_path)
    if exists_as_file(path) or path.suffix == ".tflite":
        return path
    names = ", ".join(model.stem for model in list_models()) or "none"
    raise ModelError(f"{name_or_path}: no such model; pass a .tflite file or an installed model (installed: {names})")


def _folder() -> Path:
    # The interpreter wants bytes and the user a path to look at: a package inside a ZIP archive is not supported.
    return Path(str(resources.files("edge_runtime.models")))
