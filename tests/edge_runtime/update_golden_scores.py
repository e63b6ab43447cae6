"""Writes golden_scores.json anew from the example photos and the models that ship.

    python tests/edge_runtime/update_golden_scores.py

Run it when a model, its calibration or the examples change on purpose, and read the difference before committing it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
GOLDEN_SCORES = Path(__file__).with_name("golden_scores.json")


Scores = dict[str, dict[str, object]]


def compute_scores(examples: Path) -> dict[str, Scores]:
    """By model: quality and attributes, in points rounded to one decimal, of each photo in ``examples`` by its file
    name."""
    from edge_runtime import PhotoScorer
    from edge_runtime.formats import PHOTO_SUFFIXES
    from edge_runtime.models import list_models

    photos = sorted(path for path in examples.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    golden: dict[str, Scores] = {}
    for model in list_models():
        scores = golden[model.stem] = {}
        with PhotoScorer.from_file(model) as scorer:
            for path in photos:
                document = scorer.score(path).to_dict()
                scores[path.name] = {key: document[key] for key in ("quality", "attributes")}
    return golden


if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))
    golden = compute_scores(CHECKOUT / "examples")
    GOLDEN_SCORES.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    print(f"{GOLDEN_SCORES}: {len(golden)} models")
