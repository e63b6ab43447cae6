"""The address that events are posted to. It may hold secrets: what is wrong with it is said without repeating it."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["find_url_fault"]


def find_url_fault(url: str) -> str | None:
    """What is wrong with the address of a webhook, and what to write instead; None if it can be used."""
    if not all("!" <= sign <= "~" for sign in url):
        return "url holds a space or a sign that is not ASCII; write it as %20 and the like, and in a host as xn--..."
    try:
        parts = urlsplit(url)
    except ValueError:
        return "url is no address; write one such as https://example.org/photogate"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "url is no web address; write one that begins with https:// or http://"
    if "@" in parts.netloc:
        return "url has a user or a password in it; leave them out, and name the variable of a token in token_env"
    try:
        is_usable = parts.port != 0
    except ValueError:
        is_usable = False
    return None if is_usable else "url has a port that is none; write a number from 1 to 65535, or leave it out"
