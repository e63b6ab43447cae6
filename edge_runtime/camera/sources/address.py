"""What does the text mean that names a source? And how is it shown, without the credentials it may hold?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from edge_runtime.errors import SourceError
from edge_runtime.paths import STANDARD_INPUT

__all__ = ["MASK", "Address", "SourceKind", "StreamAddress", "parse_source", "parse_stream_address"]

MASK = "***"
SourceKind = Literal["camera", "stdin", "stream", "path"]
DEFAULT_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
# Addresses of cameras carry credentials in the query or even in the path: /user=admin_password=abc_channel=1. Makers
# have names of their own for them, such as loginuse and loginpas. A value ends where the next name begins, for it may
# hold the signs between them itself.
SECRET = re.compile(
    r"((?:^|[?&;/_,.])(?:[a-z0-9-]*(?:user|usr|login|account|pass|pwd|psw|token|auth|key|secret|signature)[a-z0-9-]*|sig)=)"
    r"(?:(?![/_,.][a-z0-9-]+=)[^&;?#\s])*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Address:
    """A source, as its text names it.

    Attributes:
        kind: "camera", "stdin", "stream" or "path".
        text: the address, index or path itself; may hold credentials, so it is left out of ``repr``.
        name: the same, fit to be shown.
    """

    kind: SourceKind
    text: str = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """The address of a stream, taken apart.

    Attributes:
        scheme: in lower case.
        host, port: whom to connect to.
        user, password: decoded; None: none given.
        bare: the address without user and password.
        url: the address as it was given, blanks in it quoted.
    """

    scheme: str
    host: str
    port: int
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    bare: str = field(repr=False)
    url: str = field(repr=False)

    def hide(self, message: object) -> str:
        """Foreign text on one line, with whatever it says of this address's credentials masked."""
        text = " ".join(str(message).split()).replace(self.url, _mask(self.url))
        secrets = {unquote(secret) for secret in (self.password, self.user) if secret}
        userinfo = urlsplit(self.url).netloc.rpartition("@")[0]
        for secret in sorted({*secrets, *filter(None, userinfo.split(":"))}, key=len, reverse=True):
            text = text.replace(secret, MASK) if len(secret) > 2 else text
        return SECRET.sub(rf"\1{MASK}", text)


def parse_source(text: str) -> Address:
    """Tells the kind of a source: "-", digits, an address with a scheme, or a path.

    Raises:
        SourceError: the text is empty, its scheme is unknown, or its address is no address.
    """
    text = text.strip()
    if not text:
        raise SourceError("the source is empty; pass a camera's number, a file, a folder, an address, or -")
    if text in STANDARD_INPUT:
        return Address("stdin", text, "standard input")
    if re.fullmatch(r"[0-9]{1,4}", text):
        return Address("camera", str(int(text)), f"camera {int(text)}")
    # One letter before the colon is a Windows drive.
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", text)
    if scheme is None:
        return Address("path", text, text)
    if scheme[1].lower() not in DEFAULT_PORTS:
        if "//" not in text:
            return Address("path", text, text)  # a file name with a colon in it
        known = ", ".join(f"{name}://" for name in DEFAULT_PORTS)
        raise SourceError(
            f"{_mask(text)}: unknown kind of address {scheme[1]}://; known are {known}, and a file is given by its path"
        )
    return Address("stream", text, _mask(parse_stream_address(text).url))


def parse_stream_address(url: str) -> StreamAddress:
    """Takes an address apart.

    Raises:
        SourceError: it has no host, or its port is none.
    """
    url = _quote_blanks(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = None
    if parts is None or not host:
        raise SourceError(
            f"{_mask(url)}: not a usable address; it should look like rtsp://host:554/path, with a port of 1 to 65535, "
            "and characters such as @ : / # in a password written as %40 %3A %2F %23"
        )
    scheme = parts.scheme.lower()
    netloc = parts.netloc.rpartition("@")[2]
    return StreamAddress(
        scheme,
        host,
        port or DEFAULT_PORTS[scheme],
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        urlunsplit((scheme, netloc, parts.path, parts.query, "")),
        url,
    )


def _quote_blanks(url: str) -> str:
    return re.sub(r"[\s\x00-\x1f\x7f]", lambda found: quote(found[0]), url)


def _mask(url: str) -> str:
    """The address with user, password and what looks like them in path and query replaced.

    Rather too much than too little: up to the last @, so that no part of a password is left in which / @ or # were
    not encoded, though such an address cannot be used.
    """
    scheme, separator, rest = _quote_blanks(url).partition("://")
    rest = SECRET.sub(rf"\1{MASK}", rest)
    credentials, at, place = rest.rpartition("@")
    head = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if at and credentials and ("@" in head or ":" in head):
        rest = f"{MASK}@{place}"
    return f"{scheme}{separator}{rest}"
