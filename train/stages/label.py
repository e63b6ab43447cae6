"""``python -m train label``: the teacher's judgement of every view the student will learn from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.errors import UsageError
from edge_runtime.views import make_view
from train.artifact import NPZ_ERRORS, PROVENANCE, finish_artifact, open_artifact, read_provenance, write_json
from train.config import TeacherConfig
from train.corrections import hold_below_originals, hold_framing_up
from train.data.manifest import Photo, load_manifests
from train.data.samples import Sample, collect_labels, load_sample, plan_samples
from train.data.split import assign_split, check_no_leak
from train.features import map_ahead
from train.hints import summarize_hidden
from train.loop import Validation
from train.models.teacher import STAGE as TEACHER_STAGE
from train.models.teacher import Teacher, load_teacher
from train.progress import track
from train.stages.answers import Answers, load_answers
from train.stages.model_answers import judge_with_model
from train.targets import collect_known, pack_targets

__all__ = ["HINT_COUNT", "STAGE", "LabelledViews", "label", "load_labels"]

Judge = Callable[[Sequence[Sample]], Answers]

STAGE = "labels"
CROPPED = "cropped"  # in ``LabelledViews.degradations``: a part of the photo, otherwise as it is
HINT_COUNT = 64  # numbers of the teacher's hidden layer that are kept of each view


@dataclass(frozen=True)
class LabelledViews:
    """What ``label`` made.

    Attributes:
        views: uint8 (n, size, size, 3), mapped from disk.
        targets: by head, packed as ``train.targets`` does; ``hints`` (n, count) are the teacher's alone.
        sides, files, groups, collections, degradations: (n,) text; the last says what was done to the
            photo, "" for originals.
        category_labels, style_labels: of the two label heads.
        split_seed: of the split that ``sides`` tells.
        manifests: the photographs' manifests.
    """

    views: NDArray[np.uint8]
    targets: dict[str, NDArray[np.float32]]
    sides: NDArray[Any]
    files: NDArray[Any]
    groups: NDArray[Any]
    collections: NDArray[Any]
    degradations: NDArray[Any]
    category_labels: tuple[str, ...]
    style_labels: tuple[str, ...]
    split_seed: int
    manifests: tuple[str, ...]

    def build_validation(self) -> Validation:
        """The rated photos of the validation part."""
        rows = self.select_rated("validation")
        return Validation(self.views[rows], self.targets["quality"][rows, 0], self.collections[rows])

    def load_photos(self) -> dict[str, Photo]:
        """The photographs by their ``file``, from their manifests as they are now.

        Raises:
            ManifestError: a manifest is gone or faulty.
            UsageError: the photo of a view stands in none of them any more.
        """
        photos = {photo.file: photo for photo in load_manifests(self.manifests)}
        if missing := sorted(set(self.files.tolist()) - photos.keys()):
            raise UsageError(
                f"{len(missing)} photos of the labels stand no longer in {', '.join(self.manifests)} (first: "
                f"{missing[0]}): put them back, or run label again"
            )
        return photos

    def find_partners(self, rows: NDArray[np.intp]) -> dict[int, NDArray[np.intp]]:
        """Of ``rows``, each original's and each crop's with the rows of the same photo's degraded views."""
        is_degraded = ~np.isin(self.degradations[rows], ("", CROPPED))
        partners: dict[str, list[int]] = {}
        for row in rows[is_degraded]:
            partners.setdefault(self.files[row], []).append(int(row))
        return {int(row): np.array(partners.get(self.files[row], []), dtype=np.intp) for row in rows[~is_degraded]}

    def select_training(self, crop_share: float, seed: int) -> NDArray[np.intp]:
        """Rows of the training part, with only a share of its crops, drawn by the seed."""
        rows = np.flatnonzero(self.sides == "train")
        is_crop = self.degradations[rows] == CROPPED
        crops = np.random.default_rng(seed).permutation(rows[is_crop])
        return np.sort(np.concatenate([rows[~is_crop], crops[: round(crop_share * len(crops))]]))

    def repeat(self, rows: NDArray[np.intp], repeats: Mapping[str, int]) -> NDArray[np.intp]:
        """``rows``, those of the collections in ``repeats`` so many times.

        Raises:
            UsageError: there is no such collection.
        """
        unknown = sorted(set(repeats) - set(self.collections.tolist()))
        if unknown:
            known = ", ".join(np.unique(self.collections).tolist())
            raise UsageError(f"repeats: no collection {', '.join(unknown)} among the labels; there are {known}")
        return np.repeat(rows, [repeats.get(str(name), 1) for name in self.collections[rows]])

    def select_rated(self, side: str) -> NDArray[np.intp]:
        """Rows of the undegraded photos of ``side`` that people rated."""
        return np.flatnonzero((self.sides == side) & ~np.isnan(self.targets["quality"][:, 0]))


