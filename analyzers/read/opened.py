"""Opens a file for reading: standard input, pipes, gzip, zstd; counts and hashes its bytes."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

from . import gunzip, unzstd

if TYPE_CHECKING:
    from collections.abc import Generator

    from _typeshed import WriteableBuffer

    from .unpacking import Damage, Unpacking

CHUNK: Final = 1 << 20
HEAD: Final = 1 << 16
"""Bytes that recognition sees."""
SPOOL: Final = 64 << 20
"""Standard input up to this size stays in memory."""
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


class Opened:
    """An open file, decompressed.

    Attributes:
        stream: the bytes, decompressed; supports `peek`.
        size: bytes of the file as it lies on the disk.
        path: where the stream's bytes lie as they are; None: nowhere, or compressed.
    """

    def __init__(self, raw: IO[bytes], size: int, path: Path | None = None) -> None:
        """`path`: where `raw` lies."""
        self.size = size
        self._hashing = Hashing(raw)
        packed = io.BufferedReader(self._hashing, CHUNK)
        self._unpacking = _unpacking(packed)
        self.path = path if self._unpacking is None else None
        self.stream = packed if self._unpacking is None else io.BufferedReader(self._unpacking, CHUNK)

    def head(self) -> bytes:
        """The first bytes, which stay to be read."""
        return self.stream.peek(HEAD)[:HEAD]

    @property
    def position(self) -> int:
        """Bytes of the file (as it lies on the disk) that were read so far."""
        return self._hashing.count

    @property
    def damage(self) -> Damage | None:
        """What is wrong with the compression; None: nothing, or not compressed. Known at the end of the stream."""
        return self._unpacking.damage if self._unpacking else None

    def sha256(self) -> str:
        """Hash of the whole file; reads on to its end."""
        while self._hashing.read(CHUNK):
            pass
        return self._hashing.hexdigest()


def _unpacking(packed: io.BufferedReader[Hashing]) -> Unpacking | None:
    """Who decompresses this; None: it is not compressed."""
    head = packed.peek(8)
    if head.startswith(gunzip.MAGIC):
        return gunzip.Gunzip(packed)
    if unzstd.MAGIC.match(head):
        return unzstd.Unzstd(packed)
    return unzstd.UnzstdFramed(packed) if unzstd.FRAMED.match(head) else None


class Elsewhere(Protocol):
    """A source that is no file of this machine's."""

    def copy(self, target: IO[bytes]) -> None:
        """Write its bytes."""
        ...


@contextmanager
def opened(path: Path | Elsewhere) -> Generator[Opened]:
    """Open `path`, `-` for standard input.

    Raises:
        OSError: as `open` does.
    """
    if not isinstance(path, Path):
        with tempfile.SpooledTemporaryFile(max_size=SPOOL) as spool:
            path.copy(spool)
            yield _rewound(spool)
        return
    if str(path) == STDIN:
        with _spooled(sys.stdin.buffer) as raw:
            yield raw
        return
    with path.open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            yield Opened(file, status.st_size, path)
        else:  # a pipe, a device: what it says can be read only once, and it has no size
            with _spooled(file) as raw:
                yield raw


@contextmanager
def _spooled(source: IO[bytes]) -> Generator[Opened]:
    with tempfile.SpooledTemporaryFile(max_size=SPOOL) as spool:
        shutil.copyfileobj(source, spool, CHUNK)
        yield _rewound(spool)


def _rewound(spool: IO[bytes]) -> Opened:
    size = spool.tell()
    spool.seek(0)
    return Opened(spool, size)
