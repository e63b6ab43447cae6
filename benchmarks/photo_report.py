"""What commands about photos that nobody need have rated have in common: score a part, measure, write one JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.accuracy import EVERY_PHOTO, load_part
from benchmarks.accuracy_report.photos import ScoredPhoto, score_photos
from benchmarks.environment import collect_environment, describe_files, read_timestamp
from benchmarks.messages import Say
from benchmarks.options import check_model_names
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import choose_split_seed, find_int8_model, identify_model
from edge_runtime import PhotoScorer
from train.data.manifest import Photo

__all__ = ["OWN_KEY", "Measure", "PhotoOptions", "report_photos"]

OWN_KEY = "int8"
Measure: TypeAlias = "Callable[[Sequence[ScoredPhoto], Mapping[str, PhotoScorer]], dict[str, Any]]"


@dataclass(frozen=True)
class PhotoOptions:
    """What to measure.

    Attributes:
        data: manifests.
        out: the folder for the result.
        artifact: of ``python -m compress run``, or one .tflite file.
        models: further photogate models, name → .tflite file.
        part: of the split; :data:`benchmarks.accuracy.EVERY_PHOTO` for photos that nothing has learnt from.
        seed: of the split; None: the artifact's.
        is_forced: overwrite an earlier result.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    models: tuple[tuple[str, Path], ...] = ()
    part: str = "test"
    seed: int | None = None
    is_forced: bool = False


def report_photos(
    options: PhotoOptions, name: str, measure: Measure, *, say: Say, keep: Callable[[Photo], bool] = lambda photo: True
) -> dict[str, Any]:
    """Scores photos with every model, measures, and writes what was found beside what it was found with.

    A photo that cannot be decoded is named and left out.

    Args:
        options: what to measure.
        name: of the JSON file.
        measure: from the scored photos and the models, by key, to what goes into the file; the artifact's int8 model
            has the key :data:`OWN_KEY`.
        say: gets a line for each photo that is left out.
        keep: whether a photo is looked at; others are not even opened.

    Returns:
        What stands in the file: ``schema``, ``created``, ``data``, ``undecodable``, ``models``, ``environment``, and
        what ``measure`` found.

    Raises:
        UsageError: a result exists already, or the models' names clash.
        ManifestError: a manifest is faulty.
        ModelError: a model cannot be used.
    """
    check_output_folder(options.out, (name,), force=options.is_forced)
    check_model_names((key for key, _ in options.models), reserved=(OWN_KEY,))
    seed = None if options.part == EVERY_PHOTO else choose_split_seed(options.artifact, options.seed)
    photos = [photo for photo in load_part(options.data, options.part, seed) if keep(photo)]
    paths = {OWN_KEY: find_int8_model(options.artifact), **dict(options.models)}
    with ExitStack() as stack:
        scorers = {key: stack.enter_context(PhotoScorer.from_file(path)) for key, path in paths.items()}
        scored, failures = score_photos(photos, scorers)
        for failure in failures:
            say(f"left out: {failure['file']}: {failure['error']}")
        found = measure(scored, scorers)
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "data": {"manifests": describe_files(options.data), "part": options.part, "seed": seed, "photos": len(scored)},
        "undecodable": failures,
        "models": {key: {"path": str(path), **identify_model(path)} for key, path in paths.items()},
        "environment": collect_environment(),
        **found,
    }
    write_texts(options.out, {name: json.dumps(report, indent=1)}, force=options.is_forced)
    return report
