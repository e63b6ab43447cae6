"""The student's batches: whole, in a repeatable order, targets beside their views, pixels only moved."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

tf = pytest.importorskip("tensorflow")

from train.data.pipeline import MAX_SHIFT_SHARE, augment_view, build_pipeline  # noqa: E402

COUNT, SIDE_PX = 20, 50
SHIFT_PX = int(SIDE_PX * MAX_SHIFT_SHARE)


@pytest.fixture(scope="module")
def views() -> NDArray[np.uint8]:
    """View i holds values 10 i to 10 i + 9: any pixel tells which view it is from."""
    rng = np.random.default_rng(0)
    base = 10 * np.arange(COUNT).reshape(-1, 1, 1, 1)
    return np.asarray(base + rng.integers(0, 10, (COUNT, SIDE_PX, SIDE_PX, 3)), dtype=np.uint8)


@pytest.fixture(scope="module")
def targets() -> dict[str, NDArray[np.float32]]:
    numbers = np.arange(COUNT, dtype=np.float32)
    quality = np.stack([numbers, np.full(COUNT, np.nan, dtype=np.float32)], axis=1)
    return {"quality": quality, "style": np.repeat(numbers[:, np.newaxis], 6, axis=1)}


def take(views: Any, targets: Any, rows: Any, batches: int, batch_size: int = 4, seed: int = 1) -> list[Any]:
    dataset = build_pipeline(views, targets, np.asarray(rows), batch_size, seed)
    return [
        (images.numpy(), {name: values.numpy() for name, values in known.items()})
        for images, known in islice(dataset, batches)
    ]


def test_batches_have_their_shapes_and_types(views: Any, targets: Any) -> None:
    dataset = build_pipeline(views, targets, np.arange(COUNT), 4, 1)
    images, known = dataset.element_spec
    assert images.shape == (4, SIDE_PX, SIDE_PX, 3) and images.dtype == tf.float32
    assert {name: tuple(spec.shape) for name, spec in known.items()} == {"quality": (4, 2), "style": (4, 6)}
    image = take(views, targets, np.arange(COUNT), 1)[0][0]
    assert image.dtype == np.float32 and image.min() >= 0 and image.max() > 1


def test_targets_stay_with_their_view(views: Any, targets: Any) -> None:
    for images, known in take(views, targets, np.arange(COUNT), 12):
        np.testing.assert_array_equal(images.min(axis=(1, 2, 3)) // 10, known["quality"][:, 0])
        np.testing.assert_array_equal(images.max(axis=(1, 2, 3)) // 10, known["quality"][:, 0])
        np.testing.assert_array_equal(known["style"], np.repeat(known["quality"][:, :1], 6, axis=1))
        assert np.isnan(known["quality"][:, 1]).all()


def test_only_the_rows_asked_for_come_and_each_once_a_pass(views: Any, targets: Any) -> None:
    rows = [1, 2, 3, 5, 8, 13, 17, 19]
    seen = [known["quality"][:, 0].astype(int) for _, known in take(views, targets, rows, 6)]
    passes = np.concatenate(seen).reshape(3, 8)
    assert all(sorted(order) == rows for order in passes)
    assert len({tuple(order) for order in passes}) > 1  # shuffled anew


def test_the_order_is_repeated_by_the_seed(views: Any, targets: Any) -> None:
    def draw(seed: int) -> list[float]:
        batches = take(views, targets, np.arange(COUNT), 10, seed=seed)
        return [value for _, known in batches for value in known["quality"][:, 0]]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_views_may_be_mapped_from_disk(views: Any, targets: Any, tmp_path: Any) -> None:
    np.save(tmp_path / "views.npy", views)
    mapped = np.load(tmp_path / "views.npy", mmap_mode="r")
    for images, known in take(mapped, targets, np.arange(COUNT), 3):
        np.testing.assert_array_equal(images.min(axis=(1, 2, 3)) // 10, known["quality"][:, 0])


def test_augmentation_mirrors_and_shifts_and_does_nothing_else() -> None:
    """Each result is one of the mirrored or plain views, shifted by no more than the limit, the rim reflected."""
    tf.random.set_seed(3)
    view = np.random.default_rng(1).integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    possible: dict[bytes, tuple[bool, int, int]] = {}
    for is_mirrored in (False, True):
        plain = view[:, ::-1] if is_mirrored else view
        padded = np.pad(plain, [(SHIFT_PX, SHIFT_PX), (SHIFT_PX, SHIFT_PX), (0, 0)], mode="reflect")
        for y in range(2 * SHIFT_PX + 1):
            for x in range(2 * SHIFT_PX + 1):
                possible[padded[y : y + SIDE_PX, x : x + SIDE_PX].tobytes()] = (is_mirrored, y, x)
    assert SHIFT_PX == 2 and len(possible) == 50
    drawn = [possible[augment_view(tf.constant(view)).numpy().tobytes()] for _ in range(120)]
    assert 30 < sum(is_mirrored for is_mirrored, _, _ in drawn) < 90
    assert {y for _, y, _ in drawn} == {x for _, _, x in drawn} == set(range(5))


def test_each_view_of_a_batch_is_augmented_for_itself(views: Any, targets: Any) -> None:
    alike = np.repeat(views[3:4], COUNT, axis=0)
    images = np.concatenate([batch for batch, _ in take(alike, targets, np.arange(COUNT), 5)])
    assert len({image.tobytes() for image in images}) > 5
