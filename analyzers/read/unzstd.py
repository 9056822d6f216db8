"""Decompresses zstd: frames one after another, and the collector's own way to put them into a file."""

from __future__ import annotations

import re
import sys
from typing import IO, Final

from .unpacking import PIECE, Damage, Unpacking

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC: Final = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
"""Begins a frame, one to be skipped too: some tools put a table of contents first."""
FRAMED: Final = re.compile(rb".{4}\x28\xb5\x2f\xfd", re.DOTALL)
"""Begins a file of the collector: a length, then a frame."""

_SMALL: Final = 1 << 10
"""Packed bytes for one call: the library hands out nothing of a call that fails, so that this much before a damage may be lost."""
_LARGEST: Final = 256 << 20
"""Content of one of the collector's frames. It writes a batch into each, and takes none over 20 MiB by HTTP."""
_PART: Final = 1 << 20


class Unzstd(Unpacking):
    """Decompresses a `.zst` file, of one frame or several. A damage ends it."""

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__(inner)
        self._frame = zstd.ZstdDecompressor()
        self._input = b""
        self._fresh = True

    def unpack(self, size: int) -> bytes:
        while True:
            if not self._input and self._frame.needs_input:
                self._input = self.take(_SMALL)
                if not self._input:
                    if not self._fresh:
                        self.damage = Damage("the zstd data ends in the middle")
                    return b""
            try:
                data = self._frame.decompress(self._input, size)
            except zstd.ZstdError as error:
                self.damage = Damage(f"the zstd data is damaged near byte {self.taken - len(self._input)} ({error})")
                return b""
            self._input, self._fresh = b"", False
            if self._frame.eof:
                self._input = self._frame.unused_data
                self._frame = zstd.ZstdDecompressor()
                self._fresh = True
            if data:
                return data


class UnzstdFramed(Unpacking):
    """Decompresses what the collector's file exporter writes: the length in four bytes, big-endian, then a frame, again and again.

    The content of each frame is one document, JSON without a line's end or protobuf; a line's end is put after JSON. Of a
    damaged frame nothing is handed out, for half a document would spoil the next; the others are read. If the file is cut, what
    is there of the last one is handed out.
    """

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__(inner)
        self._input = b""
        self._ready = memoryview(b"")
        self._frames = 0
        self._bad = 0
        self._first = ""
        """What is wrong with the first damaged frame."""

    def unpack(self, size: int) -> bytes:
        while not self._ready and self.damage is None:
            head = self._exactly(4)
            if not head:
                if self._bad:
                    what = f"{self._bad} of {self._frames} zstd frames are damaged, the first {self._first}"
                    self.damage = Damage(what, "they were left out, the others were read")
                return b""
            if len(head) < 4:
                self.damage = Damage("the zstd data ends in the middle")
                return b""
            self._ready = memoryview(self._content(int.from_bytes(head, "big")))
        data = bytes(self._ready[:size])
        self._ready = self._ready[size:]
        return data

    def _content(self, length: int) -> bytes:
        """The content of the next frame; empty when it is damaged. Leaves what follows it to be read."""
        begin = self.taken - len(self._input) - 4
        self._frames += 1
        frame, out, left, why = zstd.ZstdDecompressor(), bytearray(), length, ""
        while not frame.eof and not why:
            piece = b""
            if frame.needs_input:
                piece = self._piece(min(left, PIECE))
                left -= len(piece)
                if not piece and left:
                    self.damage = Damage("the zstd data ends in the middle")
                    return bytes(out)
                if not piece:
                    why = "it is longer than its length says"
            try:
                out += frame.decompress(piece, _PART)
            except zstd.ZstdError as error:
                why = str(error)
            if len(out) > _LARGEST:
                why = f"it unpacks to more than {_LARGEST >> 20} MiB"
        if why:
            self._damaged(begin, why, left)
            return b""
        self._input = frame.unused_data + self._input
        return bytes(out + b"\n" if out.startswith((b"{", b"[")) and not out.endswith(b"\n") else out)

    def _damaged(self, begin: int, why: str, left: int) -> None:
        """Count a damaged frame, and go on behind it if a frame begins there."""
        self._bad += 1
        self._first = self._first or f"at byte {begin}: {why}"
        while left and (piece := self._piece(min(left, PIECE))):
            left -= len(piece)
        following = self._exactly(8)
        self._input = following + self._input
        if following and not FRAMED.match(following):
            self.damage = Damage(f"the zstd data is damaged from byte {begin} on, and no frame begins behind it ({why})")

    def _piece(self, size: int) -> bytes:
        """At most `size` packed bytes; empty at the end, or for no size."""
        if not self._input:
            return self.take(size) if size else b""
        data, self._input = self._input[:size], self._input[size:]
        return data

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (piece := self._piece(size - len(data))):
            data += piece
        return data
