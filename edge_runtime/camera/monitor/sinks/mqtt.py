"""Events by MQTT: each is published as one JSON object, and counts as delivered when the broker has said so (QoS 1)."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from typing import Any

from edge_runtime.camera.monitor.config import MqttConfig
from edge_runtime.camera.monitor.sinks.queued import DeliveryError
from edge_runtime.errors import SourceError, UsageError

__all__ = ["MqttPublisher"]

TIMEOUT_S = 10.0
KEEPALIVE_S = 60


class MqttPublisher:
    """Publishes lines under one topic. The connection is kept between events, and made anew after a failure."""

    def __init__(self, config: MqttConfig) -> None:
        """Connects to nothing yet.

        Raises:
            UsageError: paho-mqtt 2 is not installed.
            SourceError: the environment does not hold the password that is asked for.
        """
        try:
            self._paho: Any = importlib.import_module("paho.mqtt.client")
            self._version = self._paho.CallbackAPIVersion.VERSION2
        except (ImportError, AttributeError) as error:
            raise UsageError("MQTT needs paho-mqtt 2: pip install 'photogate[mqtt]'") from error
        self._config = config
        self._password: str | None = None
        if config.password_env is not None:
            self._password = os.environ.get(config.password_env)
            if not self._password:
                raise SourceError(
                    f"[mqtt] password_env names {config.password_env}, which is not set; set it to the password, for "
                    "example with EnvironmentFile= in the systemd unit"
                )
        self._client: Any = None

    def deliver(self, line: str) -> None:
        """Publishes one event.

        Raises:
            DeliveryError: it did not get through.
        """
        try:
            client = self._client if self._client is not None else self._connect()
            message = client.publish(self._config.topic, line.encode(), qos=1)
            message.wait_for_publish(TIMEOUT_S)
            if not message.is_published():
                raise DeliveryError(f"{self._config.host} has not confirmed within {TIMEOUT_S:g} s")
        except (OSError, ValueError, RuntimeError) as error:
            self.hang_up()
            raise DeliveryError(f"{self._config.host} cannot be reached: {error}") from error
        except DeliveryError:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """Ends the connection and its thread; the next event makes new ones."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                client.disconnect()
            client.loop_stop()

    def _connect(self) -> Any:
        client = self._paho.Client(self._version)
        if self._config.username is not None:
            client.username_pw_set(self._config.username, self._password)
        if self._config.is_tls:
            client.tls_set()
        client.connect_timeout = TIMEOUT_S
        client.connect(self._config.host, self._config.port, KEEPALIVE_S)
        client.loop_start()
        self._client = client
        deadline = time.monotonic() + TIMEOUT_S
        while not client.is_connected():  # the broker may still refuse the password
            if time.monotonic() > deadline:
                raise DeliveryError(f"{self._config.host} does not accept the connection; check user and password")
            time.sleep(0.02)
        return client
