"""Reports: one self-contained HTML page about many photos, made without holding them in memory.

from edge_runtime import PhotoScorer
from edge_runtime.gate import Gate
from edge_runtime.report import write_report

with PhotoScorer.default() as scorer:
    summary = write_report(["mug.jpg", "lamp.jpg"], Gate(scorer), "report.html")
"""

from __future__ import annotations

from edge_runtime.report.write import ReportSummary, write_report

__all__ = ["ReportSummary", "write_report"]