def label(
    teacher_folder: Path | None,
    manifests: Sequence[Path],
    out: Path,
    *,
    view_size_px: int,
    answers: Path | None = None,
    otherwise: Path | None = None,
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
        answers: see above.
        otherwise: an exported float model, which judges the views that ``answers`` lack. A model that goes on learning
            keeps its own opinion of them, and learns what is known of them: faults, category, style.
        weights: where the backbones' weights lie now; see ``load_teacher``.
        clean_sources: further ``source``s whose photos are flawless as far as is known. Their degraded views have known
            attributes, and there are more of them. ``answers`` say themselves which of theirs were.
        force: replace an artifact that is there.

    Raises:
        UsageError: the teacher's artifact, its answers or ``out`` cannot be used, no photo has one of the
            ``clean_sources``, or there is no view to label.
    """
    started = time.time()
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
        "clean_sources": list(clean_sources),
        "otherwise": None if otherwise is None else str(otherwise.resolve()),
    }
    photos = load_manifests(manifests)
    unknown = sorted(set(clean_sources) - {photo.source for photo in photos})
    if unknown:
        raise UsageError(f"no photo is of the source {', '.join(unknown)}; see the manifests' column source")
    inputs = [*manifests, answers or source / PROVENANCE, *([otherwise] if otherwise else [])]
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
    quality = hold_below_originals(samples, known, outputs["quality"], config.labels)
    outputs["quality"] = quality[:, np.newaxis]
    # How strong a fault is, is known. The teacher's features were trained to see through colours: of the worst cast it
    # says .84 of 1, and a student that learns from both saw next to none.
    taught = hold_framing_up(samples, known, outputs["attributes"])
    outputs["attributes"] = np.where(np.isnan(known), taught, known)
    targets = pack_targets(collect_known(samples, known, config.labels), outputs)
    targets["hints"] = judged.hints
    _write_views(samples, out / "views.npy", view_size_px)
    arrays: dict[str, Any] = {
        "sides": np.array([sample.side for sample in samples]),
        "files": np.array([sample.photo.file for sample in samples]),
        "groups": np.array([sample.photo.group for sample in samples]),
        "collections": np.array([sample.photo.collection for sample in samples]),
        "degradations": np.array([_describe(sample) for sample in samples]),
        **{f"target_{name}": values for name, values in targets.items()},
    }
    np.savez(out / "labels.npz", **arrays)
    write_json(
        out / "metrics.json", {"views": len(samples), "degraded": sum(not sample.is_original for sample in samples)}
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
    return len(samples)


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


def load_labels(folder: Path) -> LabelledViews:
    """Opens an artifact of ``label``.

    Raises:
        UsageError: the folder is no such artifact, or incomplete.
    """
    provenance = read_provenance(folder, STAGE)
    try:
        views = np.load(folder / "views.npy", mmap_mode="r")
        with np.load(folder / "labels.npz") as archive:
            arrays = dict(archive)
        sides, files, groups = (arrays[name] for name in ("sides", "files", "groups"))
        collections, degradations = arrays["collections"], arrays["degradations"]
    except NPZ_ERRORS as error:
        raise UsageError(f"{folder}: the labels cannot be read: {error}; run label again") from error
    prefix = "target_"
    return LabelledViews(
        views,
        {name[len(prefix) :]: values for name, values in arrays.items() if name.startswith(prefix)},
        sides,
        files,
        groups,
        collections,
        degradations,
        tuple(provenance["category_labels"]),
        tuple(provenance["style_labels"]),
        int(provenance["split_seed"]),
        tuple(provenance["manifests"]),
    )


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


def _write_views(samples: Sequence[Sample], path: Path, size_px: int) -> None:
    """Writes the students' views as one array, in order, under a temporary name until it is whole."""
    spec = ViewSpec(size_px, size_px)
    temporary = path.with_name("views.part.npy")
    shape = (len(samples), size_px, size_px, 3)
    array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)

    def make(sample: Sample) -> NDArray[np.uint8]:
        return make_view(load_sample(sample, size_px)[0], spec)

    for row, view in enumerate(track(map_ahead(make, samples), "views", total=len(samples))):
        array[row] = view
    array.flush()
    del array
    temporary.replace(path)
