"""What the page about shelf cameras says is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from edge_runtime.camera.monitor import EVENT_KINDS, Event, parse_monitor_config
from edge_runtime.camera.monitor.kinds import RULES


def read_blocks(checkout: Path, language: str) -> list[str]:
    page = (checkout / "docs" / "shelf-camera.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_its_configurations_can_be_read(checkout: Path) -> None:
    first, sinks = read_blocks(checkout, "toml")
    assert parse_monitor_config(first, "page").cameras == ("aisle-3",)
    config = parse_monitor_config(f"schema = 1\n{sinks}", "page")
    assert config.mqtt is not None
    assert config.webhook is not None


def test_its_event_has_the_keys_of_an_event(checkout: Path) -> None:
    documented: dict[str, Any] = json.loads(read_blocks(checkout, "json")[0])
    event = Event("", "a", "b", "blurred", "opened", 0, 0, 0, 0, 0.0, 0.0, "", "")
    assert list(documented) == list(event.to_dict())
    assert documented["limit"] == RULES["blurred"].open_limit
    assert documented["advice"] == RULES["blurred"].advice


def test_its_limits_are_the_usual_ones(checkout: Path) -> None:
    page = (checkout / "docs" / "shelf-camera.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) s \|", page, re.MULTILINE)
    assert [(kind, float(a), float(b), float(c)) for kind, a, b, c in rows] == [
        (kind, RULES[kind].open_limit, RULES[kind].close_limit, RULES[kind].min_duration_s) for kind in EVENT_KINDS
    ]
