"""The models that ship score the example photos as they did when they were released, whatever machine this is.

The file of wanted scores is written by update_golden_scores.py, beside this one.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_runtime import PhotoScorer
from edge_runtime.formats import PHOTO_SUFFIXES
from edge_runtime.models import find_model, list_models

GOLDEN_SCORES = Path(__file__).with_name("golden_scores.json")
# The golden scores are those of LiteRT 2.1.1, which `pip install .` brings. 2.3.0 rounds some int8 operations the other
# way: up to 1.4 points of quality and 3.1 of an attribute on these photos. Other CPUs' kernels are no different.
TOLERANCE_POINTS = 2.0
ATTRIBUTE_TOLERANCE_POINTS = 4.0


def load_golden_scores() -> dict[str, dict[str, dict]]:
    return json.loads(GOLDEN_SCORES.read_text(encoding="utf-8")) if GOLDEN_SCORES.is_file() else {}


def test_every_model_and_example_has_a_golden_score(examples_dir: Path) -> None:
    examples = {path.name for path in examples_dir.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES}
    golden = load_golden_scores()
    assert examples
    assert set(golden) == {path.stem for path in list_models()}
    for scores in golden.values():
        assert set(scores) == examples, "run: python tests/edge_runtime/update_golden_scores.py"


@pytest.mark.parametrize("model", sorted(load_golden_scores()))
def test_golden_scores(examples_dir: Path, model: str) -> None:
    with PhotoScorer.from_file(find_model(model)) as scorer:
        found = {name: scorer.score(examples_dir / name).to_dict() for name in load_golden_scores()[model]}
    for name, golden in load_golden_scores()[model].items():
        score = found[name]
        assert score["quality"] == pytest.approx(golden["quality"], abs=TOLERANCE_POINTS), name
        assert score["attributes"] == pytest.approx(golden["attributes"], abs=ATTRIBUTE_TOLERANCE_POINTS), name
