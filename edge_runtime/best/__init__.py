"""Best shot: which photo of a burst, or of a listing, to take, and why.

from edge_runtime import PhotoScorer
from edge_runtime.best import rank

with PhotoScorer.default() as scorer:
    ranking = rank(["1.jpg", "2.jpg", "3.jpg"], scorer)
    print(ranking.best.name, ranking.explain())
"""

from __future__ import annotations

from edge_runtime.best.duplicates import DEFAULT_MAX_DISTANCE
from edge_runtime.best.order import Candidate, order_candidates, rank
from edge_runtime.best.ranking import LEAD_POINTS, TIE_POINTS, Comparison, Lead, RankedPhoto, Ranking

__all__ = [
    "DEFAULT_MAX_DISTANCE",
    "LEAD_POINTS",
    "TIE_POINTS",
    "Candidate",
    "Comparison",
    "Lead",
    "RankedPhoto",
    "Ranking",
    "order_candidates",
    "rank",
]
