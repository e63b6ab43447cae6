"""PhotoScorer: from a photo or a frame to a Score."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from time import perf_counter
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.decode import DecodedPhoto, decode
from edge_runtime.errors import InputError, ModelError, UsageError
from edge_runtime.frame import check_frame, make_frame_view
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import ModelFile, read_model
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.quality import compute_attribute_points, compute_attributes, compute_raw_quality
from edge_runtime.result import Attributes, Band, ImageSize, Label, ModelInfo, Score, ScoreFailure, Timings
from edge_runtime.views import make_detail_view, make_view

__all__ = ["Photo", "PhotoScorer", "attempt", "each", "name_photo"]

Photo: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[np.uint8]"
_Photo = TypeVar("_Photo", bound=Photo)
_Result = TypeVar("_Result")


class PhotoScorer:
    """Scores photos with one model. A context manager; may be shared by threads, which then take turns.

    Equal photos get bit-identical scores, run after run and with any number of threads.

    Attributes:
        contract: what the model file says about itself.
        decode_view: the size that photos are decoded for.
        runtime_name: the interpreter, e.g. "ai-edge-litert 2.3.0".
    """

    def __init__(self, model: ModelFile, num_threads: int = 1, *, is_quick: bool = False) -> None:
        """Opens a model that ``read_model`` has read and checked; see :meth:`from_file` and :meth:`default`.

        Raises:
            RuntimeUnavailableError: no interpreter is installed.
            ModelError: the interpreter refuses the model, or it is not what its contract says.
            UsageError: ``num_threads`` is not positive.
        """
        contract = model.contract
        self.contract = contract
        self._detail = None if is_quick else contract.detail
        self.decode_view = contract.view if is_quick else contract.decode_view
        whole = Interpreter(model.flatbuffer, num_threads)
        own = None if self._detail is None else model.detail
        closer = whole if own is None else Interpreter(own, num_threads)
        self._interpreters: tuple[Interpreter, Interpreter] | None = (whole, closer)  # of the looks
        self._lock = Lock()
        self.runtime_name = whole.runtime_name
        for interpreter in dict.fromkeys((whole, closer)):
            self._check_heads(interpreter)
        self._model_info = ModelInfo(contract.name, contract.version, contract.sha256, self.runtime_name)

    @classmethod
    def default(cls, num_threads: int = 1, *, is_quick: bool = False) -> PhotoScorer:
        """The model that ships with the package; for the arguments see :meth:`from_file`.

        Raises:
            ModelError: the package has no model, or it is damaged.
            RuntimeUnavailableError: no interpreter is installed.
        """
        return cls.from_file(find_model(DEFAULT_MODEL), num_threads, is_quick=is_quick)

    @classmethod
    def from_file(cls, path: str | Path, num_threads: int = 1, *, is_quick: bool = False) -> PhotoScorer:
        """A model file.

        Args:
            path: a ``.tflite`` file that holds a photogate contract.
            num_threads: of the interpreter, 1 or more; changes the time, never the score.
            is_quick: look once, at the whole, also where the model is made to look at the middle of a photo, too
                (``contract.detail``): half to two thirds of the time after decoding, and a little further from what
                people say.

        Raises:
            ModelError: the file is missing, damaged, or not photogate's.
            RuntimeUnavailableError: no interpreter is installed.
        """
        model = read_model(path)
        try:
            return cls(model, num_threads, is_quick=is_quick)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error

    def score(self, photo: Photo, color_order: str = "rgb") -> Score:
        """Scores one photo.

        Args:
            photo: a path, the bytes of a photo file, a Pillow image, or a frame: uint8 (height, width, 3).
            color_order: of a frame: "rgb", or "bgr" as OpenCV delivers; photos and images know their own.

        Returns:
            The score. Everything in it but ``timings`` is a function of the photo and the model alone.

        Raises:
            InputError: the path cannot be read. Its subclasses: DecodeError, for bytes that are no whole photo, and
                FrameError, for an array that is no frame.
            ModelError: the model gives what is no number.
            UsageError: the scorer is closed.
        """
        if not isinstance(photo, np.ndarray):
            return self.score_and_decode(photo)[0]
        started = perf_counter()
        frame = check_frame(photo, color_order)
        views = [make_frame_view(frame, self.contract.view, color_order)]
        details = self._look_closer(frame)
        views += details if color_order == "rgb" else [np.ascontiguousarray(view[..., ::-1]) for view in details]
        return self._score_views(views, None, ImageSize(frame.shape[1], frame.shape[0]), started, started)

    def score_decoded(self, photo: DecodedPhoto, *, path: str | None = None, started: float | None = None) -> Score:
        """Scores a photo that was decoded already, for those who want its picture, too: decoding takes longest.

        Args:
            photo: from :func:`edge_runtime.decode.decode`, with this scorer's ``decode_view``: of a JPEG decoded in
                another size the score may differ a little.
            path: where it came from.
            started: ``time.perf_counter()`` before it was decoded; None: decoding counts as no time.

        Raises:
            ModelError: the model gives what is no number.
            UsageError: the scorer is closed.
        """
        decoded = perf_counter()
        views = [make_view(photo.image, self.contract.view, photo.box)]
        views += self._look_closer(photo.image, photo.box)
        size = ImageSize(photo.width_px, photo.height_px)
        return self._score_views(views, path, size, decoded if started is None else started, decoded)

    def score_and_decode(self, photo: Photo, color_order: str = "rgb") -> tuple[Score, DecodedPhoto]:
        """Scores one photo and hands out the picture, too, for those who measure more on it.

        Args and errors are those of :meth:`score`; so is the score.
        """
        if isinstance(photo, np.ndarray):
            score = self.score(photo, color_order)
            rgb = photo if color_order == "rgb" else np.ascontiguousarray(photo[..., ::-1])
            return score, DecodedPhoto(Image.fromarray(rgb), score.image.width_px, score.image.height_px)
        started = perf_counter()
        decoded = decode(photo, self.decode_view)
        path = os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else None
        return self.score_decoded(decoded, path=path, started=started), decoded

    def score_many(self, photos: Iterable[Photo], color_order: str = "rgb") -> Iterator[Score | ScoreFailure]:
        """Scores photos one after another, lazily and in order; one that fails does not stop the others.

        Args:
            photos: as for :meth:`score`, mixed as you like.
            color_order: of the frames among them.

        Yields:
            A Score, or a ScoreFailure with the path (or "#index") and the error.
        """
        return each(lambda photo: self.score(photo, color_order), photos)

    def close(self) -> None:
        """Frees the interpreter; a later ``score`` raises UsageError. May be called twice."""
        with self._lock:
            self._interpreters = None

    def __enter__(self) -> PhotoScorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_heads(self, interpreter: Interpreter) -> None:
        """A network must be what the contract says, or its numbers would be read as something else."""
        spec = self.contract.view
        wanted_shape = (1, spec.height_px, spec.width_px, 3)
        if interpreter.input_shape != wanted_shape:
            raise ModelError(
                f"the model's input is {interpreter.input_shape}, its contract says {wanted_shape}; export it again"
            )
        wanted_sizes = {
            "quality": 1,
            "attributes": len(ATTRIBUTE_NAMES),
            "category": len(self.contract.category_labels),
            "style": len(self.contract.style_labels),
        }
        for name, size in wanted_sizes.items():
            found = interpreter.output_sizes.get(name)
            if found != size:
                raise ModelError(
                    f"the model's output {name!r} has {found or 'no'} values, its contract says {size}; export it again"
                )

    def _look_closer(
        self, picture: Image.Image | NDArray[np.uint8], box: tuple[float, float, float, float] | None = None
    ) -> list[NDArray[np.uint8]]:
        """The view of the picture's middle, where the model looks at it and there is more to see than in the whole."""
        if self._detail is None:
            return []
        view = make_detail_view(picture, self.contract.view, self._detail.share, box)
        return [] if view is None else [view]

    def _score_views(
        self, views: Sequence[NDArray[np.uint8]], path: str | None, size: ImageSize, started: float, decoded: float
    ) -> Score:
        """Of the view of the whole and, if there is one, of the middle."""
        prepared = perf_counter()
        with self._lock:
            if self._interpreters is None:
                raise UsageError("this PhotoScorer is closed; make a new one")
            pairs = zip(self._interpreters, views, strict=False)  # there may be one view alone
            outputs, *details = [interpreter.invoke(view) for interpreter, view in pairs]
        return self._build_score(outputs, details, path, size, (started, decoded, prepared, perf_counter()))

    def _build_score(
        self,
        outputs: dict[str, Any],
        details: Sequence[dict[str, Any]],
        path: str | None,
        size: ImageSize,
        moments: tuple[float, float, float, float],
    ) -> Score:
        contract = self.contract
        looks = (outputs, *details)
        for looked in looks:
            for name, values in looked.items():
                # Limits and maps would make a top score of what is no number.
                if not np.isfinite(values).all():
                    raise ModelError(
                        f"{contract.name} {contract.version}: the model's output {name!r} is not a finite number; "
                        "export it again, or use another model"
                    )
        maps = self._detail if details and self._detail is not None else contract
        if self._detail is None:
            seen = compute_attributes(looks)
            raw = compute_raw_quality(looks, seen, contract.deductions)
        else:
            seen = compute_attributes(looks, self._detail.attributes)
            raw = compute_raw_quality(looks, seen, contract.deductions, self._detail.weight)
        quality = min(max(maps.quality_calibration(raw), 0.0), 100.0)
        half_width = maps.interval_half_width(quality)
        low_limit, high_limit = contract.band_limits
        band: Band = "low" if quality < low_limit else "high" if quality >= high_limit else "medium"
        attributes = Attributes(*compute_attribute_points(seen, contract.attribute_stretch).tolist())
        category = self._choose_label(outputs["category"], contract.category_labels)
        style = self._choose_label(outputs["style"], contract.style_labels)
        started, decoded, prepared, inferred = moments
        return Score(
            quality=quality,
            band=band,
            interval=(max(quality - half_width, 0.0), min(quality + half_width, 100.0)),
            interval_coverage=contract.interval_coverage,
            attributes=attributes,
            category=category,
            style=style,
            image=size,
            timings=Timings(
                1e3 * (decoded - started),
                1e3 * (prepared - decoded),
                1e3 * (inferred - prepared),
                1e3 * (perf_counter() - started),
            ),
            model=self._model_info,
            path=path,
        )

    def _choose_label(self, logits: NDArray[np.float32], labels: Sequence[str]) -> Label:
        """The likeliest label by softmax, or "unknown" below the contract's limit."""
        exponentials = np.exp(logits[0].astype(np.float64) - float(logits.max()))
        best = int(exponentials.argmax())
        probability = float(exponentials[best] / exponentials.sum())
        return Label(labels[best] if probability >= self.contract.unknown_below else "unknown", probability)


def attempt(action: Callable[[_Photo], _Result], photo: _Photo, index: int = 0) -> _Result | ScoreFailure:
    """What ``action`` says of a photo; if it raises InputError, a ScoreFailure with the path, or "#index"."""
    try:
        return action(photo)
    except InputError as error:
        return ScoreFailure(name_photo(photo, index), error)


def each(action: Callable[[_Photo], _Result], photos: Iterable[_Photo]) -> Iterator[_Result | ScoreFailure]:
    """:func:`attempt` on photo after photo, lazily."""
    for index, photo in enumerate(photos):
        yield attempt(action, photo, index)


def name_photo(photo: Photo, index: int) -> str:
    """What to call a photo: its path, or "#index"."""
    return os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else f"#{index}"
