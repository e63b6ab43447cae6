"""The category head's own units: what they compute, that nothing else changes, and what they learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.interpreter import Interpreter

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.needs_tensorflow

OTHERS = ("quality", "attributes", "style")


@pytest.fixture(scope="module", params=["int8", "float32"])
def flatbuffer(request: pytest.FixtureRequest, ptq_flatbuffer: bytes, deploy_student: Any) -> bytes:
    from compress.convert import convert_float

    return ptq_flatbuffer if request.param == "int8" else convert_float(deploy_student)


def draw_units(flatbuffer: bytes, views: NDArray[np.uint8], count: int = 5, categories: int = 2) -> Any:
    from compress.category_units import CategoryUnits, compute_statistics

    statistics, hidden = compute_statistics(flatbuffer, views, [0])
    rng = np.random.default_rng(2)
    shapes = ((statistics.shape[1], count), (count,), (count, categories), (hidden.shape[1], categories), (categories,))
    return CategoryUnits(*(rng.normal(0, 0.3, shape).astype(np.float32) for shape in shapes))


def test_the_category_is_the_units_and_the_rest_stays(flatbuffer: bytes, natural_views: NDArray[np.uint8]) -> None:
    from compress.category_units import add_category_units, compute_statistics, has_category_units
    from compress.sharing import share_vectors

    units = draw_units(flatbuffer, natural_views)
    taught = add_category_units(flatbuffer, units)
    assert has_category_units(taught) and not has_category_units(flatbuffer)
    assert len(share_vectors(taught)) == len(taught)
    old, new = Interpreter(flatbuffer), Interpreter(taught)
    assert new.count_delegate_partitions() == old.count_delegate_partitions()
    rows = range(0, len(natural_views), 6)
    statistics, hidden = compute_statistics(flatbuffer, natural_views, rows)
    seen = np.maximum(statistics @ units.statistics_kernel + units.statistics_bias, 0)
    by_hand = seen @ units.units_kernel + hidden @ units.kernel + units.bias
    assert np.ptp(by_hand, axis=0).min() > 0.01
    for row, expected in zip(rows, by_hand, strict=True):
        before, after = old.invoke(natural_views[row]), new.invoke(natural_views[row])
        np.testing.assert_allclose(after["category"][0], expected, rtol=1e-4, atol=1e-4)
        for name in OTHERS:
            np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_the_statistics_are_what_the_hidden_layer_reads(
    deploy_student: Any, ptq_flatbuffer: bytes, natural_views: NDArray[np.uint8]
) -> None:
    """Int8 reads them as the Keras model computes them, but for rounding; and in the order of its layers."""
    import tf_keras

    from compress.category_units import compute_statistics

    layers = [layer for layer in deploy_student.layers if isinstance(layer, tf_keras.layers.Dense)]
    inputs = [layer.input for layer in layers if layer.name.startswith("hidden_")]
    hidden_layer = deploy_student.get_layer("hidden_relu").output
    computed = tf_keras.Model(deploy_student.input, [*inputs, hidden_layer])(natural_views[:8].astype(np.float32))
    *parts, hidden = (part.numpy() for part in computed)
    read, read_hidden = compute_statistics(ptq_flatbuffer, natural_views, range(8))
    for found, expected in ((read, np.concatenate(parts, axis=1)), (read_hidden, hidden)):
        assert found.shape == expected.shape
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98


def test_units_of_another_model_or_on_top_of_others_are_refused(
    ptq_flatbuffer: bytes, natural_views: NDArray[np.uint8]
) -> None:
    from compress.category_units import add_category_units

    units = draw_units(ptq_flatbuffer, natural_views)
    with pytest.raises(ValueError, match="has category units already"):
        add_category_units(add_category_units(ptq_flatbuffer, units), units)
    with pytest.raises(ValueError, match="the units are for others"):
        add_category_units(ptq_flatbuffer, draw_units(ptq_flatbuffer, natural_views, categories=3))


def test_units_learn_what_the_shared_layer_does_not_show() -> None:
    """Two categories that lie apart by the product of two statistics; lessons of no weight teach nothing."""
    from compress.category_fit import fit_category_units
    from compress.recipe import CategoriesConfig

    rng = np.random.default_rng(0)
    statistics = (5 + 3 * rng.normal(size=(3000, 6))).astype(np.float32)
    hidden = rng.normal(size=(3000, 4)).astype(np.float32)
    is_second = (statistics[:, 0] - 5) * (statistics[:, 1] - 5) > 0
    targets = np.eye(2, dtype=np.float32)[is_second.astype(int)]
    weights = np.ones(3000, dtype=np.float32)
    wrong = slice(0, 1000)
    targets[wrong], weights[wrong] = targets[wrong, ::-1], 0.0
    config = CategoriesConfig(units=16, epochs=200, learning_rate=1e-2)
    units = fit_category_units(statistics[:2500], hidden[:2500], targets[:2500], weights[:2500], config, seed=0)
    seen = np.maximum(statistics[2500:] @ units.statistics_kernel + units.statistics_bias, 0)
    logits = seen @ units.units_kernel + hidden[2500:] @ units.kernel + units.bias
    assert (logits.argmax(axis=1) == is_second[2500:]).mean() > 0.9


@pytest.fixture
def labels(natural_views: NDArray[np.uint8]) -> Any:
    """Forty views: eight known bags, two known toys, four toys and six blanks by a classifier; twenty untold."""
    from train.stages.labelled_views import CROPPED, LabelledViews

    count = 40
    known = np.full((count, 2), np.nan, dtype=np.float32)
    known[:8], known[8:10] = (1, 0), (0, 1)
    taught = np.full((count, 2), np.nan, dtype=np.float32)
    taught[10:14], taught[14:20] = (0.2, 0.8), (0.0125, 0.0125)
    text = np.full(count, "", dtype="U10")
    sides, degradations = text.copy(), text.copy()
    sides[:], sides[[7, 13]] = "train", "test"
    degradations[[0, 1]], degradations[2] = "blur", CROPPED
    targets = {"category": np.concatenate([known, taught], axis=1)}
    return LabelledViews(
        natural_views[:count], targets, sides, text, text, text, degradations, ("bags", "toys"), ("table",), 0, ()
    )


def test_lessons_weigh_what_they_are_worth(labels: Any) -> None:
    from compress.category_fit import _collect_lessons

    targets, weights = _collect_lessons(labels)
    np.testing.assert_allclose(targets[:20].sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(targets[10], (0.2, 0.8), atol=1e-6)
    np.testing.assert_allclose(targets[14], (0.5, 0.5), atol=1e-6)
    median = np.median([7, 2])  # of the training part
    np.testing.assert_allclose(weights[[0, 8]], np.sqrt(median / np.array([7, 2])), rtol=1e-6)
    np.testing.assert_allclose(weights[[10, 14, 20]], (2.0, 0.05, 0.0), rtol=1e-6)


def test_originals_of_the_training_part_are_drawn_first(labels: Any) -> None:
    from compress.category_fit import _collect_lessons, _draw_rows

    _, weights = _collect_lessons(labels)
    originals = [row for row in range(3, 20) if row not in (7, 13)]
    assert _draw_rows(labels, weights, 100, seed=0).tolist() == [0, 1, *originals]
    assert _draw_rows(labels, weights, len(originals), seed=0).tolist() == originals
    few = _draw_rows(labels, weights, 5, seed=1).tolist()
    assert len(few) == 5 and set(few) <= set(originals)


def test_without_units_or_lessons_the_head_stays(labels: Any, ptq_flatbuffer: bytes) -> None:
    from compress.category_fit import learn_categories
    from compress.recipe import CategoriesConfig

    assert learn_categories(ptq_flatbuffer, labels, CategoriesConfig(units=0), seed=0) is None
    labels.targets["category"][:] = np.nan
    assert learn_categories(ptq_flatbuffer, labels, CategoriesConfig(units=4), seed=0) is None


def test_a_model_learns_from_labels(labels: Any, ptq_flatbuffer: bytes, tmp_path: Path) -> None:
    from compress.category_fit import learn_categories
    from compress.category_units import add_category_units
    from compress.recipe import CategoriesConfig

    units = learn_categories(ptq_flatbuffer, labels, CategoriesConfig(units=4, epochs=300, learning_rate=1e-2), seed=0)
    assert units is not None
    model = Interpreter(add_category_units(ptq_flatbuffer, units))
    rows, expected = [*range(3, 7), 8, 9], [0, 0, 0, 0, 1, 1]
    assert [int(model.invoke(labels.views[row])["category"].argmax()) for row in rows] == expected
