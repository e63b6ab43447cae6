"""The deploy form is the same function as the training form, with fewer operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from compress.folding import build_deploy_student  # noqa: E402
from train.models.student import StudentSpec, build_student  # noqa: E402

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "small": ("small", {}),
    "small, narrow": ("small", {"alpha": 0.75}),
    "large": ("large", {}),
    "small, minimalistic": ("small", {"is_minimalistic": True}),
    "large, minimalistic": ("large", {"is_minimalistic": True}),
}
Randomize = Callable[[Any], None]


def predict(model: Any, views: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in model(views.astype(np.float32), training=False).items()}


@pytest.mark.parametrize("form", FORMS)
def test_both_forms_answer_alike(form: str, randomize: Randomize, calibration_views: np.ndarray) -> None:
    variant, options = FORMS[form]
    spec = StudentSpec(variant, 64, ("a", "b", "c"), ("d", "e"), hidden_units=24, **options)
    student = build_student(spec)
    randomize(student)
    # At the size at which training leaves them: saturated sigmoids and huge logits would hide or inflate differences.
    outputs = predict(student, calibration_views)
    largest = max(np.abs(outputs["category"]).max(), np.abs(outputs["style"]).max())
    for name in ("quality", "attributes", "category", "style"):
        layer = student.get_layer(name)
        layer.set_weights([weight / largest for weight in layer.get_weights()])
    expected = predict(student, calibration_views)
    before = [weight.copy() for weight in student.get_weights()]
    found = predict(build_deploy_student(student, spec), calibration_views)
    for name, values in expected.items():
        assert values.std(axis=0).max() > 1e-3, f"{name} does not depend on the picture"
        np.testing.assert_allclose(found[name], values, atol=1e-4, err_msg=name)
    for now, then in zip(student.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_view_that_is_black_white_or_grey_is_no_exception(randomize: Randomize) -> None:
    """The rim: what the training form pads with before scaling, the deploy form must pad with behind it."""
    spec = StudentSpec("small", 64, ("a",), ("b",), hidden_units=8)
    student = build_student(spec)
    randomize(student)
    deploy = build_deploy_student(student, spec)
    # The folded convolution carries its batch normalisation: compare behind that.
    pairs = ((student, "Conv_bn"), (deploy, "Conv"))
    taps = [tf_keras.Model(model.input, model.get_layer(name).output) for model, name in pairs]
    views = np.stack([np.full((64, 64, 3), value, dtype=np.float32) for value in (0, 127.5, 255)])
    expected, found = (np.asarray(tap(views)) for tap in taps)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_deploy_form_has_no_normalisation_left_and_shares_nothing(randomize: Randomize) -> None:
    spec = StudentSpec("small", 64, ("a",), ("b",), hidden_units=8)
    student = build_student(spec)
    randomize(student)
    deploy = build_deploy_student(student, spec)
    kinds = {type(layer).__name__ for layer in deploy.layers}
    assert kinds.isdisjoint({"BatchNormalization", "Rescaling", "Dropout"})
    before = deploy.get_weights()
    student.set_weights([np.zeros_like(weight) for weight in student.get_weights()])
    for now, then in zip(deploy.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
