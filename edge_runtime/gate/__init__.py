"""The gate: what a score means for a shop. Policies and rule packs decide accept, review or reject, and say why.

from edge_runtime import PhotoScorer
from edge_runtime.gate import Gate

with PhotoScorer.default() as scorer:
    result = Gate(scorer, rules=["ebay"]).judge("mug.jpg")
    print(result.decision)
    for reason in result.reasons:
        print(reason.message, reason.advice)
"""

from __future__ import annotations

from edge_runtime.gate.gate import Gate, GateResult
from edge_runtime.gate.overlay import OverlayDetector, OverlayFinding
from edge_runtime.gate.policy import AttributeLimit, Policy, evaluate, load_policy
from edge_runtime.gate.rule_reasons import RuleReason
from edge_runtime.gate.rules import Rule, RulePack, list_packs, load_pack
from edge_runtime.gate.weights import DEFAULT_WEIGHTS, compute_weighted_quality

__all__ = [
    "DEFAULT_WEIGHTS",
    "AttributeLimit",
    "Gate",
    "GateResult",
    "OverlayDetector",
    "OverlayFinding",
    "Policy",
    "Rule",
    "RulePack",
    "RuleReason",
    "compute_weighted_quality",
    "evaluate",
    "list_packs",
    "load_pack",
    "load_policy",
]
