"""``monitor.toml``: which regions are watched, what counts as an event, and where events go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_runtime.camera.monitor.hours import OpeningHours, parse_hours
from edge_runtime.camera.monitor.kinds import EVENT_KINDS, RULES, EventKind, KindRule
from edge_runtime.camera.monitor.regions import RegionConfig, read_regions
from edge_runtime.camera.monitor.web_address import find_url_fault
from edge_runtime.errors import PolicyError, SourceError
from edge_runtime.gate.toml_table import TomlTable, parse_toml, read_toml_file

__all__ = [
    "BaselineConfig",
    "EvidenceConfig",
    "MonitorConfig",
    "MqttConfig",
    "RegionConfig",
    "WebhookConfig",
    "load_monitor_config",
    "parse_monitor_config",
]

CONFIG_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """How the usual picture is learnt and followed.

    Attributes:
        learn_s: time of fit pictures it takes.
        light_s: time constant with which level and colour are followed.
        scene_s: time constant with which the picture, its detail and its quality are followed.
        busy_s: after so long without a quiet picture, pictures with motion are judged, too.
    """

    learn_s: float = 120.0
    light_s: float = 1800.0
    scene_s: float = 14400.0
    busy_s: float = 180.0


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """Pictures of opened events.

    Attributes:
        is_enabled: whether any are kept.
        max_mb: size of their folder; the oldest are deleted first.
        width_px: they are shrunk to this.
    """

    is_enabled: bool = True
    max_mb: float = 100.0
    width_px: int = 640


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Where events are published; a password is read from the environment, never from the file."""

    host: str
    port: int = 1883
    topic: str = "photogate/events"
    username: str | None = None
    password_env: str | None = None
    is_tls: bool = False
    max_waiting: int = 10_000


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where events are posted to; a token is read from the environment, never from the file."""

    url: str
    token_env: str | None = None
    timeout_s: float = 10.0
    max_waiting: int = 10_000


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """All of ``monitor.toml``; made without one, it watches whole pictures with the usual limits.

    Attributes:
        folder: of the event log, the state, the evidence and the summaries; None: nothing is written.
        interval_ms: at most one frame in this time is examined.
        max_gap_s: frames further apart mean that the signal was lost in between.
        smoothing_s: window of the median.
        ema_s: time constant of an exponential mean of the medians; 0: none.
        log_mb: size of the event log before it is put aside; three such files are kept.
        hours: when regions are judged; None: always. The signal is watched at all times.
        regions: at least one.
        rules: by kind.
        baseline, evidence: see there.
        mqtt, webhook: None: no such connection is made.
    """

    folder: Path | None = None
    interval_ms: int = 500
    max_gap_s: float = 60.0
    smoothing_s: float = 2.0
    ema_s: float = 0.0
    log_mb: float = 10.0
    hours: OpeningHours | None = None
    regions: tuple[RegionConfig, ...] = (RegionConfig(),)
    rules: Mapping[EventKind, KindRule] = field(default_factory=lambda: dict(RULES))
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    mqtt: MqttConfig | None = None
    webhook: WebhookConfig | None = None

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names that regions give, in their order; empty if every region belongs to every camera."""
        return tuple(dict.fromkeys(region.camera for region in self.regions if region.camera))

    def find_regions(self, camera: str) -> tuple[RegionConfig, ...]:
        """The regions of a camera.

        Raises:
            SourceError: it has none.
        """
        regions = tuple(region for region in self.regions if region.camera in ("", camera))
        if not regions:
            raise SourceError(
                f"no region of monitor.toml belongs to a camera named {camera!r}; known are "
                f"{', '.join(map(repr, self.cameras))}: add a [[region]] with camera = {camera!r}, or one without"
            )
        return regions


def load_monitor_config(path: str | Path) -> MonitorConfig:
    """Reads ``monitor.toml``; its ``folder`` is relative to where it lies.

    Raises:
        SourceError: it cannot be read, is not TOML, has an unknown key or a value out of range.
    """
    try:
        return parse_monitor_config(read_toml_file(path, "monitor's configuration"), str(path), Path(path).parent)
    except PolicyError as error:
        raise SourceError(str(error)) from error


def parse_monitor_config(text: str, source: str, base: Path | None = None) -> MonitorConfig:
    """As :func:`load_monitor_config`, of a text; ``source`` names it in messages."""
    try:
        top = parse_toml(text, source)
        return _read(top, read_regions(top, text), base or Path())
    except PolicyError as error:
        raise SourceError(str(error)) from error


def _read(top: TomlTable, regions: tuple[RegionConfig, ...], base: Path) -> MonitorConfig:
    top.check_keys(("schema", "monitor", "baseline", "region", "events", "evidence", "mqtt", "webhook"))
    if top.number("schema", 1, 1e6, "") != CONFIG_SCHEMA:
        raise top.fault(f"schema is not {CONFIG_SCHEMA}; this version of photogate reads no other")
    usual = MonitorConfig()
    table = top.optional_table("monitor")
    table.check_keys(("folder", "interval_ms", "max_gap_s", "smoothing_s", "ema_s", "log_mb", "hours"))
    return MonitorConfig(
        folder=_read_folder(table, base) if "folder" in table else None,
        interval_ms=int(_number(table, "interval_ms", usual.interval_ms, 0, 60_000, "milliseconds")),
        max_gap_s=_number(table, "max_gap_s", usual.max_gap_s, 1, 86_400, "seconds"),
        smoothing_s=_number(table, "smoothing_s", usual.smoothing_s, 0, 600, "seconds"),
        ema_s=_number(table, "ema_s", usual.ema_s, 0, 600, "seconds"),
        log_mb=_number(table, "log_mb", usual.log_mb, 0.01, 10_000, "megabytes"),
        hours=_read_hours(table) if "hours" in table else None,
        regions=regions,
        rules=_read_rules(top.optional_table("events")),
        baseline=_read_baseline(top.optional_table("baseline")),
        evidence=_read_evidence(top.optional_table("evidence")),
        mqtt=_read_mqtt(top.table("mqtt")) if "mqtt" in top else None,
        webhook=_read_webhook(top.table("webhook")) if "webhook" in top else None,
    )


