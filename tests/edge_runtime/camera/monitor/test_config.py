"""monitor.toml: everything it may say is understood, everything else is refused with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.camera.monitor import MonitorConfig, load_monitor_config, parse_monitor_config
from edge_runtime.camera.monitor.kinds import RULES
from edge_runtime.errors import SourceError

FULL = """
schema = 1
[monitor]
folder = "shelf"
interval_ms = 1000
max_gap_s = 30
smoothing_s = 3
ema_s = 1.5
log_mb = 2
hours = ["Mon-Sat 08:00-20:00"]
[[region]]
name = "cereals"
camera = "aisle 3"
box = [10, 20, 330, 260]
min_quality = 40
[[region]]
name = "all"
[baseline]
learn_s = 60
light_s = 900
scene_s = 7200
busy_s = 100
[events.blurred]
open = 0.5
close = 0.8
min_duration_s = 10
close_after_s = 5
[events.low_quality]
enabled = false
[evidence]
enabled = false
max_mb = 5
width_px = 320
[mqtt]
host = "broker"
tls = true
topic = "shop/7"
username = "cam"
password_env = "MQTT_PASSWORD"
max_waiting = 5
[webhook]
url = "https://example.org/hook"
token_env = "TOKEN"
timeout_s = 3
max_waiting = 7
"""


def test_everything_it_may_say_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "monitor.toml"
    path.write_text(FULL, encoding="utf-8")
    config = load_monitor_config(path)
    assert config.folder == tmp_path / "shelf"
    monkeypatch.chdir(tmp_path)
    assert load_monitor_config("monitor.toml") == config, "events name pictures in the folder to readers elsewhere"
    assert (config.interval_ms, config.max_gap_s, config.smoothing_s, config.ema_s, config.log_mb) == (
        1000,
        30,
        3,
        1.5,
        2,
    )
    assert config.hours is not None and len(config.hours.spans) == 6
    assert config.cameras == ("aisle 3",)
    assert [region.name for region in config.find_regions("aisle 3")] == ["cereals", "all"]
    assert [region.name for region in config.find_regions("door")] == ["all"]
    assert config.regions[0].box == (10, 20, 330, 260)
    assert config.regions[0].min_quality == 40
    assert config.baseline.learn_s == 60
    blurred = config.rules["blurred"]
    assert (blurred.open_limit, blurred.close_limit, blurred.min_duration_s, blurred.close_after_s) == (0.5, 0.8, 10, 5)
    assert not config.rules["low_quality"].is_enabled
    assert config.rules["dark"] == RULES["dark"]
    assert not config.evidence.is_enabled
    assert config.mqtt is not None
    assert (config.mqtt.port, config.mqtt.topic, config.mqtt.max_waiting) == (8883, "shop/7", 5)
    assert config.webhook is not None
    assert (config.webhook.url, config.webhook.max_waiting) == ("https://example.org/hook", 7)


def test_next_to_nothing_is_enough_and_opens_no_connection() -> None:
    config = parse_monitor_config("schema = 1", "x")
    assert config == MonitorConfig()
    assert config.mqtt is None
    assert config.webhook is None
    assert config.find_regions("any")[0].box is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "schema"),
        ("schema = 2", "schema is not 1"),
        ("schema = 1\n[monitr]", "did you mean 'monitor'"),
        ("schema = 1\n[monitor]\nintervall_ms = 3", "did you mean 'interval_ms'"),
        ('schema = 1\n[monitor]\nhours = ["8-20"]', "'8-20'; write spans such as"),
        ("schema = 1\n[monitor]\nhours = []", "nothing would ever be judged"),
        ("schema = 1\n[monitor]\nhours = 8", "write a list of texts"),
        ("schema = 1\n[events.blured]\nopen = 1", "did you mean 'blurred'"),
        ("schema = 1\n[events.blurred]\nopens = 1", "did you mean 'open'"),
        ("schema = 1\n[events.blurred]\nopen = 0.9", "close must be above open"),
        ("schema = 1\n[events.obstructed]\nclose = 0.9", "close must be below open"),
        ("schema = 1\n[events.dark]\nopen = 3", "outside 0-1"),
        ("schema = 1\n[[region]]\nbox = [1, 2, 300, 400]", "lacks name"),
        ("schema = 1\n[[region]]\nname = 'a'\nbox = [1, 2, 3]", "[left, top, right, bottom]"),
        ("schema = 1\n[[region]]\nname = 'a'\nbox = [300, 2, 30, 400]", "[left, top, right, bottom]"),
        ("schema = 1\n[[region]]\nname = 'a'\nbox = [1.5, 2, 300, 400]", "whole pixels"),
        ("schema = 1\n[[region]]\nname = 'a'\n[[region]]\nname = 'a'", "choose another"),
        ("schema = 1\n[[region]]\nname = 'a'\n[[region]]\nname = 'a'\ncamera = 'x'", "choose another"),
        ("schema = 1\n[mqtt]\nport = 1883", "lacks host"),
        ("schema = 1\n[mqtt]\nhost = 'x'\ntopic = 'a/#'", "topic"),
        ("schema = 1\n[webhook]\nurl = 'file:///etc/passwd'", "https://"),
        ("schema = 1\n[webhook]\nurl = 'http://[::1'", "url is no address"),
        ("schema = 1\n[monitor]\nfolder = '~nosuchuser/x'", "'~nosuchuser/x', but there is no such user"),
        ('schema = 1\n[monitor]\nfolder = "a\\u0000b"', "without the sign \\0"),
        ("schema = 1\n[evidence]\nenabled = 1", "true or false"),
        ("schema = ", "not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(text: str, words: str) -> None:
    with pytest.raises(SourceError) as raised:
        parse_monitor_config(text, "monitor.toml")
    assert words in str(raised.value)
    assert str(raised.value).startswith("monitor.toml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing\.toml"):
        load_monitor_config(tmp_path / "nothing.toml")


def test_a_camera_without_a_region_is_refused_with_the_names_there_are() -> None:
    config = parse_monitor_config("schema = 1\n[[region]]\nname = 'a'\ncamera = 'left'", "x")
    with pytest.raises(SourceError, match="'left'"):
        config.find_regions("right")
