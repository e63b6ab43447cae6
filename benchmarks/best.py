"""Does ``photogate best`` pick what people would? On scenes shot several times, each photo rated by people.

One scene is one group of the manifest. The pick is right if people rate at most one photo of the scene higher. Ratings
are means of a few dozen people and have an error themselves, so the same question is also asked with a tolerance of one
standard error of a difference, and of a second panel of people, drawn by adding errors to the ratings: nobody can be
expected to agree with the first panel more often than that one.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.accuracy import load_rated_photos
from benchmarks.environment import collect_environment, describe_files, read_timestamp
from benchmarks.messages import Say, say_aloud
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import choose_split_seed, find_int8_model, identify_model
from benchmarks.shares import compute_share_interval
from benchmarks.tables import format_identities
from edge_runtime import PhotoScorer, Score
from edge_runtime.best import rank
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.gate import compute_weighted_quality
from edge_runtime.views import make_view
from train.data.manifest import Photo
from train.progress import track

__all__ = ["OUTPUT_NAME", "BestOptions", "SceneOutcome", "format_best", "judge_pick", "run_best", "summarize"]

OUTPUT_NAME = "best.json"
TOP = 2
GOAL = 0.9
PANELS = 4000  # drawn to find how often another panel agrees; the figure's own error is then below 0.2 points a scene
BLENDS = (0.1, 0.2, 0.3, 0.5, 1.0)
TIE_WINDOWS = (1.0, 2.0, 3.0)


@dataclass(frozen=True)
class BestOptions:
    """What the command line asks for.

    Attributes:
        data: manifests.
        out: the folder for ``best.json``.
        artifact: of ``python -m compress run``, or one .tflite file.
        part: of the split: "test", "validation" or "train".
        seed: of the split; None: the artifact's.
        prefix: scenes are the groups of photos whose file name starts so.
        fewest: photos of a scene, at least.
        rating_error: standard error of one rating, on the scale 0-1.
        is_forced: overwrite an earlier result.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    part: str = "test"
    seed: int | None = None
    prefix: str = "ss01"
    fewest: int = 5
    rating_error: float = 0.025
    is_forced: bool = False


@dataclass(frozen=True)
class SceneOutcome:
    """One scene: what was picked, and what people say. Ratings on 0-1; ``people_rank`` 1 is people's best.

    Attributes:
        is_within_error: among people's top 2, or so near below that the ratings' error could account for it.
        is_best_named: people's best is the pick, or one of the photos called as good.
        chance: probability that a random pick is among people's top 2.
        panel: probability that the best of a second panel of people is.
    """

    scene: str
    content: str
    photos: int
    pick: str
    pick_rated: float
    people_best: str
    people_best_rated: float
    people_rank: int
    loss: float
    as_good: int
    is_within_error: bool
    is_best_named: bool
    chance: float
    panel: float


