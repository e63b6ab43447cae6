"""The plan of samples never depends on company, and each sample says of its attributes only what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import DecodeError
from train.config import LabelsConfig, SamplesConfig
from train.data.degradations import COMPOSITION_KINDS, TECHNICAL_KINDS, Degradation, attribute_targets
from train.data.manifest import Photo
from train.data.samples import Sample, collect_labels, load_sample, plan_samples

MakePhoto = Callable[..., Photo]
Picture = NDArray[np.uint8]
COMPOSITION = ATTRIBUTE_NAMES.index("composition")
CONFIG = SamplesConfig(degraded_per_clean=3, degraded_per_photo=2, clean_from_mos=0.7, clean_sources=("Studio",))


@pytest.fixture
def photos(make_photo: MakePhoto) -> list[Photo]:
    """Rated good, rated bad, clean by source, clean on white, and of nothing known; four of each."""
    kinds: list[dict[str, Any]] = [
        {"mos": 0.8},
        {"mos": 0.3},
        {"source": "Studio"},
        {"source": "Studio", "style": "studio_white"},
        {},
    ]
    return [make_photo(f"{kind}_{i}.png", **fields) for kind, fields in enumerate(kinds) for i in range(4)]


def plan(photos: Sequence[Photo], config: SamplesConfig = CONFIG, seed: int = 0) -> list[Sample]:
    return plan_samples(photos, {photo.file: "train" for photo in photos}, config, seed)


def test_the_plan_is_repeated_exactly(photos: list[Photo]) -> None:
    assert plan(photos) == plan(photos)
    assert plan(photos) != plan(photos, seed=1)


def test_the_samples_of_a_photo_do_not_depend_on_other_photos(photos: list[Photo]) -> None:
    whole = plan(photos)
    for photo in photos[::3]:
        assert plan([photo]) == [sample for sample in whole if sample.photo == photo]
    assert {sample.key for sample in plan(photos[::-1])} == {sample.key for sample in whole}


def test_originals_come_first_then_the_degraded_views(photos: list[Photo]) -> None:
    samples = plan(photos)
    assert [sample.photo for sample in samples[: len(photos)]] == photos
    assert all(sample.is_original for sample in samples[: len(photos)])
    assert not any(sample.is_original for sample in samples[len(photos) :])


def test_the_number_of_views_follows_what_is_known_of_the_photo(photos: list[Photo]) -> None:
    samples = plan(photos)
    views = {photo.file: sum(sample.photo == photo for sample in samples) - 1 for photo in photos}
    assert views == {file: 2 if file[0] in "14" else 3 for file in views}
    assert {sample.is_clean for sample in samples if sample.photo.file[0] in "023"} == {True}
    assert {sample.is_clean for sample in samples if sample.photo.file[0] in "14"} == {False}


def test_sides_come_from_the_split(photos: list[Photo]) -> None:
    split = {photo.file: ("train", "test", "validation")[i % 3] for i, photo in enumerate(photos)}
    assert all(sample.side == split[sample.photo.file] for sample in plan_samples(photos, split, CONFIG, 0))


def test_only_photos_to_train_on_are_degraded(photos: list[Photo]) -> None:
    """Nothing is measured on degraded views of other photos, and looking at one costs a teacher as much as a photo."""
    split = {photo.file: ("train", "test", "validation")[i % 3] for i, photo in enumerate(photos)}
    samples = plan_samples(photos, split, CONFIG, 0)
    assert {sample.side for sample in samples if not sample.is_original} == {"train"}
    wanted = [photo for photo in photos if split[photo.file] == "train" or photo.mos is not None]
    assert [sample.photo for sample in samples if sample.is_original] == wanted
    assert 0 < len(wanted) < len(photos)


def test_photos_left_out_stay_on_the_test_part_only(photos: list[Photo]) -> None:
    split = {photo.file: ("train", "test", "validation")[i % 3] for i, photo in enumerate(photos)}
    everything = plan_samples(photos, split, CONFIG, 0)
    files = sorted(photo.file for photo in photos)
    samples = plan_samples(photos, split, replace(CONFIG, leave_out=("nothing*", f"{files[0][:-3]}*", files[1])), 0)
    gone = {file for file in files[:2] if split[file] != "test"}
    assert gone
    assert samples == [sample for sample in everything if sample.photo.file not in gone]
    assert plan_samples(photos, split, replace(CONFIG, leave_out=("*",)), 0) == [
        sample for sample in everything if sample.side == "test"
    ]


def test_only_products_on_white_are_framed_anew(make_photo: MakePhoto) -> None:
    config = replace(CONFIG, degraded_per_clean=200, composition_share=0.5)
    white = plan([make_photo("w.png", source="Studio", style="studio_white")], config)[1:]
    kinds = {sample.degradation.kind for sample in white if sample.degradation}
    assert kinds == {*TECHNICAL_KINDS, *COMPOSITION_KINDS}
    reframed = sum(sample.reframe_seed is not None for sample in white)
    framed = sum(sample.degradation is None or sample.degradation.kind in COMPOSITION_KINDS for sample in white)
    assert 0.35 < framed / 200 < 0.65 and 0.1 < reframed / framed < 0.4
    other = plan([make_photo("o.png", source="Studio", style="phone")], config)[1:]
    assert {sample.degradation.kind for sample in other if sample.degradation} == set(TECHNICAL_KINDS)
    assert not any(sample.reframe_seed for sample in other)


def test_photo_limit_draws_the_same_photos_in_any_order(photos: list[Photo]) -> None:
    limited = replace(CONFIG, photo_limit=5)
    drawn = {sample.photo.file for sample in plan(photos, limited)}
    assert len(drawn) == 5
    assert drawn == {sample.photo.file for sample in plan(photos[::-1], limited)}
    assert drawn != {photo.file for photo in photos[:5]}
    assert plan(photos, replace(CONFIG, photo_limit=len(photos))) == plan(photos)


def test_a_key_names_the_pixels(make_photo: MakePhoto, textured: Picture) -> None:
    photo = make_photo("t.png", textured, mos=0.9)
    samples = plan([photo], replace(CONFIG, degraded_per_clean=12))
    loaded = {sample.key: load_sample(sample, 32) for sample in samples}
    assert len(loaded) == len(samples) == 13
    for sample in samples:
        np.testing.assert_array_equal(load_sample(sample, 32)[0], loaded[sample.key][0])
    # What is too weak to be seen has no label, and may leave every pixel as it was.
    visible = [image.tobytes() for image, attributes in loaded.values() if not np.isnan(attributes).all()]
    assert len(set(visible)) == len(visible) > 8


def load(photo: Photo, *, is_clean: bool, kind: str = "", strength: float = 0.8) -> tuple[Picture, NDArray[np.float32]]:
    fault = Degradation(kind, strength, 5) if kind else None
    return load_sample(Sample(photo, "train", is_clean, fault), 32)


def test_an_original_is_itself_and_flawless_only_where_that_is_known(make_photo: MakePhoto, textured: Picture) -> None:
    photo = make_photo("t.png", textured)
    image, attributes = load(photo, is_clean=True)
    np.testing.assert_array_equal(image, textured)
    np.testing.assert_array_equal(attributes, [1, 1, 1, 1, np.nan])
    assert np.isnan(load(photo, is_clean=False)[1]).all()


@pytest.mark.parametrize("kind", TECHNICAL_KINDS)
def test_the_touched_attribute_is_one_minus_the_strength(make_photo: MakePhoto, textured: Picture, kind: str) -> None:
    image, attributes = load(make_photo("t.png", textured), is_clean=True, kind=kind, strength=0.8)
    assert image.shape == textured.shape and image.dtype == np.uint8 and (image != textured).any()
    targets = attribute_targets(kind, 0.8)
    assert sum(value == pytest.approx(0.2) for value in targets.values()) == 1
    expected = [targets[name] for name in ATTRIBUTE_NAMES]
    np.testing.assert_allclose(attributes, [*expected[:COMPOSITION], np.nan], rtol=1e-6)


def test_of_a_photo_with_faults_of_its_own_only_a_strong_one_is_known(make_photo: MakePhoto, textured: Picture) -> None:
    photo = make_photo("t.png", textured, mos=0.4)
    _, strong = load(photo, is_clean=False, kind="overexposed", strength=0.6)
    np.testing.assert_allclose(strong, [np.nan, np.nan, 0.4, np.nan, np.nan], rtol=1e-6)
    _, weak = load(photo, is_clean=False, kind="overexposed", strength=0.4)
    assert np.isnan(weak).all()
    _, seen = load(photo, is_clean=True, kind="overexposed", strength=0.4)
    assert not np.isnan(seen).all()  # it is not that the weak one could not be seen


def test_what_cannot_be_seen_is_not_labelled(make_photo: MakePhoto, textured: Picture) -> None:
    grey = np.repeat(textured[..., :1], 3, axis=2)
    image, attributes = load(make_photo("g.png", grey), is_clean=True, kind="undersaturated", strength=1.0)
    assert np.abs(image.astype(int) - grey).max() <= 1 and np.isnan(attributes).all()


def test_a_well_framed_product_on_white_has_good_composition(make_photo: MakePhoto, framed_product: Picture) -> None:
    photo = make_photo("p.png", framed_product, style="studio_white")
    assert load(photo, is_clean=True)[1].tolist() == [1, 1, 1, 1, 1]
    assert load(photo, is_clean=True, kind="jpeg", strength=0.7)[1][COMPOSITION] == 1.0
    only = load(photo, is_clean=False)[1]
    assert only[COMPOSITION] == 1.0 and np.isnan(only[:COMPOSITION]).all()
    elsewhere = make_photo("q.png", framed_product, style="phone")
    assert np.isnan(load(elsewhere, is_clean=True)[1][COMPOSITION])


def test_bad_framing_lowers_composition_alone(make_photo: MakePhoto, framed_product: Picture) -> None:
    photo = make_photo("p.png", framed_product, style="studio_white")
    for kind in COMPOSITION_KINDS:
        _, attributes = load(photo, is_clean=True, kind=kind, strength=0.3)
        np.testing.assert_allclose(attributes, [1, 1, 1, 1, 0.7], rtol=1e-6)
        _, attributes = load(photo, is_clean=False, kind=kind, strength=0.3)
        np.testing.assert_allclose(attributes, [np.nan] * 4 + [0.7], rtol=1e-6)


def test_a_product_framed_anew_is_framed_well(make_photo: MakePhoto, framed_product: Picture) -> None:
    photo = make_photo("p.png", framed_product, style="studio_white")
    image, attributes = load_sample(Sample(photo, "train", True, reframe_seed=4), 32)
    assert (image != framed_product).any() and attributes.tolist() == [1, 1, 1, 1, 1]
    _, attributes = load_sample(Sample(photo, "train", False, reframe_seed=4), 32)
    np.testing.assert_array_equal(attributes, [np.nan] * 4 + [1])


@pytest.mark.parametrize("change", [{"reframe_seed": 4}, {"degradation": Degradation("too_small", 0.9, 1)}])
def test_without_a_plain_background_the_photo_stays_and_nothing_is_known(
    make_photo: MakePhoto, textured: Picture, change: dict[str, int | Degradation]
) -> None:
    photo = make_photo("t.png", textured, style="studio_white")
    sample = Sample(photo, "train", True, **change)  # type: ignore[arg-type]
    image, attributes = load_sample(sample, 32)
    np.testing.assert_array_equal(image, textured)
    assert np.isnan(attributes).all() and not sample.is_original


def test_a_photo_that_cannot_be_decoded_is_named(make_photo: MakePhoto) -> None:
    photo = make_photo("broken.png")
    photo.path.write_bytes(b"no photo")
    with pytest.raises(DecodeError, match=r"broken\.png"):
        load(photo, is_clean=True)


def test_labels_are_sorted_and_stand_once() -> None:
    labels = LabelsConfig(category={"mug": "kitchen", "pan": "kitchen", "doll": "toys"}, style={"white": "studio"})
    assert collect_labels(labels) == (("kitchen", "toys"), ("studio",))


def test_crops_are_added_for_photos_to_train_on_and_change_nothing_else(photos: list[Photo]) -> None:
    sides = {photo.file: ("train", "validation")[index % 2] for index, photo in enumerate(photos)}
    without = plan_samples(photos, sides, CONFIG, 0)
    samples = plan_samples(photos, sides, replace(CONFIG, crops_per_photo=2), 0)
    crops = [sample for sample in samples if sample.crop_seed is not None]
    assert [sample for sample in samples if sample.crop_seed is None] == without
    assert [sample.photo for sample in crops] == [photo for photo in photos[::2] for _ in range(2)]
    assert len({sample.key for sample in samples}) == len(samples)
    assert not any(sample.is_original for sample in crops)


def test_a_crop_is_a_part_of_the_photo_of_which_nothing_is_known(make_photo: MakePhoto, textured: Picture) -> None:
    photo = make_photo("clean.png", textured, mos=0.9)
    height_px, width_px, _ = textured.shape
    sizes = set()
    for seed in range(20):
        crop, attributes = load_sample(Sample(photo, "train", True, crop_seed=seed), min(textured.shape[:2]))
        assert 0.59 * height_px < crop.shape[0] < 0.96 * height_px
        assert 0.59 * width_px < crop.shape[1] < 0.96 * width_px
        windows = np.lib.stride_tricks.sliding_window_view(textured[..., 0], crop.shape[:2])
        assert (windows == crop[..., 0]).all(axis=(2, 3)).any()
        assert np.isnan(attributes).all()
        sizes.add(crop.shape)
    assert len(sizes) > 10
