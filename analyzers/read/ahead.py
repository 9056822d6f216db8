"""A stream in which one can look ahead, and that knows where it is."""

from __future__ import annotations

import io
from typing import IO, Final

_PIECE: Final = 1 << 20


class Ahead:
    """Reads a stream.

    Attributes:
        at: bytes that were taken so far.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.at = 0
        self._stream = stream
        self._held = b""
        self._from = 0

    def look(self, size: int) -> bytes:
        """The next bytes, which stay to be taken; fewer at the end of the stream."""
        if len(self._held) - self._from < size:
            # In pieces: a size that lies takes no more memory than there are bytes. And a buffer gives its bytes without a copy.
            more = io.BytesIO()
            length = more.write(self._held[self._from :])
            while length < size and (piece := self._stream.read(_PIECE)):
                length += more.write(piece)
            self._held, self._from = more.getvalue(), 0
        return self._held[self._from : self._from + size]

    def take(self, size: int) -> bytes:
        """The next bytes; fewer at the end of the stream."""
        data = self.look(size)
        self.at += len(data)
        self._from += len(data)
        if self._from == len(self._held):
            self._held, self._from = b"", 0
        return data
