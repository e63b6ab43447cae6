"""Neither a webhook's address nor its token gets into a message; one that cannot be used is refused at once."""

from __future__ import annotations

import http.client
import traceback

import pytest

from edge_runtime.camera.monitor import parse_monitor_config
from edge_runtime.camera.monitor.config import WebhookConfig
from edge_runtime.camera.monitor.sinks import DeliveryError
from edge_runtime.camera.monitor.sinks.webhook import Webhook
from edge_runtime.errors import SourceError

LINE = '{"id": "a", "state": "opened"}'


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://me:s3cret@host/x", "token_env"),
        ("https://s3cret@host/x", "token_env"),
        ("ftp://me:s3cret@host/x", "http://"),
        ("me:s3cret@host/x", "http://"),
        ("http://host:s3cret/x", "1 to 65535"),
        ("http://host:0/s3cret", "1 to 65535"),
        ("http://host:99999/s3cret", "1 to 65535"),
        ("http://[::1/s3cret", "no address"),
        ("http://host/s3cret x", "%20"),
        ("http://host/s3cret\\n", "%20"),
        ("http://host/s3cret\\u0000", "%20"),
        ("http://ü.example/s3cret", "ASCII"),
        ("http:///s3cret", "http://"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused_and_not_repeated(url: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_monitor_config(f'schema = 1\n[webhook]\nurl = "{url}"', "monitor.toml")
    message = str(caught.value)
    assert message.startswith("monitor.toml: [webhook] url ")
    assert words in message
    assert "s3cret" not in message
    with pytest.raises(SourceError, match=r"^\[webhook\] url ") as made:
        Webhook(WebhookConfig(url.encode().decode("unicode_escape") if "\\" in url else url))
    assert "s3cret" not in str(made.value)


@pytest.mark.parametrize("url", ["http://host", "https://host:8443/a?b=c@d", "http://[::1]:80/", "HTTP://host:/x"])
def test_other_addresses_are_taken(url: str) -> None:
    config = parse_monitor_config(f'schema = 1\n[webhook]\nurl = "{url}"', "x")
    assert config.webhook is not None
    assert config.webhook.url == url
    Webhook(config.webhook)


@pytest.mark.parametrize("token", ["s3cret\nX: y", "s3\tcret", "s3cret€", "s3cret\udcff", "s3cret\x7f"])
def test_tokens_that_no_header_can_hold_are_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"SHELF_TOKEN": token})
    with pytest.raises(SourceError, match="SHELF_TOKEN") as caught:
        Webhook(WebhookConfig("http://host/", token_env="SHELF_TOKEN"))
    assert "s3" not in str(caught.value)


def test_space_around_a_token_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELF_TOKEN", " s3cret é\n")
    webhook = Webhook(WebhookConfig("http://host/", token_env="SHELF_TOKEN"))
    assert webhook._headers["Authorization"] == "Bearer s3cret é"
    monkeypatch.setenv("SHELF_TOKEN", " \n")
    with pytest.raises(SourceError, match="not set"):
        Webhook(WebhookConfig("http://host/", token_env="SHELF_TOKEN"))


@pytest.mark.parametrize(
    "fault", [ValueError("Invalid header value b's3cret'"), http.client.InvalidURL("nonnumeric port: 's3cret@host'")]
)
def test_what_the_library_says_of_a_request_that_it_refuses_is_not_passed_on(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = Webhook(WebhookConfig("http://host/"))

    def refuse(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(webhook._opener, "open", refuse)
    with pytest.raises(DeliveryError, match="host cannot be posted to; check url and token_env") as caught:
        webhook.deliver(LINE)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_host_that_is_no_name_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DeliveryError):  # of a label of 64 letters Python makes a UnicodeError
        Webhook(WebhookConfig(f"http://{'a' * 64}.example/")).deliver(LINE)
