"""The compression command: figures of models whose differences are known, verdicts, light forms, one run of it all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.compression import light_forms, run
from benchmarks.compression.build import Compressed, Student
from benchmarks.compression.measure import compute_srcc_difference
from benchmarks.compression.plan import LIGHT_FORMS, Variant
from benchmarks.compression.report import describe_gain
from edge_runtime.contract import PiecewiseLinear
from edge_runtime.errors import UsageError
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import pack_model, unpack_model

COUNT = 12
PLAN = """date = 2026-11-20
every_student = ["halved"]
[[variant]]
name = "equal"
forms = ["int8", "float16"]
quantize.calibration_views = 10
[[variant]]
name = "halved"
forms = ["pruned", "int8"]
prune.final_sparsity = 0.5
[[variant]]
name = "broken"
forms = ["int8"]
"""


def test_a_difference_of_correlations_is_known_better_than_either() -> None:
    rng = np.random.default_rng(0)
    mos = rng.uniform(0, 1, 300)
    groups = [str(index) for index in range(300)]
    reference = mos + rng.normal(0, 0.3, 300)
    slightly_worse = reference + rng.normal(0, 0.1, 300)
    found = compute_srcc_difference(slightly_worse, reference, mos, groups, 300)
    assert found["verdict"] == "lower" and found["low"] < found["value"] < found["high"] < 0
    assert found["high"] - found["low"] < 0.08, "either's own interval is wider than that"
    turned = compute_srcc_difference(reference, slightly_worse, mos, groups, 300)
    assert turned["verdict"] == "higher"
    assert turned["value"] == pytest.approx(-found["value"])
    same_but_for_noise = reference + rng.normal(0, 0.003, 300)
    assert compute_srcc_difference(same_but_for_noise, reference, mos, groups, 300)["verdict"] == (
        "no difference beyond noise"
    )


def test_whole_groups_are_drawn() -> None:
    rng = np.random.default_rng(0)
    mos = rng.uniform(0, 1, 200)
    reference, worse = mos + rng.normal(0, 0.3, 200), mos + rng.normal(0, 0.4, 200)
    with pytest.raises(ValueError, match="too few groups"):
        compute_srcc_difference(worse, reference, mos, [str(index // 50) for index in range(200)], 200)
    apart = compute_srcc_difference(worse, reference, mos, [str(index) for index in range(200)], 200)
    together = compute_srcc_difference(worse, reference, mos, [str(index // 40) for index in range(200)], 200)
    assert apart["value"] == together["value"]
    assert (apart["low"], apart["high"]) != (together["low"], together["high"])


def _row(**fields: Any) -> dict[str, Any]:
    return {"against_float": None, "speed": None, "file": None, **fields}


def test_words_say_what_the_figures_carry_and_no_more() -> None:
    reference = _row(file={"size_bytes": 4_000_000, "deflate_bytes": 3_000_000})
    difference = {"value": -0.0214, "low": -0.03, "high": -0.01, "verdict": "lower"}
    speed = {"ratio": 0.99, "low": 0.9, "high": 1.1, "verdict": "too noisy to tell"}
    row = _row(
        against_float={"srcc_difference": difference},
        speed=speed,
        file={"size_bytes": 4_000_000, "deflate_bytes": 1_500_000},
    )
    assert describe_gain(row, reference) == (
        "agrees less with people than float (-0.021 [-0.030, -0.010]); too noisy to tell whether it is faster "
        "(time over float's 0.99 [0.90, 1.10]); 1.00 of float's size, 0.50 zipped"
    )
    alike = {**difference, "verdict": "no difference beyond noise"}
    said = describe_gain(_row(against_float={"srcc_difference": alike}, speed={**speed, "verdict": "equal"}), reference)
    assert said.startswith("no difference in SRCC beyond noise (")
    assert "; as fast as float (" in said and "size" not in said
    assert describe_gain(_row(against_float={"srcc_difference": None}), reference) == ""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve grey photos of the validation part rated by their brightness, and a brighter one of the test part."""
    folder = tmp_path_factory.mktemp("validation")
    lines = ["file,mos,category,style,group,licence,split"]
    for index in range(COUNT + 1):
        value = 20 + 15 * index
        Image.fromarray(np.full((48, 64, 3), value, dtype=np.uint8)).save(folder / f"{index}.png")
        part = "validation" if index < COUNT else "test"
        lines.append(f"{index}.png,{value / 255:.4f},,,group{index},,{part}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "manifest.csv"


@pytest.fixture
def write_student(tmp_path: Path, photos: Path) -> Callable[[str], Path]:
    """Writes the folder of a student as far as the command looks into it itself."""

    def write(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        labels = {"split_seed": 0, "manifests": [str(photos)]}
        spec = {"variant": "small", "alpha": 0.75, "category_labels": ["a"], "style_labels": ["b"]}
        provenance = {"stage": "student", "spec": spec, "labels_provenance": labels}
        (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, brightness_artifact: Path) -> None:
    """Compressing leaves copies of a model that measures brightness; "halved" says half of it."""
    flatbuffer, contract = unpack_model(brightness_artifact / "brightness.tflite")
    halving = replace(contract, quality_calibration=PiecewiseLinear((0.0, 1.0), (0.0, 50.0)))

    def compress(student: Student, variant: Variant, work: Path) -> Compressed:
        if variant.name == "broken":
            raise UsageError("python -m compress run: no memory is left")
        folder = work / f"{student.name}-{variant.name}"
        (folder / "artifact").mkdir(parents=True, exist_ok=True)
        of_int8 = halving if variant.name == "halved" else contract
        named = {"model-float": contract, "model-pruned": contract, "model": of_int8}
        for name, entry in named.items():
            (folder / "artifact" / f"{name}.tflite").write_bytes(pack_model(flatbuffer, entry))
        (folder / "float16.tflite").write_bytes(pack_model(flatbuffer, contract))
        metrics = {"chosen": "ptq", "sparsity": variant.recipe.prune.final_sparsity}
        return Compressed(student, variant, folder, folder / "artifact", "model", 90.0, metrics)

    monkeypatch.setattr(run, "compress_variant", compress)


def _build_arguments(tmp_path: Path, checkout: Path, *students: Path) -> list[str]:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    arguments = ["compression", "--out", str(tmp_path / "out"), "--plan", str(tmp_path / "plan.toml")]
    arguments += ["--recipe", str(checkout / "compress" / "recipes" / "smoke.toml")]
    for student in students:
        arguments += ["--student", str(student)]
    return [*arguments, "--rounds", "2", "--resamples", "50", "--processes", "1"]


@pytest.mark.needs_tensorflow
def test_the_command_measures_all_that_could_be_compressed(
    tmp_path: Path,
    checkout: Path,
    stand_in: None,
    write_student: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = _build_arguments(tmp_path, checkout, write_student("wide"), write_student("narrow"))
    assert main(arguments) == 1, "a variant is broken"
    printed = capsys.readouterr().out
    out = tmp_path / "out"
    assert printed == (out / "compression.md").read_text(encoding="utf-8")
    report = json.loads((out / "compression.json").read_text(encoding="utf-8"))
    assert report["schema"] == 1
    assert (report["data"]["part"], report["data"]["rated_photos"]) == ("validation", COUNT), "no look at the test part"
    assert report["plan"]["date"] == "2026-11-20"
    assert report["students"]["wide"]["spec"] == {"variant": "small", "alpha": 0.75}
    rows = {row["key"]: row for row in report["rows"]}
    assert list(rows) == [
        *("wide/equal/float", "wide/equal/int8", "wide/equal/float16", "wide/halved/pruned", "wide/halved/int8"),
        *("narrow/halved/float", "narrow/halved/pruned", "narrow/halved/int8"),
    ]
    assert report["failures"] == [
        {"student": "wide", "variant": "broken", "error": "python -m compress run: no memory is left"}
    ]
    reference, equal, halved = (rows[f"wide/{key}"] for key in ("equal/float", "equal/int8", "halved/int8"))
    assert reference["against_float"] is None and reference["speed"] is None
    assert reference["accuracy"]["all"]["srcc"] == pytest.approx(1.0)
    assert (equal["against_float"]["p99_points"], equal["against_float"]["verdict_flip_share"]) == (0.0, 0.0)
    assert equal["against_float"]["srcc_difference"]["verdict"] == "no difference beyond noise"
    brightest = 100 * (20 + 15 * (COUNT - 1)) / 255
    assert halved["against_float"]["max_points"] == pytest.approx(brightest / 2, abs=0.01)
    assert halved["against_float"]["verdict_flip_share"] > 0
    assert halved["accuracy"]["all"]["srcc"] == pytest.approx(1.0), "half of all scores are in the same order"
    assert halved["speed"]["verdict"] == "too noisy to tell", "two rounds cannot tell"
    assert halved["file"]["size_bytes"] > halved["file"]["deflate_bytes"] > 0
    assert halved["file"]["peak_memory_bytes"] is None or halved["file"]["peak_memory_bytes"] > 0
    variants = {(one["student"], one["name"]): one for one in report["variants"]}
    assert variants["wide", "equal"]["changes"] == {"quantize.calibration_views": 10}
    assert variants["narrow", "halved"]["recipe"]["prune"]["final_sparsity"] == 0.5
    assert "- wide, broken: not compressed: python -m compress run: no memory is left" in printed
    assert re.search(r"\| wide halved +\| prune\.final_sparsity = 0\.5 +\| 50% +\| ptq +\| 1\.5 ", printed)
    with Image.open(out / "compression.png") as image:
        image.verify()
    assert main(arguments) == 2, "results are not overwritten"
    capsys.readouterr()
    assert main([*arguments, "--force", "--variants", "equal"]) == 2
    assert "no variant chosen is in every_student: nothing is left for narrow" in capsys.readouterr().err
    assert main([*arguments, "--force", "--variants", "halved"]) == 0


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize(
    ("further", "message"),
    [
        (("--variants", "broken"), "no variant could be compressed; the first: python -m compress run: no memory"),
        (("--variants", "absent"), "--variants: the plan has no absent"),
        (("--rounds", "0"), "--rounds must be at least 1, not 0"),
        (("--recipe", "absent.toml"), "absent.toml: cannot read the config"),
    ],
)
def test_a_run_that_cannot_be_says_why(
    tmp_path: Path,
    checkout: Path,
    stand_in: None,
    write_student: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    further: tuple[str, ...],
    message: str,
) -> None:
    assert main([*_build_arguments(tmp_path, checkout, write_student("mine")), *further]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "compression.json").exists()


@pytest.fixture(scope="module")
def dense_model() -> Any:
    """A tf_keras model with photogate's four heads, whose weights are nearly all of it."""
    tf_keras = pytest.importorskip("tf_keras", reason="needs TensorFlow: pip install '.[dev]'")
    tf_keras.utils.set_random_seed(0)
    image = tf_keras.layers.Input((32, 32, 3), name="image")
    hidden = tf_keras.layers.Conv2D(256, 8, 8, activation="relu")(image / 255.0)
    pooled = tf_keras.layers.GlobalAveragePooling2D()(tf_keras.layers.Conv2D(64, 1)(hidden))
    sizes = {"quality": 1, "attributes": 5, "category": 2, "style": 2}
    heads = {name: tf_keras.layers.Dense(size, "sigmoid", name=name)(pooled) for name, size in sizes.items()}
    return tf_keras.Model(image, heads)


@pytest.mark.parametrize(("form", "share", "tolerance"), [("float16", 0.5, 1e-3), ("dynamic", 0.25, 2e-2)])
def test_light_forms_are_lighter_and_say_nearly_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    brightness_artifact: Path,
    dense_model: Any,
    form: str,
    share: float,
    tolerance: float,
) -> None:
    from compress import folding
    from compress.convert import convert_float
    from train.stages import distil

    monkeypatch.setattr(distil, "load_student", lambda folder: (dense_model, None))
    monkeypatch.setattr(folding, "build_deploy_student", lambda student, spec: student)
    reference = brightness_artifact / "brightness-float.tflite"
    assert light_forms.main([form, "student", str(reference), str(tmp_path / "light.tflite")]) == 0
    flatbuffer, contract = unpack_model(tmp_path / "light.tflite")
    assert contract.precision == form
    assert contract.quality_calibration == unpack_model(reference)[1].quality_calibration
    whole = convert_float(dense_model)
    assert len(flatbuffer) == pytest.approx(share * len(whole), rel=0.2)
    view = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    mine, other = (Interpreter(content).invoke(view)["quality"] for content in (flatbuffer, whole))
    assert mine == pytest.approx(other, abs=tolerance)
    assert not np.array_equal(mine, other)


def test_a_light_form_without_a_student_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tf_keras", reason="needs TensorFlow: pip install '.[dev]'")
    arguments = [str(tmp_path / "absent"), str(tmp_path / "reference.tflite"), str(tmp_path / "out.tflite")]
    assert light_forms.main([LIGHT_FORMS[0], *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not a finished artifact" in line
    assert not (tmp_path / "out.tflite").exists()
