"""What a unit leaves behind when it ends: work in a thread, an open generator, an open file.

A unit with something left is not released: its end is written with the next tick, and once more, with a higher revision,
when the last of it is done. So a record that comes after a unit's end still reaches the file, also when the process is killed
in between. Nearly all units leave nothing and have no `Held`.
"""

from __future__ import annotations

import functools
from collections import deque
from typing import TYPE_CHECKING

from . import vocabulary as v

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .recorder import Recorder
    from .records import Attributes, Unit
    from .taskstate import TaskState

TOLD_LIMIT = 1_000
"""Of each kind that one unit opens, so many are told from the beginning. Of those beyond it only what outlasts the unit is: a
worker that opens one file for each of its jobs would else use up the events of its unit, and the memory, with what went well."""


class Held:
    """What one unit has left open. Without locks: it is used from any thread, and by callbacks that the garbage collector runs.

    Attributes:
        looks: called with the time at the unit's end, before it ends, by number: they note what has been closed unseen.
        opened: how many of each kind were opened, by the name of the event that tells it.
    """

    __slots__ = ("_due", "_keys", "looks", "opened")

    def __init__(self) -> None:
        self.looks: dict[int, Callable[[int], None]] = {}
        self.opened: dict[str, int] = {}
        self._keys: set[int] = set()
        self._due: list[bool] = []

    def add(self, key: int) -> None:
        """Something is open; the unit stays until `drop`."""
        self._keys.add(key)

    def look(self, at_ns: int) -> None:
        """The unit is about to end."""
        for look in list(self.looks.values()):
            look(at_ns)

    def keep(self) -> bool:
        """The unit has ended and may go. True: something is open, and whoever drops the last of it lets it go."""
        self._due.append(True)
        return bool(self._keys) or not self._claim()

    def drop(self, key: int) -> bool:
        """It is open no longer. True: the unit has ended before, and the caller releases it."""
        self._keys.discard(key)
        return not self._keys and self._claim()

    def _claim(self) -> bool:
        # Two threads may come here at once; a list gives its last element to one of them.
        try:
            return self._due.pop()
        except IndexError:
            return False


class Opening:
    """One thing that a unit has opened. Its number is its key among what the unit holds.

    Args:
        event, at_ns, attrs: what tells of it.

    Attributes:
        closed_seq: seq of the event that told its end; 0: it was not told; None: it is open.
    """

    __slots__ = ("_recorder", "_untold", "_watching", "closed_seq", "number", "unit")

    def __init__(self, recorder: Recorder, unit: Unit, number: int, event: str, at_ns: int, attrs: Attributes) -> None:
        self.number = number
        self.unit = unit
        self.closed_seq: int | None = None
        self._recorder = recorder
        self._untold: tuple[str, int, Attributes] | None = (event, at_ns, attrs)
        self._watching: tuple[Unit, ...] = ()
        held = recorder.holds.hold(unit, number)
        held.opened[event] = before = held.opened.get(event, 0)
        held.opened[event] += 1
        if before < TOLD_LIMIT:
            self.tell()
        else:
            held.looks[number] = self.look

    def watch(self, poll: Callable[[int], None], *units: Unit) -> None:
        """Call `poll` with the time before one of these units ends: it notes what was closed unseen."""
        for unit in units:
            held_of(unit).looks[self.number] = functools.partial(self.look, poll=poll)
        self._watching = units

    def look(self, at_ns: int, *, poll: Callable[[int], None] | None = None) -> None:
        """A unit that has to know is about to end."""
        if poll is not None:
            poll(at_ns)
        if self.closed_seq is None:
            self.tell()

    def tell(self) -> None:
        """Note that it was opened, if that is not done yet: it is of interest now."""
        untold, self._untold = self._untold, None
        if untold is not None:
            self._recorder.event(self.unit, *untold)

    def close(self, event: str, at_ns: int, attrs: Attributes) -> None:
        """It is open no longer; `let_go` follows."""
        if self._untold is None:
            self.closed_seq = self._recorder.event(self.unit, event, at_ns, attrs)
            return
        self.closed_seq, self._untold = 0, None
        left_out = self.unit.attrs.get(v.PAIRS_LEFT_OUT, 0)
        self.unit.attrs[v.PAIRS_LEFT_OUT] = (left_out if isinstance(left_out, int) else 0) + 1

    def reopen(self) -> None:
        """Its end was told too early: take that back."""
        seq, self.closed_seq = self.closed_seq, None
        events = self.unit.events
        if isinstance(events, list):
            events[:] = [event for event in events if event[2] != seq]

    def let_go(self, *, late: bool = False) -> None:
        """The unit need not stay for it. `late`: the garbage collector runs, perhaps amid other work of ours that has a lock."""
        for unit in (self.unit, *self._watching):
            if unit.held is not None:
                unit.held.looks.pop(self.number, None)
        holds = self._recorder.holds
        (holds.let_go_later if late else holds.let_go)(self.unit, self.number)


class Holds:
    """What the units of one recording have left open.

    Args:
        release: takes an ended unit to which nothing more will be added.
        units: the units that are not released yet, by span id.

    Attributes:
        settling: called at each tick, in the writer's thread.
    """

    def __init__(self, release: Callable[[Unit], None], units: Mapping[int, Unit]) -> None:
        self._release = release
        self._units = units
        self.settling: list[Callable[[], None]] = []
        self._late: deque[tuple[Unit, int]] = deque()

    def hold(self, unit: Unit, key: int) -> Held:
        """Something was opened on the unit that may outlast it; `let_go` with the same key when it is open no longer."""
        held = held_of(unit)
        held.add(key)
        return held

    def let_go(self, unit: Unit, key: int) -> None:
        """What the unit held is open no longer; the unit is released if it has ended before. From any thread."""
        if unit.held is not None and unit.held.drop(key):
            self._release(unit)

    def let_go_later(self, unit: Unit, key: int) -> None:
        """The same from where the garbage collector runs, perhaps amid other work of ours that has a lock: `settle` does it."""
        self._late.append((unit, key))

    def settle(self) -> None:
        """Let go what had to wait; called at each tick."""
        for settle in self.settling:
            settle()
        for _ in range(len(self._late)):
            try:
                unit, key = self._late.popleft()
            except IndexError:  # another thread settles too
                return
            self.let_go(unit, key)

    def root_of(self, unit: Unit) -> Unit:
        """The outermost unit above this one that has not been released, itself if there is none above."""
        found: Unit | None = unit
        while found is not None:
            unit = found
            found = self._units.get(unit.parent_id) if unit.parent_id is not None else None
        return unit

    def finish(self, units: list[Unit], now_on: Callable[[Unit], int]) -> None:
        """The recording ends: look once more, as at the end of each unit."""
        for unit in units:
            if unit.held is not None:
                unit.held.look(now_on(unit))
        self.settle()


def held_of(unit: Unit) -> Held:
    """What the unit has left open; made when it is first asked for."""
    if unit.held is None:
        unit.held = Held()
    return unit.held


def keeper(state: TaskState | None) -> Unit | None:
    """The unit of a running task that owns what it opens: the innermost one that is no scope; None when none is open.

    A scope is left long before what was opened inside it is due, and a generator may leak one into its consumer (PEP 789).
    """
    if state is None:
        return None
    for unit in reversed(state.stack):
        if unit.kind != "scope":
            return unit
    base = state.base
    return base if base is not None and base.end_ns is None else None
