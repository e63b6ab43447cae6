"""Where does each JPEG begin and end in a stream of bytes? Told by the markers, over gaps and damage."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["MAX_PICTURE_BYTES", "JpegSplitter"]

MAX_PICTURE_BYTES = 32 * 2**20  # the largest frame of an 8K camera at quality 100 is about 25 MB
START = b"\xff\xd8"
# ITU-T T.81, table B.1. Within coded data FF is followed by 00 (a stuffed FF), D0-D7 (restart) or FF (fill).
MARKER_IN_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
EOI, SOS = 0xD9, 0xDA
STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
BETWEEN_SCANS = frozenset({0xC4, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
SEGMENTS = BETWEEN_SCANS | frozenset(range(0xC0, 0xD0)) | {0xDE, 0xDF} | frozenset(range(0xF0, 0xFE))


class JpegSplitter:
    """Cuts whole JPEGs out of the bytes it is fed; what lies between them, as multipart headers do, is passed over.

    A start of image inside coded data ends the picture before it: that one was cut off. The markers' own lengths are
    followed, so that the thumbnail in a header is not taken for a picture. Memory is bounded by the largest picture.
    """

    def __init__(self, max_picture_bytes: int = MAX_PICTURE_BYTES) -> None:
        """A picture of more bytes than that is given up as corrupt."""
        self._max_picture_bytes = max_picture_bytes
        self._buffer = bytearray()
        self._position = 0  # up to here the picture that starts the buffer has been followed
        self._is_in_scan = False
        self._is_in_picture = False
        self.corrupt = 0  #: pictures that began and were given up

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[bytes]:
        """Takes the next bytes, and yields the pictures that they complete. Run it to its end."""
        self._buffer += data
        return self._cut(is_at_end=False)

    def finish(self) -> Iterator[bytes]:
        """There are no more bytes: yields what a damaged picture had seemed to hold. Run it to its end."""
        return self._cut(is_at_end=True)

    def _cut(self, *, is_at_end: bool) -> Iterator[bytes]:
        while self._is_in_picture or self._find_start():
            state = self._follow()
            if state == "whole":
                yield bytes(self._buffer[: self._position])
                self._skip(self._position)
            elif state == "broken" or is_at_end or len(self._buffer) > self._max_picture_bytes:
                self.corrupt += 1
                # Not where the damage was noticed: a wrong length may have led into the next picture.
                self._skip(len(START))
            else:
                return

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self._position = 0
        self._is_in_scan = self._is_in_picture = False

    def _find_start(self) -> bool:
        start = self._buffer.find(START + b"\xff")  # the first segment's marker follows at once
        if start < 0:
            # Keep what may be the beginning of one.
            del self._buffer[: max(0, len(self._buffer) - len(START))]
            return False
        del self._buffer[:start]
        self._position, self._is_in_picture = len(START), True
        return True

    def _follow(self) -> str:
        """Goes on along the markers: "whole", "broken", or "open" when more bytes are needed."""
        buffer = self._buffer
        while True:
            if self._is_in_scan:
                match = MARKER_IN_SCAN.search(buffer, self._position)
                if match is None:
                    self._position = max(self._position, len(buffer) - 1)
                    return "open"
                self._position = match.end() - 2
                if buffer[self._position + 1] not in BETWEEN_SCANS | {EOI}:
                    return "broken"
                self._is_in_scan = False
            if len(buffer) < self._position + 2:
                return "open"
            if buffer[self._position] != 0xFF:
                return "broken"
            marker = buffer[self._position + 1]
            if marker == 0xFF:  # fill
                self._position += 1
            elif marker == EOI:
                self._position += 2
                return "whole"
            elif marker in STANDALONE:
                self._position += 2
            elif marker not in SEGMENTS:
                return "broken"
            else:
                if len(buffer) < self._position + 4:
                    return "open"
                length = int.from_bytes(buffer[self._position + 2 : self._position + 4], "big")
                if length < 2:
                    return "broken"
                if len(buffer) < self._position + 2 + length:
                    return "open"
                self._position += 2 + length
                self._is_in_scan = marker == SOS
