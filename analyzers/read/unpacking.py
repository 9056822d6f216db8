"""What the ways to decompress have in common: every byte before a damage is handed out, and a bomb is not unpacked to its end."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE: Final = 1 << 15
"""Packed bytes that are looked at together. What follows a member or frame is copied for each, so that more would cost its square."""
UNASKED: Final = 256 << 20
"""Bytes that anything may unpack to."""
RATIO: Final = 500
"""Beyond those, bytes of content for each packed one. Traces have 10 to 100; gzip can do 1,000 at most, zstd 10,000 and more."""


class Damage(NamedTuple):
    """What is wrong with compressed data.

    Attributes:
        what: the damage.
        done: what was read in spite of it.
    """

    what: str
    done: str = "what comes before was read"


class Unpacking(io.RawIOBase, ABC):
    """A raw stream of decompressed bytes. A damage ends it, or costs a part of it; reading raises nothing.

    Attributes:
        damage: what is wrong with the compressed data; None: nothing. Known at the end of the stream.
    """

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__()
        self.damage: Damage | None = None
        self.taken = 0
        """Packed bytes that were taken so far."""
        self._inner = inner
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        filled = 0
        while filled < len(view) and self.damage is None and (data := self.unpack(len(view) - filled)):
            view[filled : filled + len(data)] = data
            filled += len(data)
        self._given += filled
        if self._given > UNASKED and self._given > RATIO * self.taken:
            self.damage = Damage(
                f"the compressed data unpacks to more than {RATIO} times its size, as no trace does",
                f"the first {self._given >> 20} MiB were read; to read on, unpack the file with another tool and name the result",
            )
        return filled

    def take(self, size: int = PIECE) -> bytes:
        """At most `size` packed bytes; empty at the end."""
        data = self._inner.read(size)
        self.taken += len(data)
        return data

    @abstractmethod
    def unpack(self, size: int) -> bytes:
        """At most `size` bytes of content; empty only at the end. Called no more once `damage` is set."""
