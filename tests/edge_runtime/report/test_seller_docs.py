"""``docs/seller-apps.md`` names every code, field, error and exit code there is, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime import PhotoScorer, errors, gate
from edge_runtime.best import rank
from edge_runtime.cli import gate as cli_gate
from edge_runtime.cli import main as cli_main
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.decode import decode_photo
from edge_runtime.enhance import enhance
from edge_runtime.explain import explain
from edge_runtime.feedback import FeedbackStore, recalibrate
from edge_runtime.feedback.correction import VERDICTS
from edge_runtime.feedback.recalibrate import FEWEST
from edge_runtime.gate import Gate, Policy, list_packs, load_policy
from edge_runtime.gate.check_names import CHECKS
from edge_runtime.gate.policy import AttributeLimit
from edge_runtime.gate.reasons import REASON_CODES
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import read_model, unpack_model
from edge_runtime.models import find_model
from edge_runtime.views import make_detail_view, make_view

GATE_FOLDER = Path(gate.__file__).parent


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "docs" / "seller-apps.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    """The English words, by key."""
    text = (GATE_FOLDER / "locale/en/LC_MESSAGES/photogate.po").read_text(encoding="utf-8")
    return dict(re.findall(r'^msgid "([^"]+)"\nmsgstr "(.*)"$', text, re.MULTILINE))


def _read_rows(page: str, heading: str) -> Iterator[list[str]]:
    """Cells of all tables in a section whose first cell is code."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" |")]


def test_codes(page: str, catalogue: dict[str, str]) -> None:
    rows = {row[0].strip("` "): row[1:] for row in _read_rows(page, "The codes")}
    of_checks = {
        code: name for name, spec in CHECKS.items() for code in (spec.too_low, spec.too_high, spec.found) if code
    }
    source = (GATE_FOLDER / "checks.py").read_text(encoding="utf-8")
    not_checked = set(re.findall(r'"(not_checked_\w+)"', source))
    assert not_checked
    assert set(rows) == set(REASON_CODES.values()) | set(of_checks) | not_checked
    assert set(rows) == {
        key.removesuffix(".advice") for key in catalogue if key.endswith(".advice") and key[:5] != "mark."
    }
    for code, (about, message, advice) in rows.items():
        assert (message, advice) == (catalogue[f"{code}.message"], catalogue[f"{code}.advice"]), code
        if code in of_checks:
            assert about == of_checks[code]
        if code in REASON_CODES.values():
            assert REASON_CODES[about] == code


