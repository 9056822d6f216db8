"""What the recorder and a sink say to each other, and the one line on stderr that a sink may print."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .. import vocabulary as v

if TYPE_CHECKING:
    from ..records import Unit

MAX_WAITING = 65_536
"""Ended units that may wait to be written; beyond it they are dropped and counted, so that a slow disk cannot eat the memory."""


class Tick(NamedTuple):
    """How far the recorder has got, read in one go.

    Attributes:
        now_ns: time on the monotonic clock, anchored to the epoch.
        seq: highest seq that was given.
        virtual_ns: highest time of a virtual clock, None where there is none.
    """

    now_ns: int
    seq: int
    virtual_ns: int | None = None


class Sink(Protocol):
    """Where the recorder puts its units. No method raises, blocks or keeps anything but units."""

    def opened(self, unit: Unit) -> None:
        """The unit exists now. Called once a unit, from any thread."""

    def changed(self, unit: Unit) -> None:
        """The open unit was changed; call it after the change."""

    def ended(self, unit: Unit) -> None:
        """The unit has its end and will not be changed again."""

    def close(self, ended_by: v.EndedBy, open_units: list[Unit]) -> None:
        """Write all that waits, `open_units` as unfinished, and the recording's end. Later calls do nothing."""


def stamp(recording: Unit, tick: Tick, open_units: int, dropped: int) -> None:
    """Note in the recording's own record how far knowledge reaches."""
    attrs = recording.attrs
    attrs[v.TICK_NS], attrs[v.TICK_SEQ] = tick.now_ns, tick.seq
    attrs[v.OPEN_UNITS], attrs[v.DROPPED] = open_units, dropped
    if tick.virtual_ns is not None:
        attrs[v.VIRTUAL_TICK_NS] = tick.virtual_ns


def seal(recording: Unit, tick: Tick, ended_by: v.EndedBy) -> None:
    """Note in the recording's own record that knowledge ends here, in order."""
    recording.attrs[v.ENDED_BY] = ended_by
    recording.end_ns, recording.end_seq = tick.now_ns, tick.seq


def warn(text: str) -> None:
    """Print one line on stderr; a missing, closed or broken stderr is no reason to hurt the program."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f"spanproof: {text}\n")
        sys.stderr.flush()
