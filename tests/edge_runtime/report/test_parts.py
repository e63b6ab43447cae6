"""Thumbnails, figures, plots and colours, each against values that are known."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.gate import Gate
from edge_runtime.printable import make_printable
from edge_runtime.report.charts import Frame, build_histogram, build_scatter
from edge_runtime.report.collection import Collection
from edge_runtime.report.embed import embed_json
from edge_runtime.report.figures import Figures
from edge_runtime.report.page import Page
from edge_runtime.report.thumbnail import make_thumbnail

Colors = dict[str, tuple[int, int, int]]


def _record(quality: float, verdict: str, label: str, *reasons: dict[str, Any]) -> dict[str, Any]:
    attributes = dict.fromkeys(("sharpness", "noise", "exposure", "color"), quality) | {"composition": 70.0}
    return {
        "quality": quality,
        "verdict": verdict,
        "category": {"label": label},
        "attributes": attributes,
        "reasons": list(reasons),
    }


BLURRED = {"code": "blurred", "attribute": "sharpness", "message": "The photo is not sharp."}
UNSEEN = {
    "code": "not_checked_no_detector",
    "rule": "ebay/text",
    "level": "must",
    "state": "not_checked",
    "message": "?",
}
SMALL = {"code": "longest_side_too_short", "rule": "ebay/size", "level": "must", "state": "failed", "message": "!"}
ADVISED = {**SMALL, "rule": "ebay/advised", "level": "should"}


@pytest.fixture
def figures() -> Figures:
    figures = Figures()
    assert figures.add(_record(80.0, "accept", "toys", UNSEEN)) == (0, [0])
    assert figures.add(_record(30.0, "reject", "toys", UNSEEN, SMALL, BLURRED)) == (0, [0, 1, 2])
    assert figures.add(_record(50.0, "review", "toys", UNSEEN, BLURRED, ADVISED)) == (0, [0, 2, 3])
    assert figures.add(_record(20.0, "review", "food")) == (1, [])
    return figures


def test_figures(figures: Figures) -> None:
    assert figures.count_decisions() == {"accept": 1, "review": 2, "reject": 1}
    assert figures.median_quality() == 40.0
    assert Figures().median_quality() is None
    assert [(reason.code, reason.mark, reason.count) for reason in figures.sort_reasons()] == [
        ("longest_side_too_short", "broken", 1),
        ("blurred", "score", 2),
        ("not_checked_no_detector", "look", 3),
        ("longest_side_too_short", "advice", 1),
    ]
    assert figures.rank_for_a_look().tolist() == [1, 3, 2, 0]
    assert figures.correlation("sharpness") == pytest.approx(1.0)
    assert figures.correlation("composition") is None


def test_categories(figures: Figures) -> None:
    toys, food = figures.sort_categories()
    assert (toys.label, toys.count, toys.median_quality) == ("toys", 3, 50.0)
    assert toys.counts == {"accept": 1, "review": 1, "reject": 1}
    assert toys.top_reason is not None
    assert (toys.top_reason.code, toys.top_count) == ("blurred", 2), "not what nobody checked"
    assert (food.count, food.top_reason, food.top_count) == (1, None, 0)


def test_histogram_counts_every_photo_once() -> None:
    qualities = np.array([0, 4.9, 5.0, 99.9, 100, 62, 62, 62, 62, 62], np.float32)
    decisions = np.array([2, 2, 2, 0, 0, 1, 1, 0, 0, 0], np.uint8)
    histogram = build_histogram(qualities, decisions, (40.0, 60.0))
    assert sum(bar.count for bar in histogram.bars) == len(qualities)
    found = {(bar.low, bar.decision): bar.count for bar in histogram.bars}
    assert found == {
        (0.0, "reject"): 2,
        (5.0, "reject"): 1,
        (95.0, "accept"): 2,
        (60.0, "review"): 2,
        (60.0, "accept"): 3,
    }
    review, accept = (bar for bar in histogram.bars if bar.low == 60)
    assert accept.y + accept.height == pytest.approx(review.y), "stacked without a gap"
    assert review.y + review.height == pytest.approx(Frame().bottom)
    assert accept.y == pytest.approx(Frame().top), "the highest bar reaches the highest label, 5"
    assert [count for _, count in histogram.ticks] == [0, 1, 2, 3, 4, 5]


def test_scatter_points_lie_where_they_should() -> None:
    scatter = build_scatter(np.array([0, 100], np.float32), np.array([100, 0], np.float32), np.array([0, 2], np.uint8))
    frame = scatter.frame
    assert [(point.x, point.y, point.decision) for point in scatter.points] == [
        (frame.left, frame.top, "accept"),
        (frame.right, frame.bottom, "reject"),
    ]


def test_scatter_cells_count_every_photo_once() -> None:
    values = np.random.default_rng(5).uniform(0, 100, (2, 5000)).astype(np.float32)
    scatter = build_scatter(values[0], values[1], np.zeros(5000, np.uint8))
    assert not scatter.points
    assert sum(cell.count for cell in scatter.cells) == 5000
    most = max(scatter.cells, key=lambda cell: cell.count)
    assert most.shade == 5 and min(cell.shade for cell in scatter.cells) >= 1
    inside = (values[0] >= most.value[0]) & (values[0] < most.value[1])
    inside &= (values[1] >= most.quality[0]) & (values[1] < most.quality[1])
    assert inside.sum() == most.count


@pytest.mark.parametrize(
    ("size", "orientation", "thumbnail_size"),
    [((640, 480), 1, (128, 96)), ((1000, 333), 6, (43, 128)), ((90, 60), 1, (90, 60)), ((3000, 16), 1, (128, 1))],
)
def test_thumbnail(
    tmp_path: Path, photo: Image.Image, size: tuple[int, int], orientation: int, thumbnail_size: tuple[int, int]
) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo.resize(size).save(path, quality=95, exif=exif)
    jpeg = make_thumbnail(decode_photo(path, ViewSpec(320, 320)))
    assert len(jpeg) < 8000
    with Image.open(io.BytesIO(jpeg)) as thumbnail:
        assert thumbnail.size == thumbnail_size
        assert not thumbnail.getexif()
        upright = photo.resize(size)
        if orientation == 6:
            upright = upright.transpose(Image.Transpose.ROTATE_270)
        wanted = np.asarray(upright.resize(thumbnail_size, Image.Resampling.BOX), np.float64)
        assert abs(np.asarray(thumbnail, np.float64) - wanted).mean() < 8


def test_embedding() -> None:
    assert embed_json(["</script>", "<!--", "a&b", "é"]) == (
        '["\\u003c/script\\u003e","\\u003c!--","a\\u0026b","\\u00e9"]'
    )
    assert make_printable("a b é 照片") == "a b é 照片"
    assert make_printable("a\nb\x1b\u202ec\udcff") == "a\\nb\\x1b\\u202ec\\udcff"
    with pytest.raises(ValueError, match="JSON"):
        embed_json(float("nan"))


@pytest.fixture(params=["light", "dark"])
def colors(request: pytest.FixtureRequest) -> Colors:
    """The colours of one scheme, by name."""
    style = resources.files("edge_runtime.report").joinpath("templates/style.html").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    found = re.findall(r"--(\w+): #(\w{6});", light if request.param == "light" else dark)
    return {name: (int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for name, code in found}


def _luminance(color: tuple[int, int, int]) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [level / 255 for level in color]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_has_contrast(colors: Colors) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text; 3 to 1 for what a plot shows."""

    def contrast(one: str, other: str) -> float:
        low, high = sorted(_luminance(colors[name]) for name in (one, other))
        return (high + 0.05) / (low + 0.05)

    for ink in ("ink", "faint", "link", "accept", "review", "reject"):
        for paper in ("ground", "sheet"):
            assert contrast(ink, paper) >= 4.5, (ink, paper)
    assert contrast("shade4", "sheet") >= 3 and contrast("shade5", "sheet") >= 3


