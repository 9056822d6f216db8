"""Decompresses gzip."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import IO, Final

from .unpacking import Damage, Unpacking

MAGIC: Final = b"\x1f\x8b"


class Gunzip(Unpacking):
    """Decompresses gzip, several members too. Unlike `gzip.open` it hands out every byte before a damage, and then ends."""

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__(inner)
        self._input = b""
        self._member = zlib.decompressobj(wbits=31)
        self._fresh = True

    def unpack(self, size: int) -> bytes:
        while True:
            if not self._input:
                self._input = self.take()
                if not self._input:
                    if not self._fresh:
                        self.damage = Damage("the gzip data ends in the middle")
                    return b""
            before = self._member.copy()
            try:
                data = self._member.decompress(self._input, size)
            except zlib.error as error:
                self.damage = Damage(f"the gzip data is damaged ({error})")
                return self._undamaged(before, size)
            self._fresh = False
            self._input = self._member.unconsumed_tail
            if self._member.eof:
                # Tape blocks and some tools pad with zero bytes after the last member.
                self._input = self._member.unused_data.lstrip(b"\0")
                self._member = zlib.decompressobj(wbits=31)
                self._fresh = True
            if data:
                return data

    def _undamaged(self, member: zlib._Decompress, size: int) -> bytes:
        """What the input holds before its damage: zlib hands out nothing of a call that fails, so the calls are made small."""
        out = bytearray()
        with suppress(zlib.error):
            for byte in self._input:
                out += member.decompress(bytes((byte,)))
                if len(out) > size:
                    break
        return bytes(out[:size])
