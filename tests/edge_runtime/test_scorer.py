"""PhotoScorer on the shipped model: what it takes, what it gives, and that it gives the same again."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import (
    DecodeError,
    FrameError,
    InputError,
    ModelError,
    PhotoScorer,
    RuntimeUnavailableError,
    Score,
    ScoreFailure,
    UsageError,
)
from edge_runtime.contract import ViewSpec
from edge_runtime.decode import TRANSPOSITIONS, decode
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import pack_model, unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model, list_models
from edge_runtime.quality import compute_attributes, compute_raw_quality
from edge_runtime.result import ImageSize
from edge_runtime.views import make_view

INVERSE = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}


def without_timings(score: Score) -> tuple[object, ...]:
    return tuple(getattr(score, f.name) for f in dataclasses.fields(score) if f.name not in ("timings", "path"))


def test_score_of_a_photo(scorer: PhotoScorer, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "scene.jpg"
    photo.save(path)
    score = scorer.score(path)
    contract = scorer.contract
    assert 0 <= score.interval[0] <= score.quality <= score.interval[1] <= 100
    assert all(0 <= points <= 100 for points in dataclasses.astuple(score.attributes))
    assert score.category.label in (*contract.category_labels, "unknown")
    assert score.style.label in (*contract.style_labels, "unknown")
    assert 1 / len(contract.category_labels) - 1e-9 <= score.category.probability <= 1
    assert score.path == str(path)
    assert (score.image.width_px, score.image.height_px) == (640, 480)
    assert score.model.sha256 == contract.sha256
    assert score.model.runtime == scorer.runtime_name
    timings = score.timings
    parts_ms = timings.decode_ms + timings.preprocess_ms + timings.inference_ms
    assert 0 < parts_ms <= timings.total_ms
    document = score.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_path_bytes_image_and_frame_get_one_score(scorer: PhotoScorer, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    photo.save(path)
    rgb = np.asarray(photo)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    wanted = without_timings(scorer.score(path))
    for same in (str(path), path.read_bytes(), photo, rgb, np.asfortranarray(rgb)):
        assert without_timings(scorer.score(same)) == wanted
    assert without_timings(scorer.score(bgr, color_order="bgr")) == wanted
    assert without_timings(scorer.score(rgb[..., ::-1], color_order="bgr")) == wanted


def test_decoded_photo_scores_like_its_file(scorer: PhotoScorer, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    photo.resize((1301, 977)).save(path, quality=92)  # no multiple of the reduced scale
    decoded = decode(path, scorer.decode_view)
    whole, parts = scorer.score(path), scorer.score_decoded(decoded, path=str(path))
    assert dataclasses.replace(parts, timings=whole.timings) == whole
    assert whole.image == ImageSize(1301, 977)
    assert whole.timings.decode_ms > 0 and parts.timings.decode_ms == 0


def test_color_order_matters(scorer: PhotoScorer) -> None:
    frame = np.zeros((400, 400, 3), np.uint8)
    frame[..., 0] = np.arange(400) % 256
    view = ViewSpec(scorer.contract.view.width_px, scorer.contract.view.height_px)
    assert not np.array_equal(make_view(frame, view), make_view(frame[..., ::-1], view))
    assert without_timings(scorer.score(frame)) == without_timings(scorer.score(frame[..., ::-1], color_order="bgr"))


def test_scores_are_bit_identical_over_runs_and_threads(photo: Image.Image) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    pictures = [np.asarray(photo), noise, noise // 8]
    seen = set()
    for num_threads in (1, 2, 4, 1):
        with PhotoScorer.default(num_threads) as scorer:
            for _ in range(2):
                seen.add(tuple(without_timings(scorer.score(picture)) for picture in pictures))
    assert len(seen) == 1


def turn_eight_ways(upright: Image.Image, form: str, **options: Any) -> Iterator[bytes]:
    """One photo as eight files: stored in each of EXIF's orientations, with the tag that turns it upright."""
    for orientation in range(1, 9):
        stored = upright
        if orientation in TRANSPOSITIONS:
            turn = TRANSPOSITIONS[orientation]
            stored = upright.transpose(INVERSE.get(turn, turn))
        exif = Image.Exif()
        exif[0x0112] = orientation
        stream = io.BytesIO()
        stored.save(stream, form, exif=exif, **options)
        yield stream.getvalue()


def test_exif_orientations_of_a_lossless_photo_get_one_score(scorer: PhotoScorer, photo: Image.Image) -> None:
    assert len({without_timings(scorer.score(content)) for content in turn_eight_ways(photo, "PNG")}) == 1


