"""The sink for tests says the same as the file."""

from __future__ import annotations

from spanproof.instrument import vocabulary as v
from spanproof.instrument.sinks import MemorySink, Sink

from .support import RESOURCE, attributes, end, recording, resource_of, spans_of, tick, unit


def test_it_keeps_units_and_gives_lines() -> None:
    own = recording()
    memory = MemorySink(own, RESOURCE, tick)
    sink: Sink = memory
    memory.start()
    one, two, zero_length = unit(1), unit(2), end(unit(3))
    sink.opened(one)
    sink.opened(two)
    one.dirty = False
    sink.changed(one)
    sink.ended(end(two))
    sink.ended(zero_length)
    sink.close("session", [one])
    sink.close("process", [])

    assert not memory.dead
    assert one.dirty
    assert memory.units == [one, two, zero_length]
    assert memory.ended_by == "session"
    assert memory.open_units == [one]
    memory.resource({**RESOURCE, v.RES_SEAMS: []})
    (line,) = memory.lines()
    assert resource_of(line)[v.RES_SEAMS] == []
    spans = spans_of(line)
    assert [span["name"] for span in spans] == ["task t1", "task t2", "task t3", "recording"]
    assert attributes(spans[0])[v.OUTCOME] == "unfinished"
    assert attributes(spans[1])[v.OUTCOME] == "completed"
    assert attributes(spans[3])[v.ENDED_BY] == "session"
    assert attributes(spans[3])[v.OPEN_UNITS] == 1


def test_lines_hold_at_most_32() -> None:
    memory = MemorySink()
    for number in range(1, 70):
        memory.opened(unit(number))
    memory.close("process", [])
    assert [len(spans_of(line)) for line in memory.lines()] == [32, 32, 5]
