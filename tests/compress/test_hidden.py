"""The hidden layer can be learnt from in every form of the student, and shares its weights with the heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_model_optimization")

from compress.folding import build_deploy_student
from compress.hidden import expose_hidden
from compress.qat import wrap_for_qat
from train.models.student import OUTPUT_NAMES, StudentSpec, build_student

UNITS = 12


@pytest.fixture(scope="module")
def student_and_spec(randomize: Callable[[Any], None]) -> tuple[Any, StudentSpec]:
    spec = StudentSpec("small", 64, ("a", "b"), ("c", "d", "e"), hidden_units=UNITS, hint_count=5)
    student = build_student(spec)
    randomize(student)
    return student, spec


def test_the_forms_have_the_same_hidden_layer(student_and_spec: Any, calibration_views: np.ndarray) -> None:
    student, spec = student_and_spec
    deploy = build_deploy_student(student, spec)
    views = calibration_views.astype(np.float32)
    outputs = [expose_hidden(model)(views, training=False) for model in (student, deploy)]
    for answers in outputs:
        assert set(answers) == {*OUTPUT_NAMES, "hints"}
        assert answers["hints"].shape == (len(views), UNITS)
    hidden, folded = (np.asarray(answers["hints"]) for answers in outputs)
    assert hidden.max() > 0
    np.testing.assert_allclose(folded, hidden, rtol=1e-2, atol=1e-2 * hidden.max())
    wrapped = np.asarray(expose_hidden(wrap_for_qat(deploy, calibration_views))(views, training=False)["hints"])
    assert wrapped.shape == hidden.shape and np.abs(wrapped - folded).max() > 0


def test_it_is_a_view_and_no_copy(student_and_spec: Any) -> None:
    student, _ = student_and_spec
    exposed = expose_hidden(student)
    assert exposed.get_layer("quality") is student.get_layer("quality")
    assert "hints" not in {layer.name for layer in exposed.layers}  # what the student learnt of its teacher's
