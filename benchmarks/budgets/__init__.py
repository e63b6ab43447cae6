"""The regression guard: limits in ``benchmarks/budgets.toml``, measured quickly on every change.

Limits are ratios of what the same run measures, sizes and counts, never times: those would be another machine's.
"""

from __future__ import annotations
