"""``python -m benchmarks footprint``: what models, the package and a long run take up."""

from __future__ import annotations
