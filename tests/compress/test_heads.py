"""The hidden layer of a rounded student is fitted to what the float original adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow_model_optimization")
tf_keras = pytest.importorskip("tf_keras")

from compress.heads import HeadMatcher  # noqa: E402
from compress.hidden import expose_hidden  # noqa: E402
from compress.qat import find_variables, wrap_for_qat  # noqa: E402


@pytest.fixture(scope="module")
def drifted(deploy_student: Any, natural_views: np.ndarray) -> Any:
    """A rounded student as after training: its last maps are a little larger, its heads are anywhere."""
    model = tf_keras.models.clone_model(deploy_student)
    model.set_weights(deploy_student.get_weights())
    rng = np.random.default_rng(2)
    for layer in model.layers:
        if layer.name == "Conv_1":
            layer.set_weights([values * 1.1 for values in layer.get_weights()])
        elif isinstance(layer, tf_keras.layers.Dense):
            layer.set_weights([values + 0.05 * rng.normal(size=values.shape) for values in layer.get_weights()])
    return wrap_for_qat(model, natural_views)


def compute_hidden(model: Any, views: np.ndarray) -> np.ndarray:
    return np.asarray(expose_hidden(model)(views.astype(np.float32), training=False)["hints"])


@pytest.mark.slow
def test_matched_heads_are_nearer_on_other_views(drifted: Any, deploy_student: Any, natural_views: np.ndarray) -> None:
    others = natural_views[1::2]
    wanted = compute_hidden(deploy_student, others)
    before = np.abs(compute_hidden(drifted, others) - wanted).mean() / wanted.std()
    HeadMatcher(deploy_student, natural_views, np.arange(0, len(natural_views), 2)).match(drifted)
    after = np.abs(compute_hidden(drifted, others) - wanted).mean() / wanted.std()
    assert after < 0.5 * before, (before, after)
    for name in ("quality", "attributes", "category", "style"):
        layer = deploy_student.get_layer(name)
        found = find_variables(drifted.get_layer(f"quant_{name}"), layer)
        for variable, values in zip(found, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(variable.numpy(), values)