@pytest.mark.parametrize("width_px", [640, 3000])
def test_exif_orientations_of_a_jpeg_agree_within_a_point(
    scorer: PhotoScorer, examples_dir: Path, width_px: int
) -> None:
    original = Image.open(examples_dir / "coffee-good.jpg").convert("RGB")
    upright = original.resize((width_px, width_px * 3 // 4), Image.Resampling.BICUBIC)
    qualities = [
        scorer.score(content).quality for content in turn_eight_ways(upright, "JPEG", quality=95, subsampling=0)
    ]
    assert max(qualities) - min(qualities) <= 1.0


def test_score_many_keeps_order_and_goes_on_after_failures(
    scorer: PhotoScorer, photo: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "scene.jpg"
    photo.save(path)
    outcomes = scorer.score_many([path, tmp_path / "none.jpg", b"", np.zeros((9, 9)), photo, 3])  # type: ignore[list-item]
    assert not isinstance(outcomes, list)
    first, missing, empty, grey, image, number = outcomes
    assert isinstance(first, Score)
    assert isinstance(image, Score)
    failures = [outcome for outcome in (missing, empty, grey, number) if isinstance(outcome, ScoreFailure)]
    assert [failure.path for failure in failures] == [str(tmp_path / "none.jpg"), "#2", "#3", "#5"]
    assert [type(failure.error) for failure in failures] == [InputError, DecodeError, FrameError, InputError]
    assert failures[0].to_dict()["error"]["type"] == "InputError"


def test_threads_may_share_a_scorer(scorer: PhotoScorer, photo: Image.Image) -> None:
    pictures = [np.asarray(photo), np.asarray(photo)[::-1], np.asarray(photo)[:, ::2]]
    wanted = [without_timings(scorer.score(picture)) for picture in pictures]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(10):
            if without_timings(scorer.score(pictures[index])) != wanted[index]:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_closed_scorer(photo: Image.Image) -> None:
    with PhotoScorer.default() as scorer:
        scorer.score(photo)
    scorer.close()
    with pytest.raises(UsageError, match="closed"):
        scorer.score(photo)


@pytest.mark.parametrize("num_threads", [0, 1025, 3_000_000_000])
def test_threads_have_limits(num_threads: int) -> None:
    with pytest.raises(UsageError, match=f"num_threads is {num_threads}; pass 1 to 1024"):
        PhotoScorer.default(num_threads=num_threads)


def test_default_model_is_installed_and_found_by_name_and_path() -> None:
    path = find_model(DEFAULT_MODEL)
    assert path in list_models()
    assert find_model(str(path)) == path
    with pytest.raises(ModelError, match=f"no such model.*{DEFAULT_MODEL}"):
        find_model("photogate-enormous")


def test_flatbuffer_the_interpreter_refuses(tmp_path: Path, scorer: PhotoScorer) -> None:
    path = tmp_path / "rubbish.tflite"
    path.write_bytes(pack_model(b"\x1c\0\0\0TFL3" + bytes(400), dataclasses.replace(scorer.contract, detail=None)))
    with pytest.raises(ModelError, match=r"rubbish\.tflite: .* refuses the model"):
        PhotoScorer.from_file(path)


def test_interpreter_gives_named_float_outputs(scorer: PhotoScorer, photo: Image.Image) -> None:
    flatbuffer, contract = unpack_model(find_model(DEFAULT_MODEL))
    outputs = Interpreter(flatbuffer, num_threads=1).invoke(make_view(photo, contract.view))
    assert {name: values.shape for name, values in outputs.items()} == {
        "quality": (1, 1),
        "attributes": (1, 5),
        "category": (1, len(contract.category_labels)),
        "style": (1, len(contract.style_labels)),
    }
    assert all(values.dtype == np.float32 for values in outputs.values())
    raw = compute_raw_quality([outputs], compute_attributes([outputs]), contract.deductions)
    points = contract.quality_calibration(raw)
    with PhotoScorer.default(is_quick=True) as quick:
        assert quick.score(photo).quality == pytest.approx(min(max(points, 0.0), 100.0))


def test_interpreter_refuses_another_view() -> None:
    flatbuffer, _ = unpack_model(find_model(DEFAULT_MODEL))
    with pytest.raises(ModelError, match="cannot run the model"):
        Interpreter(flatbuffer).invoke(np.zeros((7, 7, 3), np.uint8))


def test_shipped_int8_model_is_one_delegate_partition() -> None:
    flatbuffer, contract = unpack_model(find_model(DEFAULT_MODEL))
    interpreter = Interpreter(flatbuffer)
    if not interpreter.runtime_name.startswith("ai-edge-litert"):
        pytest.skip("needs ai-edge-litert: tflite-runtime runs int8 without XNNPACK on x86")
    assert contract.precision == "int8"
    assert interpreter.count_delegate_partitions() == 1


def test_no_interpreter_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ai_edge_litert", "ai_edge_litert.interpreter", "tflite_runtime", "tflite_runtime.interpreter"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(RuntimeUnavailableError, match="pip install ai-edge-litert"):
        PhotoScorer.default()
