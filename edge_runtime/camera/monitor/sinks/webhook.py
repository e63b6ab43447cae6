"""Events by HTTP: each is posted as one JSON object."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from edge_runtime._version import __version__
from edge_runtime.camera.monitor.config import WebhookConfig
from edge_runtime.camera.monitor.sinks.queued import DeliveryError
from edge_runtime.camera.monitor.web_address import find_url_fault
from edge_runtime.errors import SourceError

__all__ = ["Webhook"]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would come out as a GET without its body, and count as delivered."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follows none."""
        return


class Webhook:
    """Posts lines to one address. Any answer but 2xx means that it is tried again."""

    def __init__(self, config: WebhookConfig) -> None:
        """Connects to nothing yet.

        Raises:
            SourceError: the address cannot be used, or the environment does not hold the token that is asked for.
        """
        fault = find_url_fault(config.url)
        if fault is not None:
            raise SourceError(f"[webhook] {fault}")
        self._config = config
        self._host = urlsplit(config.url).hostname or ""  # for messages: the rest of the address may be secret
        self._headers = {"Content-Type": "application/json", "User-Agent": f"photogate/{__version__}"}
        if config.token_env is not None:
            self._headers["Authorization"] = f"Bearer {_read_token(config.token_env)}"
        self._opener = urllib.request.build_opener(_NoRedirect())

    def deliver(self, line: str) -> None:
        """Posts one event.

        Raises:
            DeliveryError: it did not get through.
        """
        event = json.loads(line)
        headers = {**self._headers, "Idempotency-Key": f"{event.get('id')}-{event.get('state')}"}
        request = urllib.request.Request(self._config.url, line.encode(), headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._config.timeout_s) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            error.close()
            raise DeliveryError(f"{self._host} answers {error.code} {error.reason}") from error
        except (ValueError, http.client.InvalidURL):  # whose text may hold the token or the address
            raise DeliveryError(
                f"{self._host} cannot be posted to; check url and token_env of [webhook], and the proxy if there is one"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise DeliveryError(f"{self._host} cannot be reached: {reason}") from error


def _read_token(name: str) -> str:
    token = os.environ.get(name, "").strip()
    if not token:
        raise SourceError(
            f"[webhook] token_env names {name}, which is not set; set it to the token, for example with "
            "EnvironmentFile= in the systemd unit"
        )
    if not all(" " <= sign <= "~" or "\xa0" <= sign <= "\xff" for sign in token):  # printable Latin-1
        raise SourceError(
            f"[webhook] token_env names {name}, which holds a line break or another sign that cannot be sent; set it "
            "to the token and nothing else"
        )
    return token
