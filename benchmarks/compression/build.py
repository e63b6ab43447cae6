"""Compresses students by a plan's variants, each in a process of its own, and finds again what is done already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.compression.plan import LIGHT_FORMS, Variant
from benchmarks.environment import compute_sha256
from benchmarks.fresh_process import run_python
from benchmarks.options import list_repeated
from compress.files import MODEL_ENDINGS
from compress.recipe import Recipe
from edge_runtime.errors import UsageError
from edge_runtime.output_file import write_output
from train.artifact import read_provenance

__all__ = ["Compressed", "Student", "compress_variant", "find_form", "format_recipe", "open_students"]

LONGEST_S = 24 * 3600.0  # of one variant; training for hours is no fault
_PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Student:
    """A float student.

    Attributes:
        name: of its folder.
        folder: artifact of ``python -m train distill``.
        sha256: of the files in it.
        spec: its architecture, as its provenance tells.
        split_seed, manifests: of the photos that it learnt from.
    """

    name: str
    folder: Path
    sha256: str
    spec: dict[str, Any]
    split_seed: int
    manifests: tuple[Path, ...]


@dataclass(frozen=True)
class Compressed:
    """What ``python -m compress run`` made of a student by one variant.

    Attributes:
        folder: holds the recipe, the artifact, and the float16 and dynamic forms.
        artifact: with the float, the pruned and the int8 model.
        name: of the model.
        duration_s: of the run that finished it.
        metrics: its ``metrics.json``.
    """

    student: Student
    variant: Variant
    folder: Path
    artifact: Path
    name: str
    duration_s: float
    metrics: dict[str, Any]


def open_students(folders: Sequence[Path]) -> list[Student]:
    """Reads what students say of themselves.

    Raises:
        UsageError: a folder is no student's artifact, two have one name, or they learnt from different splits: what
            one was trained on could then be what another is judged by.
    """
    students = []
    for folder in folders:
        provenance = read_provenance(folder, "student")
        try:
            labels = provenance["labels_provenance"]
            students.append(
                Student(
                    folder.resolve().name,
                    folder,
                    compute_sha256(folder),
                    provenance["spec"],
                    int(labels["split_seed"]),
                    tuple(Path(path) for path in labels["manifests"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{folder}: its provenance lacks {error}; run `python -m train distill` again") from error
    taken = list_repeated(student.name for student in students)
    if taken:
        raise UsageError(f"--student: two folders are named {', '.join(taken)}; rename one, for rows are named by them")
    if len({student.split_seed for student in students}) > 1:
        seeds = ", ".join(f"{student.name} {student.split_seed}" for student in students)
        raise UsageError(f"--student: they learnt from different splits (seeds: {seeds}); measure them apart")
    return students


def compress_variant(student: Student, variant: Variant, work: Path) -> Compressed:
    """Compresses, or takes up what an equal call has done or begun.

    Args:
        student: what is compressed.
        variant: how; its light forms are exported, too.
        work: folder for all variants; each has its own below, named after student, variant and the digest of both.

    Raises:
        UsageError: it failed; the message is the last line of the process.
    """
    identity = json.dumps({"student": student.sha256, "recipe": asdict(variant.recipe)}, sort_keys=True)
    folder = work / f"{student.name}-{variant.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    recipe, artifact = folder / "recipe.toml", folder / "artifact"
    if not (artifact / _PROVENANCE).is_file():
        write_output(recipe, format_recipe(variant.recipe), force=True, makes_folder=True)
        paths = ("--recipe", str(recipe), "--student", str(student.folder), "--out", str(artifact))
        run_python(("-m", "compress", "run", *paths), timeout_s=LONGEST_S)
    provenance = read_provenance(artifact, "compressed")
    metrics = json.loads((artifact / "metrics.json").read_text(encoding="utf-8"))
    done = Compressed(student, variant, folder, artifact, provenance["name"], provenance["duration_s"], metrics)
    for form in (form for form in variant.forms if form in LIGHT_FORMS):
        path = find_form(done, form)
        if not path.is_file():
            arguments = (form, str(student.folder), str(find_form(done, "float")), str(path))
            run_python(("-m", "benchmarks.compression.light_forms", *arguments), timeout_s=LONGEST_S)
    return done


def find_form(done: Compressed, form: str) -> Path:
    """Where the file of a form lies, or will."""
    if form in LIGHT_FORMS:
        return done.folder / f"{form}.tflite"
    return done.artifact / f"{done.name}{MODEL_ENDINGS[form]}"


def format_recipe(recipe: Recipe) -> str:
    """The recipe as TOML that ``python -m compress run --recipe`` reads back to an equal one."""
    return "\n".join(_format_table(asdict(recipe))) + "\n"


def _format_table(values: Mapping[str, Any], name: str = "") -> list[str]:
    """A table and those in it; what is no table comes first, for TOML counts all below a heading to that table."""
    lines = [f"[{name}]"] if name else []
    lines += [_format_entry(key, value) for key, value in values.items() if not isinstance(value, dict)]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += ["", *_format_table(value, f"{name}.{key}" if name else key)]
    return lines


def _format_entry(key: str, value: Any) -> str:
    """Numbers, texts, truth values and lists are written alike in JSON and TOML."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
