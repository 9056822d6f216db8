"""Counts what a format cannot hold, so that nothing is lost in silence."""

from __future__ import annotations

from typing import NamedTuple


class Loss(NamedTuple):
    """One thing that a format cannot hold.

    Attributes:
        what: what there was.
        became: what it became.
        count: how many there were.
    """

    what: str
    became: str
    count: int


class Losses:
    """What the writing of one file lost."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, what: str, became: str, count: int = 1) -> None:
        """Note `count` of them; none is nothing."""
        if count:
            key = (what, became)
            self._counts[key] = self._counts.get(key, 0) + count

    def rows(self) -> list[Loss]:
        """All of them, sorted."""
        return [Loss(what, became, count) for (what, became), count in sorted(self._counts.items())]