def _number(table: TomlTable, key: str, usual: float, low: float, high: float, unit: str) -> float:
    return table.number(key, low, high, unit) if key in table else usual


def _read_folder(table: TomlTable, base: Path) -> Path:
    folder = table.text("folder")
    if "\0" in folder:
        raise table.fault(f"folder is {folder!r}; write a path without the sign \\0")
    try:
        return (base / Path(folder).expanduser()).absolute()  # events name pictures in it to readers elsewhere
    except RuntimeError as error:
        raise table.fault(f"folder is {folder!r}, but there is no such user; write the whole path") from error


def _read_hours(table: TomlTable) -> OpeningHours:
    texts = table.texts("hours", '"Mon-Sat 08:00-20:00"')
    if not texts:
        raise table.fault("hours is empty: nothing would ever be judged; leave it out to judge always")
    try:
        return parse_hours(texts)
    except ValueError as error:
        raise table.fault(
            f'hours has {str(error)!r}; write spans such as "08:00-20:00", "Mon-Sat 08:00-20:00" or "Fri 22:00-02:00"'
        ) from error


def _read_rules(table: TomlTable) -> dict[EventKind, KindRule]:
    table.check_keys(EVENT_KINDS)
    rules = dict(RULES)
    for kind in EVENT_KINDS:
        if kind not in table:
            continue
        entry, usual = table.table(kind), RULES[kind]
        entry.check_keys(("enabled", "open", "close", "min_duration_s", "close_after_s"))
        rule = replace(
            usual,
            is_enabled=entry.flag("enabled") if "enabled" in entry else True,
            open_limit=_number(entry, "open", usual.open_limit, usual.low, usual.high, usual.unit),
            close_limit=_number(entry, "close", usual.close_limit, usual.low, usual.high, usual.unit),
            min_duration_s=_number(entry, "min_duration_s", usual.min_duration_s, 0, 86_400, "seconds"),
            close_after_s=_number(entry, "close_after_s", usual.close_after_s, 0, 86_400, "seconds"),
        )
        if (rule.close_limit < rule.open_limit) if rule.is_below else (rule.close_limit > rule.open_limit):
            wanted = "above" if rule.is_below else "below"
            raise entry.fault(
                f"close is {rule.close_limit:g} and open is {rule.open_limit:g}; close must be {wanted} open or equal"
            )
        rules[kind] = rule
    return rules


def _read_baseline(table: TomlTable) -> BaselineConfig:
    usual = BaselineConfig()
    table.check_keys(("learn_s", "light_s", "scene_s", "busy_s"))
    return BaselineConfig(
        learn_s=_number(table, "learn_s", usual.learn_s, 1, 86_400, "seconds"),
        light_s=_number(table, "light_s", usual.light_s, 60, 1e7, "seconds"),
        scene_s=_number(table, "scene_s", usual.scene_s, 60, 1e7, "seconds"),
        busy_s=_number(table, "busy_s", usual.busy_s, 1, 86_400, "seconds"),
    )


def _read_evidence(table: TomlTable) -> EvidenceConfig:
    usual = EvidenceConfig()
    table.check_keys(("enabled", "max_mb", "width_px"))
    return EvidenceConfig(
        is_enabled=table.flag("enabled") if "enabled" in table else True,
        max_mb=_number(table, "max_mb", usual.max_mb, 0.1, 1e6, "megabytes"),
        width_px=int(_number(table, "width_px", usual.width_px, 64, 8192, "pixels")),
    )


def _read_mqtt(table: TomlTable) -> MqttConfig:
    table.check_keys(("host", "port", "topic", "username", "password_env", "tls", "max_waiting"))
    is_tls = table.flag("tls")
    topic = table.text("topic", "photogate/events")
    if not topic or any(sign in topic for sign in "+#\0"):
        raise table.fault(f"topic is {topic!r}; write a topic to publish under, without + and #")
    return MqttConfig(
        host=table.text("host"),
        port=int(_number(table, "port", 8883 if is_tls else 1883, 1, 65_535, "port")),
        topic=topic,
        username=table.optional_text("username"),
        password_env=table.optional_text("password_env"),
        is_tls=is_tls,
        max_waiting=int(_number(table, "max_waiting", 10_000, 1, 1e7, "events")),
    )


def _read_webhook(table: TomlTable) -> WebhookConfig:
    table.check_keys(("url", "token_env", "timeout_s", "max_waiting"))
    url = table.text("url")
    fault = find_url_fault(url)
    if fault is not None:
        raise table.fault(fault)
    return WebhookConfig(
        url=url,
        token_env=table.optional_text("token_env"),
        timeout_s=_number(table, "timeout_s", 10, 0.1, 600, "seconds"),
        max_waiting=int(_number(table, "max_waiting", 10_000, 1, 1e7, "events")),
    )
