"""What a recording lost, and why: told once on stderr, and kept as events of the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import vocabulary as v

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..records import Attributes, Unit
    from .base import Tick

REASONS = 32
"""Reasons that are kept apart; what comes later is counted under one name."""


class Losses:
    """Counts lost records by reason, one `records.lost` event each.

    Attributes:
        total: records lost so far.
    """

    def __init__(self, recording: Unit, warn: Callable[[str], None]) -> None:
        self.total = 0
        self._recording = recording
        self._warn = warn
        self._counts: dict[str, int] = {}
        self._events: dict[str, Attributes] = {}

    def add(self, records: int, why: str, tick: Tick) -> None:
        """Count so many records (0: trouble that has lost none yet). A new reason is told on stderr."""
        if why not in self._counts:
            if len(self._counts) >= REASONS:
                why = "other reasons"
            else:
                self._warn(f"{why}. The program goes on; the trace says what it lost")
        count = self._counts[why] = self._counts.get(why, 0) + records
        self.total += records
        event = self._events.get(why)
        if event is None:
            event = self._events[why] = {v.SEQ: tick.seq, v.LOST_WHY: why}
            self._recording.add((v.RECORDS_LOST, tick.now_ns, tick.seq, event))
        event[v.LOST_RECORDS] = count
