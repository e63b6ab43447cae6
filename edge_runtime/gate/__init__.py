"""The gate: what a score means for a shop. Policies decide accept, review or reject, and say why."""

from __future__ import annotations

from edge_runtime.gate.policy import AttributeLimit, Policy, evaluate, load_policy

__all__ = ["AttributeLimit", "Policy", "evaluate", "load_policy"]
