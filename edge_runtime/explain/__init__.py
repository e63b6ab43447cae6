"""Where a photo loses points: heat maps, without gradients, from the model file that scores.

from edge_runtime.explain import Explainer

with Explainer.from_file() as explainer:
    explanation = explainer.explain("mug.jpg")
    print(explanation.attribute, explanation.box, explanation.stands_out)
"""

from __future__ import annotations

from edge_runtime.explain.explainer import DEFAULT_BUDGET_MS, Explainer, explain
from edge_runtime.explain.explanation import Box, Explanation
from edge_runtime.explain.heat import ATTRIBUTES
from edge_runtime.explain.study import Study

__all__ = ["ATTRIBUTES", "DEFAULT_BUDGET_MS", "Box", "Explainer", "Explanation", "Study", "explain"]
