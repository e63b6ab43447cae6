"""The feature cache computes each picture once, survives interruption, and views keep the photo's shape."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.errors import InputError, UsageError
from edge_runtime.views import make_view
from train import features
from train.data.degradations import Degradation
from train.data.manifest import Photo
from train.data.samples import Sample, load_sample
from train.features import FeatureCache, FeatureSource, StackedFeatures, choose_view, compute_features, map_ahead

MakePhoto = Callable[..., Photo]
SIZE_PX = 48


class Extractor:
    """Mean and deviation of each view; counts the views, and fails after as many as it is told."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.fails_after = fails_after

    def __call__(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.fails_after is not None and len(self.shapes) >= self.fails_after:
            raise RuntimeError("cut short")
        assert views.dtype == np.float32 and views.max() > 1.0
        self.shapes.append(views.shape)
        return np.stack([views.mean(axis=(1, 2, 3)), views.std(axis=(1, 2, 3))], axis=1)


@pytest.fixture
def samples(make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """Ten pictures of two shapes; batches of two, shards of four."""
    monkeypatch.setattr(features, "BATCH_SIZE", 2)
    monkeypatch.setattr(features, "SHARD_SIZE", 4)
    rng = np.random.default_rng(0)
    shapes = [(60, 60, 3), (60, 90, 3)]
    photos = [make_photo(f"{i}.png", rng.integers(i * 10, 100 + i * 10, shapes[i % 2], np.uint8)) for i in range(5)]
    return [Sample(p, "train", True, fault) for p in photos for fault in (None, Degradation("jpeg", 0.9, 1))]


def compute_expected(sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    image, attributes = load_sample(sample, SIZE_PX)
    view = make_view(image, choose_view(image.shape[1], image.shape[0], SIZE_PX)).astype(np.float32)
    return np.array([view.mean(), view.std()], dtype=np.float32), attributes


def test_features_and_attributes_stand_with_their_sample(samples: list[Sample], tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache", "tiny")
    compute_features(samples, Extractor(), SIZE_PX, cache)
    found, attributes = cache.gather(samples[::-1])
    assert found.shape == (10, 2) and found.dtype == np.float16 and attributes.shape == (10, 5)
    for row, sample in enumerate(samples[::-1]):
        expected, known = compute_expected(sample)
        np.testing.assert_allclose(found[row], expected, rtol=2e-3)
        np.testing.assert_array_equal(attributes[row], known)


def test_every_batch_has_one_size_and_every_picture_its_shape(samples: list[Sample], tmp_path: Path) -> None:
    extract = Extractor()
    compute_features(samples[:7], extract, SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))
    assert {shape[0] for shape in extract.shapes} == {2}
    assert {shape[1:3] for shape in extract.shapes} == {(48, 48), (32, 64)}


def test_a_second_run_computes_nothing(samples: list[Sample], tmp_path: Path) -> None:
    compute_features(samples, Extractor(), SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir()}
    again = Extractor()
    compute_features(samples, again, SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))
    assert again.shapes == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == before


def test_what_is_known_of_a_photo_that_turns_out_to_be_clean_is_not_what_was_known_before(
    samples: list[Sample], tmp_path: Path
) -> None:
    plain = replace(samples[0], is_clean=False)
    clean = replace(plain, is_clean=True)
    white = replace(plain, photo=replace(plain.photo, style="studio_white"))
    cache = FeatureCache(tmp_path / "cache", "tiny")
    compute_features([plain], Extractor(), SIZE_PX, cache)
    assert plain in cache and clean not in cache and white not in cache
    compute_features([clean], Extractor(), SIZE_PX, cache)
    known = cache.gather([plain, clean])[1]
    assert np.isnan(known[0]).all() and (known[1, :4] == 1.0).all()


def test_another_photo_of_the_same_name_is_not_taken_for_the_first(
    samples: list[Sample], make_photo: MakePhoto, tmp_path: Path
) -> None:
    """Of another manifest, or put in the first one's place: the features, and what is known, are its own."""
    compute_features(samples, Extractor(), SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))
    picture = np.random.default_rng(9).integers(0, 256, (70, 70, 3), np.uint8)
    elsewhere = replace(samples[0], photo=replace(samples[0].photo, path=make_photo("elsewhere.png", picture).path))
    cache = FeatureCache(tmp_path / "cache", "tiny")
    assert samples[0] in cache and elsewhere not in cache
    make_photo(samples[0].photo.file, picture)
    assert samples[0] not in cache and samples[2] in cache
    for sample in (elsewhere, samples[0]):
        compute_features([sample], Extractor(), SIZE_PX, cache)
        np.testing.assert_allclose(cache.gather([sample])[0][0], compute_expected(sample)[0], rtol=2e-3)


def test_a_photo_is_read_once_for_its_digest(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[Path] = []

    def count(path: Path) -> str:
        read.append(path)
        return path.name

    monkeypatch.setattr(features, "compute_digest", count)
    for _ in range(2):
        cache = FeatureCache(tmp_path / "cache", "tiny")
        compute_features(samples, Extractor(), SIZE_PX, cache)
        cache.gather(samples)
    assert sorted(read) == sorted({sample.photo.path for sample in samples})


def test_shards_without_digests_are_computed_anew(samples: list[Sample], tmp_path: Path) -> None:
    compute_features(samples[:4], Extractor(), SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))
    shard = tmp_path / "cache" / "shard-00000.npz"
    with np.load(shard) as archive:
        older = {name: archive[name] for name in archive.files if name != "digests"}
    np.savez(shard, **older)
    cache = FeatureCache(tmp_path / "cache", "tiny")
    assert not any(sample in cache for sample in samples)
    compute_features(samples[:4], Extractor(), SIZE_PX, cache)
    again = FeatureCache(tmp_path / "cache", "tiny")
    assert all(sample in again for sample in samples[:4])


def test_a_photo_that_is_gone_is_an_input_error(samples: list[Sample], tmp_path: Path) -> None:
    samples[0].photo.path.unlink()
    with pytest.raises(InputError, match=r"0\.png: cannot read the photo: .*; check the manifest"):
        compute_features(samples, Extractor(), SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))


