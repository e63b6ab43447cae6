"""The student's batches: whole, in a repeatable order, targets beside their views, pixels only moved."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

tf = pytest.importorskip("tensorflow")

from train.data.pipeline import build_pipeline  # noqa: E402

COUNT, SIDE_PX = 20, 50


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


def take(
    views: Any, targets: Any, rows: Any, batches: int, batch_size: int = 4, seed: int = 1, **options: Any
) -> list[Any]:
    dataset = build_pipeline(views, targets, np.asarray(rows), batch_size, seed, **{"is_augmented": False, **options})
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


def test_each_view_of_a_batch_is_augmented_for_itself_and_again_the_same_from_the_same_seed(
    views: Any, targets: Any
) -> None:
    alike = np.repeat(views[3:4], COUNT, axis=0)

    def draw(seed: int) -> list[bytes]:
        batches = take(alike, targets, np.arange(COUNT), 5, seed=seed, is_augmented=True)
        return [image.tobytes() for images, _ in batches for image in images]

    drawn = draw(1)
    assert len(set(drawn)) > 10
    assert drawn == draw(1) and drawn != draw(2)


def test_partners_follow_their_view_with_their_own_targets(views: Any, targets: Any) -> None:
    """Rows 0 to 9 are originals; row i has the degraded views 10 + i, and row 0 none at all."""
    partners = {row: np.array([] if row == 0 else [10 + row], dtype=np.intp) for row in range(10)}
    same = 0
    for images, known in take(views, targets, np.arange(10), 40, batch_size=6, partners=partners):
        rows = known["quality"][:, 0].astype(int)
        np.testing.assert_array_equal(images.min(axis=(1, 2, 3)) // 10, rows)
        for first, second in rows.reshape(3, 2):
            assert first < 10 and second in (first, *partners[first])
            same += first == second and first > 0
    assert 0.15 < same / 108 < 0.45  # 120 pairs, a tenth of them of row 0


def test_partners_need_an_even_batch(views: Any, targets: Any) -> None:
    with pytest.raises(ValueError, match="an even size, not 5"):
        build_pipeline(views, targets, np.arange(4), 5, 1, {row: np.array([row]) for row in range(4)})
