"""The plot is a real PNG, and its labels do not cover each other."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install '.[bench]'")

from benchmarks.plot import PlotPoint, save_accuracy_latency_plot
from edge_runtime.errors import UsageError

CROWDED = [
    PlotPoint("teacher", "teacher", 131.0, 0.93, (0.90, 0.95)),
    PlotPoint("student float32", "photogate", 3.40, 0.902, (0.87, 0.93)),
    PlotPoint("student pruned (float32)", "photogate", 3.41, 0.901, (0.87, 0.93)),
    PlotPoint("student int8", "photogate", 3.30, 0.900, (0.87, 0.93)),
    PlotPoint("VGG16 float32", "classic", 210.0),
    PlotPoint("ResNet50 float32", "classic", 45.0),
    PlotPoint("NIMA technical (MobileNet)", "nima", 14.0, 0.42, (0.34, 0.50)),
    PlotPoint("NIMA aesthetic (MobileNet)", "nima", 14.1, 0.43, (0.35, 0.51)),
]


def test_plot_is_a_png_with_something_on_it(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    save_accuracy_latency_plot(CROWDED, "title", path)
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert min(image.size) >= 400
        pixels = np.asarray(image.convert("RGB"))
    blue = (np.abs(pixels.astype(int) - (0x05, 0x71, 0xB0)).max(axis=-1) < 40).sum()
    assert blue > 100, "no student drawn"


@pytest.mark.parametrize("count", range(1, len(CROWDED) + 1))
def test_labels_overlap_neither_each_other_nor_the_edge(tmp_path: Path, count: int) -> None:
    path = tmp_path / "plot.png"
    boxes = save_accuracy_latency_plot(CROWDED[:count], "title", path)
    assert len(boxes) == count
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    with Image.open(path) as image:
        assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= image.width and box.y1 <= image.height for box in boxes)


def test_nothing_to_plot_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to plot"):
        save_accuracy_latency_plot([], "title", tmp_path / "plot.png")