def test_equal_samples_are_computed_once(samples: list[Sample], tmp_path: Path) -> None:
    extract = Extractor()
    cache = FeatureCache(tmp_path / "cache", "tiny")
    compute_features([samples[0]] * 5, extract, SIZE_PX, cache)
    assert len(extract.shapes) == 1 and len(cache.gather([samples[0]] * 3)[0]) == 3


def test_a_run_cut_short_goes_on_where_the_last_shard_ended(samples: list[Sample], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cut short"):
        compute_features(samples, Extractor(fails_after=3), SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))
    assert [path.name for path in (tmp_path / "cache").glob("*.npz")] == ["shard-00000.npz"]
    resumed, cache = Extractor(), FeatureCache(tmp_path / "cache", "tiny")
    kept = [sample for sample in samples if sample in cache]
    assert len(kept) == 4
    compute_features(samples, resumed, SIZE_PX, cache)
    assert sum(shape[0] for shape in resumed.shapes) == 6
    whole = FeatureCache(tmp_path / "whole", "tiny")
    compute_features(samples, Extractor(), SIZE_PX, whole)
    for one, other in zip(cache.gather(samples), whole.gather(samples), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_shard_that_was_not_written_whole_is_ignored(samples: list[Sample], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    compute_features(samples[:4], Extractor(), SIZE_PX, FeatureCache(folder, "tiny"))
    (folder / "part.npz").write_bytes(b"PK half a shard")
    cache = FeatureCache(folder, "tiny")
    assert all(sample in cache for sample in samples[:4])
    compute_features(samples, Extractor(), SIZE_PX, cache)
    assert all(sample in FeatureCache(folder, "tiny") for sample in samples)


def test_a_damaged_shard_is_named(samples: list[Sample], tmp_path: Path) -> None:
    compute_features(samples[:4], Extractor(), SIZE_PX, FeatureCache(tmp_path / "cache", "tiny"))
    shard = tmp_path / "cache" / "shard-00000.npz"
    whole = shard.read_bytes()
    for content in (whole[: len(whole) // 2], b""):
        shard.write_bytes(content)
        with pytest.raises(UsageError, match=r"shard-00000\.npz: these features cannot be read: .*; delete the file"):
            FeatureCache(tmp_path / "cache", "tiny")


def test_features_of_another_backbone_are_refused(tmp_path: Path) -> None:
    FeatureCache(tmp_path / "cache", "resnet50 at 384 px")
    with pytest.raises(UsageError, match=r"holds features of resnet50 at 384 px, not of vgg16.*--features"):
        FeatureCache(tmp_path / "cache", "vgg16 at 384 px")


def test_features_of_several_backbones_stand_side_by_side(samples: list[Sample], tmp_path: Path) -> None:
    sizes_px = (SIZE_PX, 2 * SIZE_PX)
    sources = [FeatureSource(f"tiny-{size_px}", f"tiny {size_px}", Extractor(), size_px) for size_px in sizes_px]
    seen = StackedFeatures(tmp_path, sources)
    seen.compute(samples)
    features, attributes = StackedFeatures(tmp_path, sources).gather(samples[::-1])
    assert features.shape == (10, 4) and attributes.shape == (10, 5)
    for index, size_px in enumerate(sizes_px):
        cache = FeatureCache(tmp_path / f"tiny-{size_px}", f"tiny {size_px}")
        np.testing.assert_array_equal(features[:, 2 * index : 2 * index + 2], cache.gather(samples[::-1])[0])
    assert np.abs(features[:, :2] - features[:, 2:]).max() > 0


def test_samples_that_are_not_there_are_not_made_up(samples: list[Sample], tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        FeatureCache(tmp_path / "cache", "tiny").gather(samples)


@pytest.mark.parametrize(
    ("width_px", "height_px", "expected"),
    [
        (500, 500, (384, 384)),
        (512, 384, (448, 336)),
        (384, 512, (336, 448)),
        (3000, 2000, (464, 320)),
        (2000, 3000, (320, 464)),
        (1920, 1080, (464, 320)),
        (100, 4000, (320, 464)),
    ],
)
def test_a_view_has_the_nearest_aspect_and_the_pixels_of_a_square(
    width_px: int, height_px: int, expected: tuple[int, int]
) -> None:
    view = choose_view(width_px, height_px, 384)
    assert (view.width_px, view.height_px) == expected
    assert view.width_px * view.height_px == pytest.approx(384**2, rel=0.03)


def test_turning_a_photo_turns_its_view() -> None:
    for width_px, height_px in ((640, 480), (700, 500), (801, 800), (1000, 300)):
        upright, turned = choose_view(width_px, height_px, 320), choose_view(height_px, width_px, 320)
        assert (upright.width_px, upright.height_px) == (turned.height_px, turned.width_px)


def test_map_ahead_keeps_the_order_and_stays_within_its_lead() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            started.append(item)
        time.sleep(0.002 * (item % 3))
        return item * item

    results = []
    for count, result in enumerate(map_ahead(work, range(30), ahead=4)):
        results.append(result)
        assert max(started) <= count + 4
    assert results == [item * item for item in range(30)] and sorted(started) == list(range(30))


def test_map_ahead_hands_an_exception_on_in_its_turn() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("item 3")
        return item

    results = map_ahead(work, range(10), ahead=8)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3"):
        next(results)


def test_map_ahead_of_nothing_is_nothing() -> None:
    assert list(map_ahead(str, [])) == []
