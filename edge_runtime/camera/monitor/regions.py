"""The regions of ``monitor.toml``: which part of which camera's picture is watched on its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from edge_runtime.camera.frames import Box
from edge_runtime.decode import MIN_SIDE_PX
from edge_runtime.gate.toml_table import TomlTable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["RegionConfig", "read_regions"]


@dataclass(frozen=True, slots=True)
class RegionConfig:
    """A part of a camera's picture.

    Attributes:
        name: unique within its camera.
        camera: the name its camera is fed under; "" means every camera.
        box: (left, top, right, bottom) in pixels of the upright frame; None: all of it.
        min_quality: points below which quality is low whatever is usual; 0: only what is usual counts.
    """

    name: str = "all"
    camera: str = ""
    box: Box | None = None
    min_quality: float = 0.0


def read_regions(top: TomlTable, text: str) -> tuple[RegionConfig, ...]:
    """The regions of a document; without any, one that is the whole picture of every camera.

    Args:
        top: the document.
        text: the same as it was written; lists of numbers are read from it.

    Raises:
        PolicyError: an unknown key, a box that is none, a name that is there twice.
    """
    if "region" not in top:
        return (RegionConfig(),)
    regions: list[RegionConfig] = []
    for table, entry in zip(top.tables("region"), tomllib.loads(text)["region"], strict=True):
        table.check_keys(("name", "camera", "box", "min_quality"))
        region = RegionConfig(
            name=table.text("name"),
            camera=table.text("camera", ""),
            box=_read_box(table, entry.get("box")),
            min_quality=table.number("min_quality", 0, 100, "points") if "min_quality" in table else 0.0,
        )
        if not region.name:
            raise table.fault("name is empty; events are told apart by it")
        for other in regions:
            if region.name == other.name and (region.camera == other.camera or not region.camera or not other.camera):
                raise table.fault(f"name is {region.name!r}, as of another region of that camera; choose another")
        regions.append(region)
    return tuple(regions)


def _read_box(table: TomlTable, sides: Any) -> Box | None:
    if sides is None:
        return None
    if isinstance(sides, list) and len(sides) == 4 and all(type(side) is int for side in sides):
        left, top, right, bottom = sides
        if min(left, top) >= 0 and right - left >= MIN_SIDE_PX and bottom - top >= MIN_SIDE_PX:
            return left, top, right, bottom
    raise table.fault(
        f"box is {sides!r}; write box = [left, top, right, bottom] in whole pixels, each side at least {MIN_SIDE_PX}"
    )
