"""Counts what a format cannot hold, so that nothing is lost in silence."""

from __future__ import annotations

from typing import NamedTuple


class Loss(NamedTuple):
    """One thing that a format cannot hold.

    Attributes:
        what: what there was.
        became: what it became.
        number: how many there were.
    """

    what: str
    became: str
    number: int


class Losses:
    """What the writing of one file lost."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, what: str, became: str, number: int = 1) -> None:
        """Note so many of them; none is nothing."""
        if number:
            key = (what, became)
            self._counts[key] = self._counts.get(key, 0) + number

    def rows(self) -> list[Loss]:
        """All of them, sorted."""
        return [Loss(what, became, number) for (what, became), number in sorted(self._counts.items())]
