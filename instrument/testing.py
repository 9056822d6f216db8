"""For tests of recorders and of programs: a trace as plain Python values, with repeatable ids.

with recorded() as trace:
asyncio.run(main())
assert trace.one("stage slow").outcome == "timed_out"
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import vocabulary as v
from .attach import Delivery, session
from .sinks import MemorySink

if TYPE_CHECKING:
    from collections.abc import Generator

    from .records import Attributes, Unit, Value


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


@dataclass(frozen=True, slots=True)
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

    @property
    def ran(self) -> bool:
        """It made a first step."""
        return bool(self.of(v.STARTED))


@dataclass(slots=True)
class Trace:
    """What a session recorded; filled when the session ends."""

    units: list[RecordedUnit] = field(default_factory=list[RecordedUnit])
    seams: dict[str, str] = field(default_factory=dict[str, str])
    faults: list[RecordedEvent] = field(default_factory=list[RecordedEvent])

    def named(self, name: str) -> list[RecordedUnit]:
        """All units of this name, in order of their creation."""
        return [unit for unit in self.units if unit.name == name]

    def one(self, name: str) -> RecordedUnit:
        """The only unit of this name; LookupError when there is none or more than one."""
        found = self.named(name)
        if len(found) != 1:
            raise LookupError(f"{len(found)} units are called {name!r}; recorded: {sorted(unit.name for unit in self.units)}")
        return found[0]


@contextmanager
def recorded(*, delivery: Delivery = "auto", seed: int | None = 0) -> Generator[Trace]:
    """Record the block into memory; the trace is complete when the block has ended."""
    trace = Trace()
    with session(sink=MemorySink(), delivery=delivery, seed=seed, name="test") as attached:
        yield trace
    recorder = attached.recorder
    sink = attached.sink
    if not isinstance(sink, MemorySink):
        raise TypeError(f"recorded() needs a MemorySink, got {type(sink).__name__}")
    trace.seams = dict(text.split("=", 1) for text in recorder.seams.described())
    trace.faults = _events(recorder.recording)
    units = sorted(sink.units, key=lambda unit: unit.start_seq)
    names = {unit.span_id: unit.name for unit in units}
    trace.units = [_unit(unit, names) for unit in units if unit.kind != "recording"]


def _unit(unit: Unit, names: dict[int, str]) -> RecordedUnit:
    outcome = unit.attrs.get(v.OUTCOME)
    return RecordedUnit(
        name=unit.name,
        kind=unit.kind,
        span_id=unit.hex,
        trace_id=f"{unit.trace_id:032x}",
        parent=names.get(unit.parent_id) if unit.parent_id is not None else None,
        outcome=str(outcome) if outcome is not None else None,
        start_ns=unit.start_ns,
        end_ns=unit.end_ns,
        attributes=_plain(unit.attrs),
        events=_events(unit),
    )


def _events(unit: Unit) -> list[RecordedEvent]:
    events = sorted(unit.events, key=lambda event: event[2])
    return [RecordedEvent(str(name), seq, time_ns, _plain(dict(attrs))) for name, time_ns, seq, attrs in events]


def _plain(attrs: Attributes) -> dict[str, Value]:
    plain: dict[str, Value] = {}
    for key, value in attrs.items():
        if key == v.SEQ:
            continue
        text = Path(value).name if key == v.CODE_FILE and isinstance(value, str) else value
        plain[str(key).removeprefix("spanproof.")] = text
    return plain
