"""The bricks of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.accuracy_report.drawings import THUMBNAIL_PX, build_thumbnail, draw_calibration, draw_curves
from benchmarks.accuracy_report.page import Markup, build_page, build_table, format_number, format_share, shade


def test_cells_are_escaped_unless_they_are_markup() -> None:
    table = build_table(("<a>", "b"), [("x<y", Markup("<b>1</b>")), ("heading & more",)])
    assert "<th>&lt;a&gt;</th>" in table
    assert "<td>x&lt;y</td><td><b>1</b></td>" in table
    assert '<td colspan="2">heading &amp; more</td>' in table


def test_a_shaded_cell_brings_its_own_tag() -> None:
    table = build_table(("a", "b"), [("x", shade("50 %", 0.5, is_good=False))])
    assert '<td style="background:rgba(var(--bad),0.25)">50 %</td></tr>' in table


def test_page_forbids_every_outside_request() -> None:
    page = build_page("a & b", ["<section></section>"])
    assert "<title>a &amp; b</title>" in page
    assert "default-src 'none'" in page
    assert 'name="viewport"' in page


def test_absent_figures_are_dashes() -> None:
    assert format_number(None) == format_share(None) == "–"
    assert format_number(0.12345) == "0.123"
    assert format_share(0.5) == "50.0 %"


def test_thumbnail_is_small_and_inside_the_page(tmp_path: Path) -> None:
    Image.effect_noise((1200, 800), 60).save(tmp_path / "a.jpg")
    address = build_thumbnail(tmp_path / "a.jpg")
    assert address.startswith("data:image/jpeg;base64,")
    assert len(address) < 20_000
    assert THUMBNAIL_PX < 1200


def test_curves_run_from_top_to_bottom() -> None:
    drawing = draw_curves([100.0, 0.0], [50.0, 50.0])
    assert '<polyline points="2.0,2.0 94.0,28.0"/>' in drawing
    assert '<polyline points="2.0,15.0 94.0,15.0" stroke-dasharray=' in drawing


def test_calibration_plot_is_a_png() -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install '.[bench]'")
    address = draw_calibration([10.0, 90.0], [20.0, 80.0], [{"mean_predicted_points": 50.0, "mean_rated_points": 50.0}])
    assert address is not None and address.startswith("data:image/png;base64,")