def test_every_control_has_a_name() -> None:
    page = resources.files("edge_runtime.report").joinpath("templates/report.html").read_text(encoding="utf-8")
    for name in re.findall(r'<(?:select|input type="search") id="(\w+)"', page):
        assert f'<label for="{name}">' in page
    for button in re.findall(r"<button[^>]*>[^<]*", page):
        assert "aria-label=" in button or "say(" in button.partition(">")[2]


def test_the_script_uses_words_and_elements_that_exist(figures: Figures) -> None:
    folder = resources.files("edge_runtime.report").joinpath("templates")
    script, page = (folder.joinpath(f"{name}.html").read_text(encoding="utf-8") for name in ("script", "report"))
    for name in re.findall(r'find\("([\w-]+)"\)', script):
        assert f'id="{name}"' in page, name


def test_the_scripts_words_are_sent(gate: Gate) -> None:
    folder = resources.files("edge_runtime.report").joinpath("templates")
    script = folder.joinpath("script.html").read_text(encoding="utf-8")
    build: Callable[..., dict[str, Any]] = Page(gate)._build_head
    head = build(Collection(Path("report.html"), 0))
    named = {*re.findall(r"\bwords\.(\w+)", script), *re.findall(r'\bsay\("(\w+)"', script)}
    assert named <= set(head["words"])
