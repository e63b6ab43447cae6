"""``python -m train label``: the teacher's judgement of every view the student will learn from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec, compute_decode_view
from edge_runtime.errors import UsageError
from edge_runtime.views import make_detail_view, make_view
from train.artifact import PROVENANCE, finish_artifact, open_artifact, read_provenance, write_json
from train.config import TeacherConfig
from train.corrections import doubt_of_unrated, hold_below_originals, hold_framing_up, lift_before_white
from train.data.manifest import load_manifests
from train.data.samples import Sample, collect_labels, load_sample, plan_samples
from train.data.split import assign_split, check_no_leak
from train.features import map_ahead
from train.hints import summarize_hidden
from train.models.teacher import STAGE as TEACHER_STAGE
from train.models.teacher import Teacher, load_teacher
from train.progress import track
from train.stages.answers import Answers, load_answers
from train.stages.classes import load_classes, teach_classes
from train.stages.labelled_views import CROPPED, STAGE, UNSEEN
from train.stages.model_answers import judge_with_model
from train.targets import collect_known, pack_targets

__all__ = ["HINT_COUNT", "label"]

Judge = Callable[[Sequence[Sample]], Answers]

HINT_COUNT = 64  # numbers of the teacher's hidden layer that are kept of each view


def label(
    teacher_folder: Path | None,
    manifests: Sequence[Path],
    out: Path,
    *,
    view_size_px: int,
    detail_share: float = 0.0,
    answers: Path | None = None,
    otherwise: Path | None = None,
    classes: Path | None = None,
    weights: Sequence[str] = (),
    clean_sources: Sequence[str] = (),
    force: bool = False,
) -> int:
    """Labels the samples of the teacher's own plan and keeps the student's views of them.

    Features that the teacher's training cached are used again. Returns the number of views.

    Args:
        teacher_folder: artifact of ``fit-teacher``; None where ``answers`` holds what a teacher said.
        manifests: of the photographs.
        out: the artifact's folder. ``answers.npz`` in it can serve as ``answers`` another time.
        view_size_px: side of the student's views.
        detail_share: of the photo's sides, where the views are to show its middle, as a second look does: for a network
            that takes nothing but second looks. What is known and taught is of the whole photo. Photos with too few
            pixels for such a view are no lessons.
        answers: see above.
        otherwise: an exported float model, which judges the views that ``answers`` lack. A model that goes on learning
            keeps its own opinion of them, and learns what is known of them: faults, category, style.
        classes: what a classifier said of the photos, made by ``classify``. It then stands for the teacher's opinion of
            categories, and among the hints (``train.stages.classes``).
        weights: where the backbones' weights lie now; see ``load_teacher``.
        clean_sources: further ``source``s whose photos are flawless as far as is known. Their degraded views have known
            attributes, and there are more of them. ``answers`` say themselves which of theirs were.
        force: replace an artifact that is there.

    Raises:
        UsageError: ``detail_share`` is not from 0 to 1, the teacher's artifact, its answers or ``out`` cannot be used,
            no photo has one of the ``clean_sources``, or there is no view to label.
    """
    started = time.time()
    if not 0 <= detail_share < 1:
        raise UsageError(f"detail_share is {detail_share:g}: it must be 0 or more, and less than 1")
    source = teacher_folder or answers
    if source is None or (teacher_folder and answers):
        raise UsageError("labels come from a teacher or from its answers: pass one of the two")
    if otherwise and not answers:
        raise UsageError("--otherwise judges what --answers lack: pass both")
    if source == teacher_folder:
        read_provenance(source, TEACHER_STAGE)
    settings = {
        "teacher": str(source.resolve()),
        "manifests": [str(p) for p in manifests],
        "view": view_size_px,
        "detail_share": detail_share,
        "clean_sources": list(clean_sources),
        "otherwise": None if otherwise is None else str(otherwise.resolve()),
        "classes": None if classes is None else str(classes.resolve()),
    }
    photos = load_manifests(manifests)
    unknown = sorted(set(clean_sources) - {photo.source for photo in photos})
    if unknown:
        raise UsageError(f"no photo is of the source {', '.join(unknown)}; see the manifests' column source")
    told = load_classes(classes) if classes else None
    inputs = [*manifests, answers or source / PROVENANCE, *(path for path in (otherwise, classes) if path)]
    work = open_artifact(out, settings, inputs, force=force)
    if source == teacher_folder:
        config, judge = _open_teacher(source, weights, work)
    else:
        config, judge = _open_answers(source, otherwise, clean_sources)
    config = _call_clean(config, clean_sources)
    split = assign_split(photos, config.split_seed)
    check_no_leak(photos, split)
    samples = plan_samples(photos, split, config.samples, config.seed)
    if not samples:
        raise UsageError("no photo falls into the training part, and none that does not is rated: add photos")
    judged = replace(judge(samples), config=config)
    judged.save(out / "answers.npz")
    known, outputs = judged.known, dict(judged.outputs)
    quality = lift_before_white(samples, outputs["quality"])
    quality = hold_below_originals(samples, known, quality, config.labels)
    outputs["quality"] = quality[:, np.newaxis]
    # How strong a fault is, is known. The teacher's features were trained to see through colours: of the worst cast it
    # says .84 of 1, and a student that learns from both saw next to none.
    taught = doubt_of_unrated(samples, known, hold_framing_up(samples, known, outputs["attributes"]))
    outputs["attributes"] = np.where(np.isnan(known), taught, known)
    said, hints = collect_known(samples, known, config.labels), judged.hints
    if told:
        outputs["category"], class_hints = teach_classes(told, samples, said["category"], config.labels)
        hints = np.concatenate([hints, class_hints], axis=1)
    targets = {**pack_targets(said, outputs), "hints": hints}
    is_seen = _write_views(samples, out / "views.npy", ViewSpec(view_size_px, view_size_px), detail_share)
    arrays: dict[str, Any] = {
        "sides": np.where(is_seen, [sample.side for sample in samples], UNSEEN),
        "files": np.array([sample.photo.file for sample in samples]),
        "groups": np.array([sample.photo.group for sample in samples]),
        "collections": np.array([sample.photo.collection for sample in samples]),
        "degradations": np.array([_describe(sample) for sample in samples]),
        **{f"target_{name}": values for name, values in targets.items()},
    }
    np.savez(out / "labels.npz", **arrays)
    write_json(
        out / "metrics.json",
        {
            "views": int(is_seen.sum()),
            "degraded": sum(not samples[row].is_original for row in np.flatnonzero(is_seen)),
        },
    )
    category_labels, style_labels = collect_labels(config.labels)
    finish_artifact(
        out,
        STAGE,
        settings,
        [Path(path) for path in manifests],
        started,
        category_labels=category_labels,
        style_labels=style_labels,
        split_seed=config.split_seed,
        teacher=asdict(config),
        manifests=[str(path.resolve()) for path in manifests],
    )
    return int(is_seen.sum())


def _call_clean(config: TeacherConfig, sources: Sequence[str]) -> TeacherConfig:
    """The config, with further clean sources."""
    known = config.samples.clean_sources
    return replace(config, samples=replace(config.samples, clean_sources=tuple(dict.fromkeys((*known, *sources)))))


def _open_answers(path: Path, otherwise: Path | None, clean_sources: Sequence[str]) -> tuple[TeacherConfig, Judge]:
    kept = load_answers(path)
    answered = kept.files

    def judge(samples: Sequence[Sample]) -> Answers:
        sources = {sample.photo.source for sample in samples if sample.photo.file in answered}
        if called := ", ".join(sorted(sources.intersection(clean_sources))):
            raise UsageError(f"{path} says itself whether {called} was clean: leave out its --clean-source")
        missing = kept.find_missing(samples)
        if otherwise is None or not missing:
            return kept.select(samples)
        return kept.extend(judge_with_model(otherwise, missing, kept.config, kept.hints.shape[1])).select(samples)

    return kept.config, judge


def _open_teacher(folder: Path, weights: Sequence[str], work: Path) -> tuple[TeacherConfig, Judge]:
    teacher = load_teacher(folder, weights)
    return teacher.config, lambda samples: _ask(teacher, samples, folder, work)


def _ask(teacher: Teacher, samples: Sequence[Sample], folder: Path, work: Path) -> Answers:
    """The teacher's judgement of ``samples``; of those it was trained on, that of the heads that did not see them."""
    seen = teacher.open_features(_find_features(folder, work, teacher.config.backbones[0].is_trainable))
    seen.compute(samples)
    features, known = seen.gather(samples)
    groups = [sample.photo.group if sample.side == "train" else None for sample in samples]
    is_rated = np.array([sample.photo.mos is not None for sample in samples])
    outputs = teacher.predict_features(features, groups, is_rated)
    is_training = np.array([sample.side == "train" for sample in samples])
    hints = summarize_hidden(teacher.compute_hidden(features), is_training, HINT_COUNT)
    keys = np.array([sample.key for sample in samples])
    return Answers(teacher.config, keys, outputs, known, hints)


