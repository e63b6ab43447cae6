"""The command line of the benchmarks: one module a command; parsing and printing only."""

from __future__ import annotations
