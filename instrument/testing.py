"""For tests of programs and of probes: a recording as plain Python values, with ids that count from 1.

    def program(clock):
        ...
        await clock.advance(2)

    with recorded() as trace:
        HandClock().run(program)
    assert trace.one("stage slow").outcome == "timed_out"
    assert trace.values() == [...]

`recorded` needs no file and no folder; `MemorySink` is where its units go, and serves a session of your own too. `HandClock` is a
loop whose time is turned by hand. Two runs of one program give equal values.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import vocabulary as v
from .attach import Delivery, session
from .hand_clock import ClockStandsStill, HandClock
from .sinks import MemorySink

if TYPE_CHECKING:
    from collections.abc import Generator

    from .records import Attributes, Unit, Value


__all__ = ["ClockStandsStill", "HandClock", "MemorySink", "RecordedEvent", "RecordedUnit", "Trace", "recorded"]


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event: attributes without the common prefix, without its seq, with file names instead of paths."""

    name: str
    seq: int
    time_ns: int
    attributes: dict[str, Value]

    def __getitem__(self, key: str) -> Value:
        return self.attributes[key]

    def get(self, key: str) -> Value | None:
        """The attribute, or None."""
        return self.attributes.get(key)


@dataclass(frozen=True, slots=True, repr=False)
class RecordedUnit:
    """One unit, with its parent's name and its events in order."""

    name: str
    kind: str
    span_id: str
    trace_id: str
    parent: str | None
    outcome: str | None
    start_ns: int
    end_ns: int | None
    attributes: dict[str, Value]
    events: list[RecordedEvent] = field(default_factory=list[RecordedEvent])

    def of(self, name: str) -> list[RecordedEvent]:
        """Its events of this name."""
        return [event for event in self.events if event.name == name]

    def first(self, name: str) -> RecordedEvent:
        """Its first event of this name; LookupError when it has none."""
        found = self.of(name)
        if not found:
            raise LookupError(f"{self.name} has no event {name!r}; it has {[event.name for event in self.events]}")
        return found[0]

    def __repr__(self) -> str:
        return f"<{self.name} {self.outcome or 'open'}, {len(self.events)} events>"

    @property
    def ran(self) -> bool:
        """It made a first step."""
        return bool(self.of(v.STARTED))


@dataclass(slots=True, repr=False)
class Trace:
    """What a session recorded; filled when the session ends."""

    start_ns: int = 0
    units: list[RecordedUnit] = field(default_factory=list[RecordedUnit])
    seams: dict[str, str] = field(default_factory=dict[str, str])
    faults: list[RecordedEvent] = field(default_factory=list[RecordedEvent])

    def __repr__(self) -> str:
        return f"<Trace of {len(self.units)} units: {', '.join(sorted({unit.name for unit in self.units}))[:200]}>"

    def named(self, name: str) -> list[RecordedUnit]:
        """All units of this name, in order of their creation."""
        return [unit for unit in self.units if unit.name == name]

    def one(self, name: str) -> RecordedUnit:
        """The only unit of this name; LookupError when there is none or more than one."""
        found = self.named(name)
        if len(found) != 1:
            raise LookupError(f"{len(found)} units are called {name!r}; recorded: {sorted(unit.name for unit in self.units)}")
        return found[0]

    def values(self) -> list[dict[str, Any]]:
        """The trace as dictionaries, lists, texts and numbers that compare with those of another run.

        Files are named without their folders. Times are ns since the recording began, where the loop's clock is not the machine's
        (`HandClock`, a virtual loop); a real time is None, for it never comes twice.
        """
        return [
            {
                "name": unit.name,
                "kind": unit.kind,
                "span_id": unit.span_id,
                "trace_id": unit.trace_id,
                "parent": unit.parent,
                "outcome": unit.outcome,
                "start_ns": self._since(unit, unit.start_ns),
                "end_ns": self._since(unit, unit.end_ns),
                "attributes": {key: value for key, value in sorted(unit.attributes.items()) if not self._is_time(unit, key)},
                "events": [
                    {
                        "name": event.name,
                        "seq": event.seq,
                        "time_ns": self._since(unit, event.time_ns),
                        **{key: value for key, value in sorted(event.attributes.items()) if not self._is_time(unit, key)},
                    }
                    for event in unit.events
                ],
            }
            for unit in self.units
        ]

    def _since(self, unit: RecordedUnit, time_ns: int | None) -> int | None:
        return None if time_ns is None or unit.attributes.get("clock") != "virtual" else time_ns - self.start_ns

    @staticmethod
    def _is_time(unit: RecordedUnit, key: str) -> bool:
        # Anchored to the moment of the recording; what follows from a deadline stands in the timeout and in the event's time.
        if key == "deadline.loop_time":
            return unit.attributes.get("clock") != "virtual"
        return key.endswith("_ns") and key not in ("timeout_ns", "deadline.timeout_ns", "cleanup.budget_ns")


@contextmanager
def recorded(*, delivery: Delivery = "auto") -> Generator[Trace]:
    """Record the block into memory; the trace is complete when the block has ended."""
    trace = Trace()
    with session(sink=MemorySink(), delivery=delivery, sequential_ids=True, name="test") as attached:
        yield trace
    recorder = attached.recorder
    sink = attached.sink
    if not isinstance(sink, MemorySink):
        raise TypeError(f"recorded() needs a MemorySink, got {type(sink).__name__}")
    trace.start_ns = recorder.start_ns
    trace.seams = dict(text.split("=", 1) for text in recorder.seams.described())
    trace.faults = _events(recorder.recording)
    units = sorted(sink.units, key=lambda unit: unit.start_seq)
    names = {unit.span_id: unit.name for unit in units}
    trace.units = [_unit(unit, names) for unit in units if unit.kind != "recording"]


def _unit(unit: Unit, names: dict[int, str]) -> RecordedUnit:
    return RecordedUnit(
        name=unit.name,
        kind=unit.kind,
        span_id=unit.hex,
        trace_id=f"{unit.trace_id:032x}",
        parent=names.get(unit.parent_id) if unit.parent_id is not None else None,
        outcome=unit.outcome,
        start_ns=unit.start_ns,
        end_ns=unit.end_ns,
        attributes=_plain(unit.attributes()),
        events=_events(unit),
    )


def _events(unit: Unit) -> list[RecordedEvent]:
    return [RecordedEvent(str(name), seq, time_ns, _plain(dict(attrs))) for name, time_ns, seq, attrs in unit.all_events()]


def _plain(attrs: Attributes) -> dict[str, Value]:
    plain: dict[str, Value] = {}
    for key, value in attrs.items():
        if key == v.SEQ:
            continue
        text = Path(value).name if key == v.CODE_FILE and isinstance(value, str) else value
        plain[str(key).removeprefix("spanproof.")] = text
    return plain
