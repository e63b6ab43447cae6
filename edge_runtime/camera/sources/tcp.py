"""Is there anyone at a camera's address? A connection that can be given up at any time, with a reason if it fails."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Callable

from edge_runtime.camera.sources.capture import SignalError

__all__ = ["check_reachable", "connect"]

SLICE_S = 0.05  # how soon a wait notices that it is to be given up
IN_PROGRESS = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}


def check_reachable(name: str, host: str, port: int, timeout_ms: int, is_stopped: Callable[[], bool]) -> None:
    """Connects and disconnects: FFmpeg and OpenCV neither say why they cannot, nor let themselves be interrupted.

    Raises:
        SignalError: nobody is there; the message says why.
    """
    connect(name, host, port, timeout_ms, is_stopped).close()


def connect(name: str, host: str, port: int, timeout_ms: int, is_stopped: Callable[[], bool]) -> socket.socket:
    """A blocking TCP connection.

    Args:
        name: of the source, for messages.
        host, port: whom to connect to.
        timeout_ms: for all of the host's addresses together, but for the look-up of its name.
        is_stopped: asked many times a second whether to give up.

    Raises:
        SignalError: nobody is there, in time; or ``is_stopped``.
    """
    deadline = time.monotonic() + timeout_ms / 1e3
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SignalError(f"{name}: no such host {host} ({reason}); check the address and the network") from error
    problem = ""
    for family, kind, protocol, _, place in places:
        connection = None
        try:
            connection = socket.socket(family, kind, protocol)
            connection.setblocking(False)
            code = connection.connect_ex(place)
            if code in IN_PROGRESS:
                code = _wait(connection, deadline, is_stopped)
        except OSError as error:
            code = error.errno or errno.EIO
        if connection is not None and not code:
            connection.setblocking(True)
            return connection
        if connection is not None:
            connection.close()
        if is_stopped():
            raise SignalError(f"{name}: closed while connecting; open it again to go on")
        problem = _describe(code, host, port)
    raise SignalError(f"{name}: {problem}")


def _wait(connection: socket.socket, deadline: float, is_stopped: Callable[[], bool]) -> int:
    """Waits for the connection and returns 0, or the number of the error."""
    while not is_stopped():
        # Windows tells of a failure by the third list only.
        _, ready, failed = select.select([], [connection], [connection], SLICE_S)
        if ready or failed:
            return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if time.monotonic() > deadline:
            return errno.ETIMEDOUT
    return errno.ECANCELED


def _describe(code: int, host: str, port: int) -> str:
    if code == errno.ECONNREFUSED:
        return (
            f"connection refused: {host} is there, but nothing listens on port {port}; "
            "check the port, and that the camera's stream is switched on"
        )
    if code == errno.ETIMEDOUT:
        return f"no answer from {host} port {port}; check that the camera has power and network, and its address"
    return f"cannot connect to {host} port {port} ({os.strerror(code)}); check the network and the address"
