"""Opens a file for reading: standard input, pipes, gzip; counts and hashes its bytes."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import sys
import tempfile
import zlib
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _typeshed import WriteableBuffer

CHUNK: Final = 1 << 20
HEAD: Final = 1 << 16
"""Bytes that recognition sees."""
SPOOL: Final = 64 << 20
"""Standard input up to this size stays in memory."""
GZIP: Final = b"\x1f\x8b"
STDIN: Final = "-"


class Hashing(io.RawIOBase):
    """A raw stream that hashes and counts what passes through."""

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__()
        self.inner = inner
        self.count = 0
        self._sha = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self.inner.read(len(view))
        view[: len(data)] = data
        self._sha.update(data)
        self.count += len(data)
        return len(data)

    def hexdigest(self) -> str:
        """SHA-256 of what has passed so far."""
        return self._sha.hexdigest()


class Gunzip(io.RawIOBase):
    """Decompresses gzip, several members too. Unlike `gzip.open` it hands out every byte before a damage, and then ends.

    Attributes:
        damage: what is wrong with the compressed data; None: nothing.
    """

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__()
        self.damage: str | None = None
        self._inner = inner
        self._input = b""
        self._member = zlib.decompressobj(wbits=31)
        self._fresh = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        """At most `size` bytes; empty only at the end."""
        while self.damage is None:
            if not self._input:
                self._input = self._inner.read(CHUNK)
                if not self._input:
                    if not self._fresh:
                        self.damage = "the gzip data ends in the middle"
                    break
            before = self._member.copy()
            try:
                data = self._member.decompress(self._input, size)
            except zlib.error as error:
                self.damage = f"the gzip data is damaged ({error})"
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
        return b""

    def _undamaged(self, member: zlib._Decompress, size: int) -> bytes:
        """What the input holds before its damage: zlib hands out nothing of a call that fails, so the calls are made small."""
        out = bytearray()
        with suppress(zlib.error):
            for byte in self._input:
                out += member.decompress(bytes((byte,)))
                if len(out) > size:
                    break
        return bytes(out[:size])


class Opened:
    """An open file, decompressed.

    Attributes:
        stream: the bytes, decompressed; supports `peek`.
        size: bytes of the file as it lies on the disk.
    """

    def __init__(self, raw: IO[bytes], size: int) -> None:
        self.size = size
        self._hashing = Hashing(raw)
        packed = io.BufferedReader(self._hashing, CHUNK)
        self._gunzip = Gunzip(packed) if packed.peek(2)[:2] == GZIP else None
        self.stream = packed if self._gunzip is None else io.BufferedReader(self._gunzip, CHUNK)

    def head(self) -> bytes:
        """The first bytes, which stay to be read."""
        return self.stream.peek(HEAD)[:HEAD]

    @property
    def position(self) -> int:
        """Bytes of the file (as it lies on the disk) that were read so far."""
        return self._hashing.count

    @property
    def damage(self) -> str | None:
        """What is wrong with the compression; None: nothing, or not compressed. Known at the end of the stream."""
        return self._gunzip.damage if self._gunzip else None

    def sha256(self) -> str:
        """Hash of the whole file; reads on to its end."""
        while self._hashing.read(CHUNK):
            pass
        return self._hashing.hexdigest()


@contextmanager
def opened(path: Path) -> Generator[Opened]:
    """Open `path`, `-` for standard input.

    Raises:
        OSError: as `open` does.
    """
    if str(path) == STDIN:
        with _spooled(sys.stdin.buffer) as raw:
            yield raw
        return
    with path.open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            yield Opened(file, status.st_size)
        else:  # a pipe, a device: what it says can be read only once, and it has no size
            with _spooled(file) as raw:
                yield raw


@contextmanager
def _spooled(source: IO[bytes]) -> Generator[Opened]:
    with tempfile.SpooledTemporaryFile(max_size=SPOOL) as spool:
        shutil.copyfileobj(source, spool, CHUNK)
        size = spool.tell()
        spool.seek(0)
        yield Opened(spool, size)
