"""Where a student starts from, and what it learns from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from train.artifact import compute_digest, read_provenance  # noqa: E402
from train.stages.distil import distil, load_student  # noqa: E402
from train.stages.labelled_views import load_labels  # noqa: E402


def test_views_of_another_size_are_refused(chain: Any, tmp_path: Path) -> None:
    config = replace(chain.student_config, student=replace(chain.student_config.student, input_size_px=64))
    with pytest.raises(UsageError, match="holds views of 32 px, the student takes 64 px"):
        distil(config, chain.labels, tmp_path / "s")


def test_the_floor_sees_rated_photos_alone(chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def stop(*arguments: Any) -> None:
        seen.append(arguments)
        raise UsageError("enough")

    monkeypatch.setattr("train.stages.distil.build_pipeline", stop)
    for is_rated_only in (True, False):
        with pytest.raises(UsageError, match="enough"):
            distil(
                replace(chain.student_config, is_rated_only=is_rated_only), chain.labels, tmp_path / f"s{is_rated_only}"
            )
    (_, _, rows, *_, partners), (*_, all_partners) = seen
    assert rows.tolist() == load_labels(chain.labels).select_rated("train").tolist()
    assert all(len(others) == 0 for others in partners.values())
    assert any(len(others) for others in all_partners.values())


def test_a_corrected_weights_path_needs_no_force(chain: Any, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="cannot read the backbone weights"):
            distil(chain.student_config, chain.labels, tmp_path / "s", weights=str(tmp_path / "typo.npz"))
    with pytest.raises(UsageError, match=r"other\.npz: cannot read the backbone weights"):
        distil(chain.student_config, chain.labels, tmp_path / "s", weights=str(tmp_path / "other.npz"))


def test_imagenet_weights_that_cannot_be_had_are_a_usage_error(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**options: Any) -> Any:
        raise Exception("URL fetch failure on https://example.org/w.h5")

    monkeypatch.setattr(tf_keras.applications, "MobileNetV3Small", fail)
    with pytest.raises(UsageError, match="ImageNet weights of MobileNetV3Small: URL fetch failure"):
        distil(chain.student_config, chain.labels, tmp_path / "s", weights="imagenet")


def test_a_narrower_student_starts_from_an_exported_one(chain: Any, tmp_path: Path) -> None:
    from compress.convert import convert_float
    from compress.folding import build_deploy_student

    wide, spec = load_student(chain.student)
    exported = tmp_path / "wide.tflite"
    exported.write_bytes(convert_float(build_deploy_student(wide, spec)))
    full = chain.student_config
    config = replace(
        full,
        student=replace(full.student, expansion_share=0.5),
        fit=replace(full.fit, epochs=0),
        refit=replace(full.refit, epochs=0),
    )
    distil(config, chain.labels, tmp_path / "narrow", weights=str(exported))
    narrow, narrow_spec = load_student(tmp_path / "narrow")
    provenance = read_provenance(tmp_path / "narrow", "student")  # says where the student began
    assert provenance["config"]["student"]["weights"] == str(exported)
    assert provenance["inputs"]["wide.tflite"] == compute_digest(exported)
    assert narrow_spec == replace(spec, expansion_share=0.5)
    assert narrow.count_params() < 0.75 * wide.count_params()
    views = np.asarray(load_labels(chain.labels).views[:16], dtype=np.float32)
    expected, found = (np.ravel(student(views, training=False)["quality"]) for student in (wide, narrow))
    assert np.abs(found - expected).mean() < 0.1
    with pytest.raises(UsageError, match="fit a student of full width"):
        distil(config, chain.labels, tmp_path / "imagenet", weights="imagenet")