def _describe(sample: Sample) -> str:
    """What was done to the photo: the degradation's kind, "reframed", CROPPED, or "" for an original."""
    if sample.reframe_seed is not None:
        return "reframed"
    if sample.crop_seed is not None:
        return CROPPED
    return sample.degradation.kind if sample.degradation else ""


def _find_features(teacher_folder: Path, work: Path, is_trainable: bool) -> Path:
    """The caches that fit-teacher filled, where it was then or beside an artifact that was moved since.

    A fine-tuned backbone has none: its features are kept with the labels.
    """
    if not is_trainable:
        recorded = Path(read_provenance(teacher_folder, TEACHER_STAGE)["features"])
        for folder in (recorded, teacher_folder / "features"):
            if folder.is_dir():
                return folder
    return work / "features"


def _write_views(samples: Sequence[Sample], path: Path, spec: ViewSpec, detail_share: float) -> NDArray[np.bool_]:
    """Writes the students' views as one array, in order, under a temporary name until it is whole.

    Returns:
        (n,) whether the photo has such a view; where it has not, the array is black.
    """
    least = compute_decode_view(spec, detail_share) if detail_share else spec
    temporary = path.with_name("views.part.npy")
    shape = (len(samples), spec.height_px, spec.width_px, 3)
    array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)

    def make(sample: Sample) -> NDArray[np.uint8] | None:
        picture = load_sample(sample, least.width_px)[0]
        return make_detail_view(picture, spec, detail_share) if detail_share else make_view(picture, spec)

    is_seen = np.zeros(len(samples), dtype=np.bool_)
    for row, view in enumerate(track(map_ahead(make, samples), "views", total=len(samples))):
        if view is not None:
            array[row], is_seen[row] = view, True
    array.flush()
    del array
    temporary.replace(path)
    return is_seen