def run_best(options: BestOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes ``best.json`` into ``options.out`` and returns what stands in it.

    Raises:
        UsageError: a result exists already, an option is impossible, no scene is left, or a photo cannot be scored.
        ManifestError: a manifest is faulty.
        ModelError: the model cannot be used.
    """
    _check(options)
    seed = choose_split_seed(options.artifact, options.seed)
    scenes = _find_scenes(load_rated_photos(options.data, options.part, seed), options)
    model = find_int8_model(options.artifact)
    outcomes, keys = [], []
    with PhotoScorer.from_file(model) as scorer:
        for photos in track(scenes, "scenes"):
            outcome, scores = _measure_scene(photos, scorer, options)
            outcomes.append(outcome)
            # Which key to rank by is chosen on the other sides; to compare keys here would be to choose by this one.
            if options.part != "test":
                keys.append(_try_keys(photos, scores, scorer))
        view = scorer.contract.view
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "data": {
            "manifests": describe_files(options.data),
            "part": options.part,
            "seed": seed,
            "prefix": options.prefix,
            "fewest_photos": options.fewest,
            "rating_error": options.rating_error,
        },
        "model": {
            "path": str(model),
            **identify_model(model),
            "view": f"{view.width_px}x{view.height_px}",
        },
        "environment": {**collect_environment(), "finished": read_timestamp()},
        "goal": GOAL,
        "all": summarize(outcomes),
        "by_content": {
            content: summarize([outcome for outcome in outcomes if outcome.content == content])
            for content in sorted({outcome.content for outcome in outcomes})
        },
        "keys": _summarize_keys(keys),
        "scenes": [asdict(outcome) for outcome in outcomes],
    }
    write_texts(options.out, {OUTPUT_NAME: json.dumps(report, indent=1)}, force=options.is_forced)
    say(f"written to {options.out / OUTPUT_NAME}")
    return report


def judge_pick(pick: int, as_good: Sequence[int], ratings: Sequence[float], rating_error: float) -> dict[str, Any]:
    """What people say to a pick.

    Args:
        pick: index of the photo picked.
        as_good: indices of those called as good.
        ratings: people's, of all photos of the scene, 0-1; two or more.
        rating_error: standard error of one of them.
    """
    rated = np.asarray(ratings, dtype=np.float64)
    order = np.sort(rated)[::-1]
    margin = math.sqrt(2.0) * rating_error  # of a difference of two ratings
    panels = rated + np.random.default_rng(0).normal(0.0, margin, (PANELS, len(rated)))
    return {
        "people_rank": int((rated > rated[pick]).sum()) + 1,
        "loss": float(order[0] - rated[pick]),
        "is_within_error": bool(rated[pick] >= order[TOP - 1] - margin),
        "is_best_named": bool(max(rated[index] for index in (pick, *as_good)) == order[0]),
        "chance": float((rated >= order[TOP - 1]).mean()),
        "panel": float((rated[panels.argmax(axis=1)] >= order[TOP - 1]).mean()),
    }


def summarize(outcomes: Sequence[SceneOutcome]) -> dict[str, Any]:
    """Shares and means over scenes; shares with their 95 % Wilson interval."""
    count = len(outcomes)

    def share(flags: Sequence[bool]) -> dict[str, Any]:
        return {"share": sum(flags) / count, "interval": compute_share_interval(sum(flags), count)}

    return {
        "scenes": count,
        "photos": sum(outcome.photos for outcome in outcomes),
        "top2": share([outcome.people_rank <= TOP for outcome in outcomes]),
        "top1": share([outcome.people_rank == 1 for outcome in outcomes]),
        "top2_within_rating_error": share([outcome.is_within_error for outcome in outcomes]),
        "people_best_is_pick_or_called_as_good": share([outcome.is_best_named for outcome in outcomes]),
        "mean_loss": sum(outcome.loss for outcome in outcomes) / count,
        "mean_called_as_good": sum(outcome.as_good for outcome in outcomes) / count,
        "random_top2": sum(outcome.chance for outcome in outcomes) / count,
        "second_panel_top2": sum(outcome.panel for outcome in outcomes) / count,
    }


def format_best(report: Mapping[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| scenes | n | pick in people's top 2 [95 %] | within the ratings' error | top 1 | best is pick or as good "
        "| mean loss | random | another panel |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, part in [("all", report["all"]), *report["by_content"].items()]:
        low, high = part["top2"]["interval"]
        lines.append(
            f"| {name} | {part['scenes']} | {part['top2']['share']:.1%} [{low:.0%}, {high:.0%}] "
            f"| {part['top2_within_rating_error']['share']:.1%} | {part['top1']['share']:.1%} "
            f"| {part['people_best_is_pick_or_called_as_good']['share']:.1%} | {part['mean_loss']:.3f} "
            f"| {part['random_top2']:.1%} | {part['second_panel_top2']:.1%} |"
        )
    if report["keys"]:
        lines += ["", "| ranked by | top 2 | top 1 | mean loss |", "|---|---|---|---|"]
        for name, key in report["keys"].items():
            lines.append(f"| {name} | {key['top2']:.1%} | {key['top1']:.1%} | {key['mean_loss']:.3f} |")
    return "\n".join([*lines, "", f"Measured {report['created']}:", *format_identities({"model": report["model"]})])


def _check(options: BestOptions) -> None:
    check_output_folder(options.out, [OUTPUT_NAME], force=options.is_forced)
    if options.fewest < TOP + 1:
        raise UsageError(f"--fewest must be at least {TOP + 1}, not {options.fewest}: else any pick is right")
    if options.rating_error < 0:
        raise UsageError(f"--rating-error must be 0 or more, not {options.rating_error:g}")


def _find_scenes(photos: Sequence[Photo], options: BestOptions) -> list[list[Photo]]:
    groups: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        if photo.path.name.startswith(options.prefix):
            groups[photo.group].append(photo)
    scenes = [members for members in groups.values() if len(members) >= options.fewest]
    if not scenes:
        raise UsageError(
            f"no scene of {options.fewest} rated photos named {options.prefix!r}... in part {options.part!r}; "
            "pass another --part, --prefix or --fewest"
        )
    return scenes


def _measure_scene(
    photos: Sequence[Photo], scorer: PhotoScorer, options: BestOptions
) -> tuple[SceneOutcome, list[Score]]:
    ranking = rank([photo.path for photo in photos], scorer, max_distance=None)
    if ranking.failures or ranking.best is None:
        raise UsageError(f"a photo of the scene cannot be scored: {ranking.failures[0].error}")
    index_of = {str(photo.path): index for index, photo in enumerate(photos)}
    ratings = [photo.mos for photo in photos if photo.mos is not None]
    pick = index_of[ranking.best.name]
    as_good = [index_of[photo.name] for photo in ranking.ties]
    people_best = int(np.argmax(ratings))
    outcome = SceneOutcome(
        scene=photos[0].group,
        content=photos[0].extra.get("content", ""),
        photos=len(photos),
        pick=photos[pick].file,
        pick_rated=ratings[pick],
        people_best=photos[people_best].file,
        people_best_rated=ratings[people_best],
        as_good=len(as_good),
        **judge_pick(pick, as_good, ratings, options.rating_error),
    )
    scores = {photo.name: photo.score for photo in ranking.photos}
    return outcome, [scores[str(photo.path)] for photo in photos]


def _try_keys(photos: Sequence[Photo], scores: Sequence[Score], scorer: PhotoScorer) -> dict[str, tuple[int, float]]:
    """Other keys to rank by: (people's rank, loss) of the pick of each."""
    ratings = np.array([photo.mos for photo in photos], dtype=np.float64)
    quality = np.array([score.quality for score in scores])
    weighted = np.array([compute_weighted_quality(score.attributes) for score in scores])
    mirrored = np.array([_score_mirrored(photo.path, scorer) for photo in photos])
    keys = {"quality": quality, "quality, mean with the mirror image": (quality + mirrored) / 2}
    for share in BLENDS:
        keys[f"{1 - share:.0%} quality + {share:.0%} weighted attributes"] = (1 - share) * quality + share * weighted
    for window in TIE_WINDOWS:
        near = quality > quality.max() - window
        keys[f"weighted attributes within {window:g} points of the best"] = np.where(near, weighted, -1.0)
    found = {}
    for name, key in keys.items():
        pick = int(key.argmax())
        found[name] = int((ratings > ratings[pick]).sum()) + 1, float(ratings.max() - ratings[pick])
    return found


def _score_mirrored(path: Path, scorer: PhotoScorer) -> float:
    decoded = decode_photo(path, scorer.contract.view)
    view = Image.fromarray(make_view(decoded.image, scorer.contract.view, decoded.box))
    return scorer.score(view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)).quality


def _summarize_keys(scenes: Sequence[Mapping[str, tuple[int, float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "top2": sum(scene[name][0] <= TOP for scene in scenes) / len(scenes),
            "top1": sum(scene[name][0] == 1 for scene in scenes) / len(scenes),
            "mean_loss": sum(scene[name][1] for scene in scenes) / len(scenes),
        }
        for name in (scenes[0] if scenes else ())
    }
