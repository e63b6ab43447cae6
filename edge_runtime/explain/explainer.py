"""The explainer: spoils the photo on purpose, in known places, and looks for places that look so already.

Occluding a place says little here: the scores hardly move when a twentieth of a good photo changes, and what stands in
for the place (grey, blur, a mirror image) moves them more than the fault did. So the question is turned round. The
photo itself is spoilt in known places, by known faults, in one patchwork after another; a ridge regression learns, on
this photo alone, how spoilt a cell is; then it reads the photo as it was. What it reads are the statistics that the
model's heads read, but of each cell, and, which is not the model's, light and colour of the cell (see ``light``). How
many points a fault is worth, the model says itself: by its score of the photo with that fault all over.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from time import perf_counter
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.explain.explanation import Explanation
from edge_runtime.explain.heat import compute_losses
from edge_runtime.explain.light import choose_light, compute_contrasts, compute_light, judge_plausibility
from edge_runtime.explain.maps import ModelMaps
from edge_runtime.explain.patchwork import build_patchwork, draw_blocks, label_cells
from edge_runtime.explain.readout import Readout
from edge_runtime.explain.study import Study, check_attribute
from edge_runtime.explain.trials import FAULTS, find_changed_cells, make_trials
from edge_runtime.frame import check_frame, make_frame_view
from edge_runtime.gate.policy import Policy, load_policy
from edge_runtime.model_file import unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model, list_models
from edge_runtime.result import Score
from edge_runtime.scorer import Photo, PhotoScorer
from edge_runtime.views import make_view

__all__ = ["DEFAULT_BUDGET_MS", "DEFAULT_ROUNDS", "Explainer", "explain"]

DEFAULT_BUDGET_MS = 1500.0  # all rounds take 900 ms of one core of an Intel Xeon: equal photos get equal maps there
DEFAULT_ROUNDS = 48  # patchworks; with 26 colour casts are missed half as often again
FEWEST_ROUNDS = 4  # made whatever the budget: with fewer, some faults would stand nowhere
FIT_SHARE = 0.25  # of a patchwork's own time: what the regression takes for it in the end
SEED = 123  # of the patchworks: equal photos get equal heat, unless the budget ends the work early


class Explainer:
    """Explains photos with one model. A context manager; may be shared by threads, which then take turns."""

    def __init__(self, scorer: PhotoScorer, model: str | Path | None = None) -> None:
        """Opens the scorer's model a second time, in a way that shows its feature maps.

        Args:
            scorer: scores the photos; it stays its owner's to close.
            model: the scorer's model, a file or an installed one's name; None: the installed model that is the same,
                by its SHA-256.

        Raises:
            UsageError: no installed model is the scorer's, or ``model`` is another one.
            ModelError: the file cannot be used, or the model shows no maps.
            RuntimeUnavailableError: no interpreter is installed.
        """
        self._scorer = scorer
        self._maps = ModelMaps(_read_flatbuffer(scorer, model), scorer.contract.view)
        self._lock = Lock()
        self._is_owner = False

    @classmethod
    def from_file(cls, path: str | Path = DEFAULT_MODEL, num_threads: int = 1) -> Explainer:
        """An explainer with a scorer of its own, which it closes.

        Args:
            path: a ``.tflite`` file with photogate's contract, or an installed model's name.
            num_threads: of the scorer.

        Raises:
            ModelError: the file is missing, damaged, or not photogate's, or shows no maps.
            RuntimeUnavailableError: no interpreter is installed.
        """
        found = find_model(str(path))
        scorer = PhotoScorer.from_file(found, num_threads)
        explainer = cls(scorer, found)
        explainer._is_owner = True
        return explainer

    def explain(
        self,
        photo: Photo,
        attribute: str | None = None,
        *,
        policy: Policy | str | Path | None = None,
        budget_ms: float = DEFAULT_BUDGET_MS,
        grid: int | None = None,
        color_order: str = "rgb",
    ) -> Explanation:
        """Finds where a photo loses points; :meth:`study` and ``Study.explain`` in one.

        Args:
            photo, budget_ms, color_order: as for :meth:`study`.
            attribute, policy, grid: as for ``Study.explain``.

        Raises:
            InputError: the photo cannot be read or decoded.
            PolicyError: the policy cannot be used.
            UsageError: an unknown attribute, an impossible budget or grid, or a closed scorer.
        """
        check_attribute(attribute)
        policy = load_policy(policy)  # a faulty one shows before the work
        study = self.study(photo, budget_ms=budget_ms, color_order=color_order)
        return study.explain(attribute, policy=policy, grid=grid)

    def study(
        self,
        photo: Photo,
        *,
        budget_ms: float = DEFAULT_BUDGET_MS,
        rounds: int = DEFAULT_ROUNDS,
        color_order: str = "rgb",
    ) -> Study:
        """Asks the model all that an explanation of any attribute needs.

        Args:
            photo: as for ``PhotoScorer.score``.
            budget_ms: no patchwork is begun that would end later than this after the photo was decoded; the whole-view
                trials and a few patchworks are made in any case.
            rounds: patchworks to make if there is time.
            color_order: of a frame: "rgb" or "bgr".

        Raises:
            InputError: the photo cannot be read or decoded.
            UsageError: an impossible budget or number of rounds, or a closed scorer.
        """
        if not budget_ms > 0.0:
            raise UsageError(f"the budget is {budget_ms:g} ms; pass more than 0")
        if rounds < 1:
            raise UsageError(f"the number of rounds is {rounds}; pass 1 or more")
        view, score = self._look(photo, color_order)
        with self._lock:
            started = perf_counter()
            whole = self._scorer.score(view)
            trials = make_trials(view)
            losses = compute_losses(whole, [self._scorer.score(trial) for trial in trials])
            spoilt, stretch, made = self._find_spoilt(view, trials, started + budget_ms / 1e3, rounds)
            elapsed_ms = 1e3 * (perf_counter() - started)
        # The view and its trials were scored, and the view and each patchwork were read.
        return Study(score, spoilt, stretch, losses, 1 + len(trials) + 1 + made, made == rounds, elapsed_ms)

    def close(self) -> None:
        """Closes the scorer, if it is the explainer's own; may be called twice."""
        if self._is_owner:
            self._scorer.close()

    def __enter__(self) -> Explainer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self, photo: Photo, color_order: str) -> tuple[NDArray[np.uint8], Score]:
        """The model's view of a photo, which a scorer takes bit for bit, and the photo's score."""
        spec = self._scorer.contract.view
        if isinstance(photo, np.ndarray):
            frame = check_frame(photo, color_order)
            view = make_frame_view(frame, spec, "bgr" if color_order == "bgr" else "rgb")
            return np.ascontiguousarray(view), self._scorer.score(photo, color_order)
        score, decoded = self._scorer.score_and_decode(photo)
        return make_view(decoded.image, spec, decoded.box), score

    def _find_spoilt(
        self, view: NDArray[np.uint8], trials: list[NDArray[np.uint8]], deadline: float, rounds: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
        """How spoilt each cell looks, 0-1, and the readout's stretch, both by fault; the number of patchworks made."""
        rows, columns = self._maps.rows, self._maps.columns
        is_changed = find_changed_cells(view, trials, rows, columns)
        pictures = np.stack([*trials, view])
        lights = np.stack([compute_light(picture, rows, columns) for picture in pictures])

        def read(pixels: NDArray[np.uint8], light: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.concatenate([self._maps.read(pixels), light, compute_contrasts(light)], axis=-1)

        features = read(view, lights[-1])
        readout = Readout()
        readout.add(features, np.zeros((rows, columns, len(FAULTS)), dtype=np.float32))
        rng = np.random.default_rng(SEED)
        made = 0
        longest_s = 0.0
        while made < rounds:
            begun = perf_counter()
            if made >= FEWEST_ROUNDS and begun + longest_s * (1.0 + FIT_SHARE * (made + 1)) > deadline:
                break
            shown = draw_blocks(rows, columns, rng)
            patchwork = build_patchwork(pictures, shown)
            readout.add(read(patchwork, choose_light(lights, shown)), label_cells(shown, is_changed))
            made += 1
            longest_s = max(longest_s, perf_counter() - begun)
        found, stretch = readout.predict(features)
        return np.clip(found, 0.0, 1.0) * judge_plausibility(lights[-1]), stretch, made


def explain(
    photo: Photo,
    scorer: PhotoScorer,
    attribute: str | None = None,
    *,
    model: str | Path | None = None,
    policy: Policy | str | Path | None = None,
    budget_ms: float = DEFAULT_BUDGET_MS,
    grid: int | None = None,
) -> Explanation:
    """Explains one photo; for several, make an :class:`Explainer`, which opens the model once.

    Args:
        photo, attribute, policy, budget_ms, grid: as for :meth:`Explainer.explain`.
        scorer, model: as for :class:`Explainer`.

    Raises:
        InputError, PolicyError, UsageError, ModelError, RuntimeUnavailableError: as for both.
    """
    return Explainer(scorer, model).explain(photo, attribute, policy=policy, budget_ms=budget_ms, grid=grid)


def _read_flatbuffer(scorer: PhotoScorer, model: str | Path | None) -> bytes:
    digest = scorer.contract.sha256
    for path in list_models() if model is None else [find_model(str(model))]:
        flatbuffer, contract = unpack_model(path)
        if contract.sha256 == digest:
            return flatbuffer
    if model is not None:
        raise UsageError(f"{model}: is not the model that the scorer was opened with; pass that one's file")
    raise UsageError(f"no installed model is the scorer's ({scorer.contract.name}); pass its file as `model`")
