"""What the models in an artifact of ``python -m compress run`` are called."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import UsageError
from edge_runtime.paths import exists_as_file

__all__ = ["MODEL_ENDINGS", "find_models"]

# Behind the student's name: the student as it was, pruned, and pruned and quantised.
MODEL_ENDINGS = {"float": "-float.tflite", "pruned": "-pruned.tflite", "int8": ".tflite"}
_NEEDED = ("float", "int8")


def find_models(artifact: Path, name: str) -> dict[str, Path]:
    """The models of an artifact, by form. The pruned one, a step on the way, may have been left behind.

    Args:
        artifact: the folder.
        name: of the student.

    Raises:
        UsageError: the float or the int8 model is not there.
    """
    paths = {kind: artifact / f"{name}{ending}" for kind, ending in MODEL_ENDINGS.items()}
    missing = [path.name for kind, path in paths.items() if kind in _NEEDED and not exists_as_file(path)]
    if missing:
        raise UsageError(
            f"{artifact} holds no {' and no '.join(missing)}: copy it there (the int8 models that ship lie in "
            "edge_runtime/models, their float twins in benchmarks/reference), or run compress again"
        )
    return {kind: path for kind, path in paths.items() if kind in _NEEDED or exists_as_file(path)}
