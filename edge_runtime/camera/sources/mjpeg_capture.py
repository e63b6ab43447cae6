"""MJPEG over HTTP, as most IP cameras offer it, with nothing but the standard library and Pillow."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable
from typing import Any

from edge_runtime.camera.sources.address import StreamAddress, parse_stream_address
from edge_runtime.camera.sources.capture import CorruptPictureError, Picture, SignalError
from edge_runtime.camera.sources.jpeg import decode_jpeg
from edge_runtime.camera.sources.jpeg_splitter import JpegSplitter
from edge_runtime.camera.sources.options import SourceOptions
from edge_runtime.camera.sources.tcp import connect
from edge_runtime.errors import SourceError

__all__ = ["MjpegCapture", "open_mjpeg"]

READ_BYTES = 65_536
MJPEG_TYPES = ("multipart/x-mixed-replace", "multipart/mixed", "video/x-motion-jpeg", "video/x-mjpeg", "image/mjpeg")


class MjpegCapture:
    """An answer of endless JPEGs."""

    is_finite = False
    position_ms: float | None = None

    def __init__(self, answer: Any, name: str, lines: list[socket.socket], timeout_ms: int) -> None:
        """Takes the answer over.

        Args:
            answer: an http.client.HTTPResponse at the beginning of its body.
            name: of the source.
            lines: the sockets that the connection has used, the latest at the end.
            timeout_ms: without a picture for so long, the signal is lost.
        """
        lines[-1].settimeout(timeout_ms / 1e3)
        self._answer = answer
        self._name = name
        self._lines = lines
        self._timeout_s = timeout_ms / 1e3
        self._splitter = JpegSplitter()
        self._corrupt = 0
        self._pending: deque[bytes] = deque()
        self._jpeg = b""

    def grab(self) -> bool:
        """See Capture. Of several that have come at once, each is delivered: the source keeps the newest."""
        deadline = time.monotonic() + self._timeout_s
        while not self._pending:
            if self._corrupt < self._splitter.corrupt:
                self._corrupt += 1
                raise CorruptPictureError(f"{self._name}: a damaged picture")
            try:
                if time.monotonic() > deadline:  # bytes still come, such as the headers of empty parts
                    raise TimeoutError
                data = self._answer.read1(READ_BYTES)
            except TimeoutError:
                raise SignalError(f"{self._name}: no picture any more; check the camera and the network") from None
            except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
                # An interrupted answer is one of the last: its file is gone while it is read.
                raise SignalError(f"{self._name}: the connection broke off ({_describe(error)})") from None
            if not data:
                raise SignalError(f"{self._name}: the camera ended the stream; it may be restarting")
            self._pending.extend(self._splitter.feed(data))
        self._jpeg = self._pending.popleft()
        return True

    def retrieve(self) -> Picture:
        """See Capture."""
        return decode_jpeg(self._jpeg)

    def interrupt(self) -> None:
        """See Capture."""
        _shut_down(self._lines)

    def close(self) -> None:
        """See Capture."""
        with contextlib.suppress(OSError, ValueError):
            self._answer.close()
        _shut_down(self._lines)
        for line in self._lines:
            line.close()


def open_mjpeg(
    address: StreamAddress, name: str, options: SourceOptions, is_stopped: Callable[[], bool]
) -> MjpegCapture | None:
    """Asks for the address, with the user and password in it if the camera wants them (Basic or Digest).

    Proxies of the environment are not used, and a redirection to another host is refused: nothing is connected to
    but the camera. What listens on another of its ports gets no password.

    Returns:
        The stream; None: what is there is no MJPEG, and one for FFmpeg to read.

    Raises:
        SignalError: nobody there, an HTTP error, or user and password are wrong.
        SourceError: a single picture, or a web page.
    """
    lines: list[socket.socket] = []
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    digest_passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if address.user is not None:
        root = urllib.parse.urljoin(address.bare, "/")  # the camera may send on to another of its paths
        user, password = address.user, address.password or ""
        passwords.add_password(None, root, user, password)
        digest_passwords.add_password(None, root, _spell_in_header(user), _spell_in_header(password))
    opener = urllib.request.OpenerDirector()
    for handler in (
        _HttpHandler(lines, name, options, is_stopped),
        _HttpsHandler(lines, name, options, is_stopped),
        _BasicAuth(passwords),
        _DigestAuth(digest_passwords),
        _SameHostRedirect(address.host),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "photogate"), ("Accept", "*/*")]
    try:
        answer: Any = opener.open(address.bare, timeout=options.open_timeout_ms / 1e3)
    except SourceError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        text = _describe_status(error.code, error.reason, _find_detour(error.url, address))
        raise SignalError(f"{name}: {address.hide(text)}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, SourceError):
            raise error.reason from None
        reason = address.hide(_describe(error.reason))
        raise SignalError(f"{name}: cannot be opened ({reason}); check the address") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = address.hide(_describe(error))
        raise SignalError(f"{name}: no usable answer ({reason}); is this the camera's address?") from None
    return _choose(answer, name, lines, options)


def _choose(
    answer: http.client.HTTPResponse, name: str, lines: list[socket.socket], options: SourceOptions
) -> MjpegCapture | None:
    kind = answer.headers.get_content_type()
    if kind in MJPEG_TYPES:
        return MjpegCapture(answer, name, lines, options.read_timeout_ms)
    answer.close()
    for line in lines:
        line.close()
    if kind.startswith("image/"):
        raise SourceError(f"{name}: a single picture ({kind}), not a stream; use the camera's MJPEG or RTSP address")
    if kind == "text/html":
        raise SourceError(f"{name}: a web page, not a stream; look up the camera's MJPEG or RTSP address in its manual")
    return None


class _Reach:
    """Makes connections that can be given up and shut down from another thread."""

    def __init__(
        self, lines: list[socket.socket], name: str, options: SourceOptions, is_stopped: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._lines = lines
        self._name = name
        self._timeout_ms = options.open_timeout_ms
        self._checks_certificate = options.checks_certificate
        self._is_stopped = is_stopped

    def build(self, kind: type[http.client.HTTPConnection], host: str, **settings: Any) -> http.client.HTTPConnection:
        connection = kind(host, **settings)
        reach = self

        def make_socket(place: tuple[str, int], *_: object) -> socket.socket:
            made = connect(reach._name, place[0], place[1], reach._timeout_ms, reach._is_stopped)
            made.settimeout(reach._timeout_ms / 1e3)
            return made

        plain_connect = connection.connect

        def connect_and_keep() -> None:
            plain_connect()
            reach._lines.append(connection.sock)
            if reach._is_stopped():
                _shut_down(reach._lines)

        connection._create_connection = make_socket  # type: ignore[attr-defined]
        connection.connect = connect_and_keep  # type: ignore[method-assign]
        return connection


class _HttpHandler(_Reach, urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(lambda host, **more: self.build(http.client.HTTPConnection, host, **more), request)


class _HttpsHandler(_Reach, urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        if not self._checks_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return self.do_open(
            lambda host, **more: self.build(http.client.HTTPSConnection, host, context=context, **more), request
        )


class _BasicAuth(urllib.request.HTTPBasicAuthHandler):
    def http_error_401(self, *arguments: Any) -> Any:
        try:
            return super().http_error_401(*arguments)
        except ValueError:  # it does not know the scheme, which is Digest when that one's handler has given up
            return None


class _DigestAuth(urllib.request.HTTPDigestAuthHandler):
    def get_algorithm_impls(self, algorithm: str) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        kinds = {"MD5": hashlib.md5, "SHA": hashlib.sha1, "SHA-256": hashlib.sha256}
        if algorithm not in kinds:
            raise ValueError(f"the camera asks for {algorithm} digests, which nobody knows here")

        def hash_text(text: str) -> str:  # as the header will have it; urllib's own takes ASCII only
            return kinds[algorithm](text.encode("latin-1")).hexdigest()

        return hash_text, lambda secret, data: hash_text(f"{secret}:{data}")


def _spell_in_header(text: str) -> str:
    """UTF-8, which is what cameras expect, as the Latin-1 that http.client makes of headers."""
    return text.encode().decode("latin-1")


class _SameHostRedirect(urllib.request.HTTPRedirectHandler):
    def __init__(self, host: str) -> None:
        self._host = host

    def redirect_request(
        self, request: Any, body: Any, code: int, message: str, headers: Any, url: str
    ) -> urllib.request.Request | None:
        host = urllib.parse.urlsplit(url).hostname
        if host != self._host:
            raise SignalError(f"{self._host} sends on to another host, {host}; name that one if it is the camera")
        return super().redirect_request(request, body, code, message, headers, url)


def _shut_down(lines: list[socket.socket]) -> None:
    """Ends the connections, also for a thread that waits in one; the plain call, for TLS would first take its leave."""
    for line in lines:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(line, socket.SHUT_RDWR)


def _describe(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; a camera's own needs checks_certificate=False"
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__


def _find_detour(url: str, address: StreamAddress) -> str | None:
    """Where the camera has sent on to, if that is another of its ports: what listens there gets no password."""
    place = parse_stream_address(url)
    if (place.host, place.port) == (address.host, address.port):
        return None
    return urllib.parse.urljoin(place.bare, "/")


def _describe_status(code: int, reason: str, detour: str | None) -> str:
    if code in (401, 403) and detour is not None:
        return (
            f"the camera sends on to {detour}, which asks for a user and a password (HTTP {code}), and is not given "
            "those of another port; name that address itself"
        )
    if code in (401, 403):
        return (
            f"user or password missing or wrong (HTTP {code}); write them into the address: "
            "http://user:password@host/path"
        )
    if code == 404:
        return "the camera knows no such path (HTTP 404); look up its stream's address in its manual"
    return f"the camera answers HTTP {code} {reason}; try again later, or restart it"
