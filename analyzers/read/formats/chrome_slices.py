"""Slices of time: what begins and ends in Chrome's events, and how those of one thread are nested."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..notes import Notes

ENDLESS: Final = 2**63
"""The end of a slice that has none, where ends are compared."""

Texts: TypeAlias = "dict[str, str | None]"
Key: TypeAlias = "tuple[str, ...]"


class Point(NamedTuple):
    """Something at one time of a thread.

    Attributes:
        order: number of the event in the file.
        thread: process and thread, as texts.
        time: in ns.
        phase: letter of the event.
        flow: of what flow it is a step; None: it is an event of a span.
        ahead: it belongs to the next slice that begins, not to the one around it.
    """

    order: int
    thread: Key
    time: int
    phase: str
    name: str
    attributes: Texts
    line: int
    flow: Key | None = None
    ahead: bool = False


@dataclass(slots=True, eq=False)
class Slice:
    """A slice, which becomes a span.

    Attributes:
        order: number of its event in the file.
        thread: process and thread, as texts.
        start: in ns.
        end: in ns; None: none was recorded.
        until: its end, where ends are compared.
        parent: the one in which it is.
        events: what happened in it, in the order of time.
        sources: the slices from which flows came.
    """

    order: int
    thread: Key
    name: str
    start: int
    end: int | None
    until: int
    attributes: Texts
    line: int
    parent: Slice | None = None
    # Most slices have neither, and an empty list for each would be a fifth of what a slice takes.
    events: list[Point] | None = None
    sources: list[Slice] | None = None

    def happened(self, point: Point) -> None:
        """Take an event."""
        if self.events is None:
            self.events = []
        self.events.append(point)

    def came_from(self, source: Slice) -> None:
        """Take the source of a flow."""
        if self.sources is None:
            self.sources = []
        self.sources.append(source)


class Ends:
    """Brings the beginnings and ends of one thread, or of one asynchronous operation, together. They have to come in the order of time."""

    def __init__(self, notes: Notes) -> None:
        self._begun: list[Slice] = []
        self._named: defaultdict[str, list[Slice]] = defaultdict(list)
        """The open ones of each name."""
        self._notes = notes

    def innermost(self) -> Slice | None:
        """The slice that is open and began last; None: nothing is open."""
        while self._begun and self._begun[-1].end is not None:
            self._begun.pop()
        return self._begun[-1] if self._begun else None

    def begin(self, one: Slice) -> None:
        """A slice begins."""
        self._begun.append(one)
        self._named[one.name].append(one)

    def end(self, point: Point) -> None:
        """The innermost slice of that name ends, for a point without a name the innermost one."""
        name = point.name
        if not name and (innermost := self.innermost()):
            name = innermost.name
        if not self._named[name]:
            what = "an end without a beginning"
            self._notes.add(what, "it was left out", "data_loss", line=point.line, detail=name[:60])
            return
        one = self._named[name].pop()
        one.end = one.until = point.time
        one.attributes |= point.attributes


def nest(slices: list[Slice], points: list[Point], notes: Notes, bound: Callable[[Point, Slice | None], None]) -> None:
    """Find the parent of each slice of one thread, and the slice around each point, which `bound` gets.

    A slice that reaches beyond the end of the one in which it begins is a child of what is around both.
    """
    slices.sort(key=lambda one: (one.start, -one.until, one.order))
    points.sort(key=lambda point: (point.time, point.order))
    around: list[Slice] = []
    ahead: list[Point] = []
    number = 0
    for one in slices:
        while number < len(points) and points[number].time < one.start:
            _put(points[number], around, ahead, bound)
            number += 1
        while around and around[-1].until <= one.start:
            around.pop()
        if around and around[-1].until < one.until:
            what = "slices of a thread that overlap without being nested"
            notes.add(what, "the later one became a child of what is around both", "notice", line=one.line)
            # Whatever is in one of these and begins later is in the new one too.
            while around and around[-1].until < one.until:
                around.pop()
        one.parent = around[-1] if around else None
        around.append(one)
        for point in ahead:
            bound(point, one)
        ahead.clear()
    for point in points[number:]:
        _put(point, around, ahead, bound)
    for point in ahead:
        bound(point, None)


def _put(point: Point, around: list[Slice], ahead: list[Point], bound: Callable[[Point, Slice | None], None]) -> None:
    if point.ahead:
        ahead.append(point)
        return
    while around and around[-1].until < point.time:
        around.pop()
    bound(point, around[-1] if around else None)
