"""What an exported model says of views that no teacher was asked about, in the form of a teacher's answers.

A model that goes on learning from further photos must not forget what it knew. Where a teacher is not at hand it is
taught its own opinion of them (Li and Hoiem 2016, Learning without Forgetting, https://arxiv.org/abs/1606.09282), and
beside it what is known of them without a teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from edge_runtime.errors import UsageError
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import unpack_model
from edge_runtime.views import make_view
from train.config import TeacherConfig
from train.data.samples import Sample, collect_labels, load_sample
from train.features import map_ahead
from train.progress import track
from train.stages.answers import Answers

__all__ = ["judge_with_model"]


def judge_with_model(path: Path, samples: Sequence[Sample], config: TeacherConfig, hint_count: int) -> Answers:
    """One look at each sample.

    Args:
        path: an exported float model.
        samples: at least one.
        config: of the teacher that answered for the other views; its labels must be the model's.
        hint_count: numbers of a hint. A model has none, and they are NaN.

    Raises:
        ModelError: the file is no model.
        UsageError: the model has other labels.
    """
    flatbuffer, contract = unpack_model(path)
    if (contract.category_labels, contract.style_labels) != collect_labels(config.labels):
        raise UsageError(f"{path}: its labels are not those of the teacher's answers: pass another model")
    interpreter = Interpreter(flatbuffer)
    size_px = min(contract.view.width_px, contract.view.height_px)

    def load(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        image, known = load_sample(sample, size_px)
        return make_view(image, contract.view), known

    rows, known_rows = [], []
    for view, known in track(map_ahead(load, samples), "model", total=len(samples)):
        rows.append(interpreter.invoke(view))
        known_rows.append(known)
    outputs = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}  # labels as logits
    return Answers(
        config,
        np.array([sample.key for sample in samples]),
        {
            "quality": outputs["quality"].ravel(),
            "attributes": outputs["attributes"],
            "category": softmax(outputs["category"], axis=1),
            "style": softmax(outputs["style"], axis=1),
        },
        np.stack(known_rows),
        np.full((len(samples), hint_count), np.nan, dtype=np.float32),
    )