def _flatten(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _flatten(inner, f"{name}[]")
    else:
        yield name


def test_fields(page: str, scorer: PhotoScorer, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    photo.save(path)
    strict = Policy("strict", 100, 100, (AttributeLimit("sharpness", 100, 100),))
    record = Gate(scorer, strict, tuple(list_packs())).judge(path).to_dict()
    assert {row[0].strip("` ") for row in _read_rows(page, "The JSON")} == set(_flatten(record))


def test_columns(page: str) -> None:
    rows = [row[0].strip("` ") for row in _read_rows(page, "The CSV")]
    columns = [column.key for column in cli_gate.GATE_COLUMNS]
    same = {"path", "verdict", "quality", "weighted_quality", *ATTRIBUTE_NAMES, "policy"}
    assert set(rows) | same == set(columns)
    assert rows == [column for column in columns if column in rows]


def test_fields_of_the_other_commands(page: str, scorer: PhotoScorer, examples_dir: Path) -> None:
    pytest.importorskip("skimage", reason="needs scikit-image: pip install 'photogate[fix]'")
    dark = examples_dir / "coffee-dark.jpg"
    shared = {*scorer.score(dark).to_dict(), "verdict", "weighted_quality", "reasons", "policy"}
    records = [
        rank([dark], scorer, max_distance=None).photos[0].to_dict(),
        enhance(dark, scorer, operations=("exposure",)).to_dict(),
        explain(dark, scorer, grid=2).to_dict(),
    ]
    section = page.partition("\n## The JSON of the other commands\n")[2].partition("\n## ")[0]
    tables = section.split("`photogate ")[1:]
    assert len(tables) == len(records)
    for table, record in zip(tables, records, strict=True):
        rows = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
        assert rows <= set(record) and set(record) - rows <= shared


def test_fields_of_feedback(page: str, scorer: PhotoScorer, photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "photo.jpg")
    score = scorer.score(tmp_path / "photo.jpg")
    with FeedbackStore(tmp_path / "f.sqlite3") as store:
        corrections = [
            store.add(b"%d" % number, replace(score, quality=80.0 - 60.0 * (number % 2)), VERDICTS[2 * (number % 2)])
            for number in range(FEWEST)
        ]
    fitted = {"policy", "model_sha256", *recalibrate(corrections, load_policy(), FEWEST).to_dict()}
    section = page.partition("\n## The JSON of feedback\n")[2].partition("\n## ")[0]
    tables = section.split("`photogate feedback ")[1:]
    for table, fields in zip(tables, (set(corrections[0].to_dict()), fitted), strict=True):
        assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == fields


def test_errors_and_exit_codes(page: str) -> None:
    assert {row[0].strip("` ") for row in _read_rows(page, "Errors")} == set(errors.__all__)
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    constants = {
        value for module in (cli_main, cli_gate) for name, value in vars(module).items() if name.startswith("EXIT_")
    }
    assert listed == {code for code in constants if isinstance(code, int)}


@pytest.mark.parametrize("name", ["photogate-large", "photogate-small"])
def test_the_models_are_what_the_page_says(page: str, name: str) -> None:
    flatbuffer, contract = unpack_model(find_model(name))
    interpreter = Interpreter(flatbuffer)
    assert {row[0].strip("` ") for row in _read_outputs(page)} == set(interpreter.output_sizes)
    assert interpreter.output_sizes["quality"] == 1 and interpreter.output_sizes["attributes"] == 5
    fields = set(
        re.findall(
            r"`(quality_calibration|interval_half_width|band_limits|unknown_below|tflite_sha256|deductions"
            r"|attribute_stretch)\b",
            page,
        )
    )
    assert len(fields) == 7
    assert all(hasattr(contract, name) for name in fields)
    assert contract.view.fit == "squash" and contract.view.color == "rgb"


@pytest.mark.parametrize("name", ["photogate-large", "photogate-small"])
@pytest.mark.parametrize(("photo", "looks"), [("coffee-noisy.jpg", 1), ("mug-off-frame.jpg", 2)])
def test_the_steps_of_the_page_lead_to_the_score(name: str, photo: str, looks: int, examples_dir: Path) -> None:
    model = read_model(find_model(name))
    contract, detail = model.contract, model.contract.detail
    assert detail is not None and set(detail.attributes) == {"sharpness", "noise"}
    decoded = decode_photo(examples_dir / photo, contract.decode_view)
    views = [make_view(decoded.image, contract.view, decoded.box)]
    middle = make_detail_view(decoded.image, contract.view, detail.share, decoded.box)
    views += [middle] if middle is not None else []
    assert len(views) == looks
    networks = (model.flatbuffer, model.detail or model.flatbuffer)
    outputs = [Interpreter(network).invoke(view) for network, view in zip(networks, views, strict=False)]
    weights = [1 - detail.weight, detail.weight] if looks == 2 else [1]
    quality = sum(weight * output["quality"].item() for weight, output in zip(weights, outputs, strict=True))
    points = {}
    for index, attribute in enumerate(ATTRIBUTE_NAMES):
        seen = [float(output["attributes"][0, index]) for output in outputs]
        value = sum(seen) / looks if attribute in detail.attributes else seen[0]
        quality -= contract.deductions.get(attribute, 0.0) * (1 - value) ** 2
        if value > 0.5 and attribute in contract.attribute_stretch:
            factor, u = contract.attribute_stretch[attribute], 2 * value - 1
            value = 0.5 + 0.5 * u / (u + factor * (1 - u))
        points[attribute] = 100 * value
    maps = detail if looks == 2 else contract
    with PhotoScorer.from_file(find_model(name)) as scorer:
        score = scorer.score(examples_dir / photo)
    assert score.quality == pytest.approx(maps.quality_calibration(quality), abs=1e-3)
    assert asdict(score.attributes) == pytest.approx(points, abs=1e-3)


def test_the_input_is_made_as_the_page_says(page: str, examples_dir: Path) -> None:
    assert "weights sinc(x) (0.54 + 0.46 cos(pi x))" in page
    spec = unpack_model(find_model("photogate-large"))[1].view
    with Image.open(examples_dir / "coffee-good.jpg") as image:
        photo = np.asarray(image.convert("RGB"))

    def weigh(size: int, wanted: int) -> NDArray[np.float64]:
        scale = size / wanted
        x = ((np.arange(size) + 0.5) - (np.arange(wanted)[:, np.newaxis] + 0.5) * scale) / scale
        weights = np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0.0)
        normed: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
        return normed

    rows, columns = weigh(photo.shape[0], spec.height_px), weigh(photo.shape[1], spec.width_px)
    expected = np.einsum("yh,hwc,xw->yxc", rows, photo.astype(float), columns, optimize=True)
    assert np.abs(make_view(photo, spec) - expected.clip(0, 255)).max() <= 1.5


def _read_outputs(page: str) -> Iterator[list[str]]:
    for line in page.partition("| output |")[2].splitlines():
        if line.strip().startswith("| `"):
            yield [cell.strip() for cell in line.strip(" |").split(" |")]


def test_links_lead_somewhere(page: str, checkout: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page)
    assert targets
    for target in targets:
        assert (checkout / "docs" / target).is_file(), target


def test_the_example_runs(page: str, examples_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop.toml").write_text("[quality]\naccept_from = 60\nreject_below = 40\n", encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    with names["scorer"]:
        is_fine, advice = names["check_before_upload"](examples_dir / "mug-good.jpg")
        assert not is_fine and any("Look at it yourself" in line for line in advice), "text and watermark: not checked"
        is_fine, advice = names["check_before_upload"](b"no photo")
        assert not is_fine and len(advice) == 1
