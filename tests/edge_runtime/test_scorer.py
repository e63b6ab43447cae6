"""PhotoScorer on the shipped model: what it takes, what it gives, and that it gives the same again."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from collections.abc import Callable, Iterator
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
from edge_runtime.contract import DetailSpec, PiecewiseLinear, ViewSpec, pack_model, unpack_model
from edge_runtime.decode import TRANSPOSITIONS, decode
from edge_runtime.interpreter import Interpreter
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
    assert score.model.sha256 == contract.tflite_sha256
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


@pytest.fixture
def repacked(tmp_path: Path) -> Callable[..., Path]:
    """The shipped flatbuffer under a contract with some fields changed."""

    def repack(**changes: object) -> Path:
        flatbuffer, contract = unpack_model(find_model(DEFAULT_MODEL))
        path = tmp_path / "other.tflite"
        path.write_bytes(pack_model(flatbuffer, dataclasses.replace(contract, **changes)))  # type: ignore[arg-type]
        return path

    return repack


def test_calibration_interval_band_and_labels_follow_the_contract(
    scorer: PhotoScorer, repacked: Callable[..., Path], photo: Image.Image
) -> None:
    flat = {"interval_half_width": PiecewiseLinear((0.0,), (30.0,)), "band_limits": (40.0, 70.0), "detail": None}
    for constant, band, interval in ((95.0, "high", (65.0, 100.0)), (70.0, "high", (40.0, 100.0)),
                                     (69.9, "medium", (39.9, 99.9)), (40.0, "medium", (10.0, 70.0)),
                                     (10.0, "low", (0.0, 40.0)), (130.0, "high", (70.0, 100.0))):  # fmt: skip
        path = repacked(quality_calibration=PiecewiseLinear((0.0,), (constant,)), unknown_below=1.01, **flat)
        with PhotoScorer.from_file(path) as other:
            score = other.score(photo)
        assert score.quality == min(constant, 100.0)
        assert score.band == band
        assert score.interval == pytest.approx(interval)
        assert (score.category.label, score.style.label) == ("unknown", "unknown")
    with PhotoScorer.from_file(repacked(unknown_below=0.0)) as other:
        score = other.score(photo)
    assert score.category.label in scorer.contract.category_labels
    assert score.quality == scorer.score(photo).quality


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view": ViewSpec(width_px=96, height_px=96)}, "its contract says"),
        ({"style_labels": tuple(f"style {i}" for i in range(99))}, "its contract says 99"),
    ],
)
def test_model_that_is_not_what_its_contract_says(
    repacked: Callable[..., Path], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=rf"other\.tflite: .*{message}"):
        PhotoScorer.from_file(repacked(**changes))


@pytest.mark.parametrize("name", ["quality", "attributes", "category"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_score(
    photo: Image.Image, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    with PhotoScorer.default() as other:
        assert other._interpreter is not None
        invoke = other._interpreter.invoke

        def spoil(view: Any) -> Any:
            outputs = invoke(view)
            outputs[name] = np.array(outputs[name])
            outputs[name][0, -1] = value
            return outputs

        monkeypatch.setattr(other._interpreter, "invoke", spoil)
        with pytest.raises(ModelError, match=f"output '{name}' is not a finite number"):
            other.score(photo)


def test_flatbuffer_the_interpreter_refuses(tmp_path: Path, scorer: PhotoScorer) -> None:
    path = tmp_path / "rubbish.tflite"
    path.write_bytes(pack_model(b"\x1c\0\0\0TFL3" + bytes(400), scorer.contract))
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


def test_faults_that_the_model_sees_take_off_points(repacked: Callable[..., Path], photo: Image.Image) -> None:
    line = PiecewiseLinear((-1.0, 1.0), (0.0, 100.0))
    pixels = np.asarray(photo.convert("RGB"))
    noise = np.random.default_rng(0).normal(0, 60, pixels.shape)
    noisy = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    found = {}
    for most in (0.0, 0.4):
        with PhotoScorer.from_file(
            repacked(quality_calibration=line, detail=None, deductions={"noise": most}, attribute_stretch={})
        ) as scorer:
            found[most] = scorer.score(noisy)
    fault = 1 - found[0.4].attributes.noise / 100
    assert fault > 0.5
    assert found[0.0].quality - found[0.4].quality == pytest.approx(50 * 0.4 * fault**2, abs=1e-6)
    assert found[0.0].attributes == found[0.4].attributes


def test_a_photo_is_looked_at_twice_and_its_quality_is_the_mean(
    repacked: Callable[..., Path], photo: Image.Image
) -> None:
    flatbuffer, contract = unpack_model(find_model(DEFAULT_MODEL))
    maps = PiecewiseLinear((0.0, 1.0), (0.0, 90.0)), PiecewiseLinear((0.0,), (7.0,))
    interpreter = Interpreter(flatbuffer, num_threads=1)
    width, height = photo.size
    middle = photo.crop((width // 10, height // 10, width - width // 10, height - height // 10))
    views = [make_view(each, contract.view) for each in (photo, middle)]
    assert width % 10 == height % 10 == 0 and min(middle.size) >= max(views[0].shape)
    raw = [float(interpreter.invoke(view)["quality"].item()) for view in views]
    with PhotoScorer.from_file(repacked(detail=DetailSpec(0.8, *maps), deductions={})) as scorer:
        score = scorer.score(photo)
        small = scorer.score(photo.resize((330, 330)))  # shows all that it holds in one view
    assert score.quality == pytest.approx(90 * np.mean(raw), abs=0.6)  # resized from a part, not from a copy of it
    assert abs(score.quality - 90 * raw[0]) > 0.1, "the middle must matter for this test to tell anything"
    assert score.interval == pytest.approx((score.quality - 7.0, score.quality + 7.0))
    with PhotoScorer.from_file(repacked(detail=None, deductions={})) as once:
        assert without_timings(once.score(photo.resize((330, 330)))) == without_timings(small)
        attributes = once.score(photo).attributes
    assert score.attributes == attributes
    with PhotoScorer.from_file(repacked(detail=DetailSpec(0.8, *maps)), is_quick=True) as quick:
        assert quick.score(photo).quality != score.quality


def test_attributes_that_the_contract_names_are_the_mean_of_both_looks(
    repacked: Callable[..., Path], photo: Image.Image
) -> None:
    maps = PiecewiseLinear((-1.0, 1.0), (0.0, 100.0)), PiecewiseLinear((0.0,), (7.0,))
    pixels = np.asarray(photo.convert("RGB"))
    grain = np.random.default_rng(0).normal(0, 25, pixels.shape)
    noisy = Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
    width, height = noisy.size
    middle = noisy.crop((width // 10, height // 10, width - width // 10, height - height // 10))
    found = {}
    for names in ((), ("sharpness", "noise")):
        detail = DetailSpec(0.8, *maps, names)
        model = repacked(quality_calibration=maps[0], detail=detail, deductions={"noise": 0.4}, attribute_stretch={})
        with PhotoScorer.from_file(model) as scorer:
            found[names] = scorer.score(noisy)
        with PhotoScorer.from_file(model, is_quick=True) as quick:
            of_the_middle, of_the_whole = quick.score(middle).attributes, quick.score(noisy).attributes
    whole, both = found[()].attributes, found["sharpness", "noise"].attributes
    assert whole == of_the_whole, "one look, or both without names: the attributes are those of the whole"
    assert abs(of_the_middle.noise - whole.noise) > 2, "the middle must matter for this test to tell anything"
    for name in ("sharpness", "noise"):  # resized from a part, not from a copy of it: hence one point
        wanted = (getattr(whole, name) + getattr(of_the_middle, name)) / 2
        assert getattr(both, name) == pytest.approx(wanted, abs=1.0)
    assert (both.exposure, both.color, both.composition) == (whole.exposure, whole.color, whole.composition)
    faults = [1 - attributes.noise / 100 for attributes in (whole, both)]
    lost = 50 * 0.4 * (faults[1] ** 2 - faults[0] ** 2)
    assert found[()].quality - found["sharpness", "noise"].quality == pytest.approx(lost, abs=1e-6)


def test_stretching_attributes_changes_their_points_and_no_quality(
    repacked: Callable[..., Path], photo: Image.Image
) -> None:
    found = {}
    for factor in (1.0, 4.0):
        with PhotoScorer.from_file(repacked(attribute_stretch={"composition": factor})) as scorer:
            found[factor] = scorer.score(photo)
    plain, stretched = found[1.0], found[4.0]
    assert stretched.quality == plain.quality
    upper = plain.attributes.composition / 50 - 1
    assert 0.05 < upper < 0.95, "it must lie in the upper half for this test to tell anything"
    assert stretched.attributes.composition == pytest.approx(50 + 50 * upper / (upper + 4 * (1 - upper)))
    assert stretched.attributes.color == plain.attributes.color


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
