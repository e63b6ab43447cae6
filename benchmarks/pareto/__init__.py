"""Accuracy against latency and against size: which models are worth their cost, and how surely."""

from __future__ import annotations
