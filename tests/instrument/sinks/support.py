"""Units to write and files to read back, for the tests of the sinks."""

from __future__ import annotations

import json
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from spanproof.instrument import vocabulary as v
from spanproof.instrument.records import Origin, Unit
from spanproof.instrument.sinks import Tick

if TYPE_CHECKING:
    from pathlib import Path

RESOURCE: dict[str, object] = {v.RES_SERVICE: "test", v.RES_VERSION: "0.0", v.RES_FORMAT: v.FORMAT, v.RES_SEAMS: ["task=held"]}

next_seq = count(1).__next__

Span = dict[str, Any]


def unit(number: int, kind: str = "task") -> Unit:
    """An open unit whose span id is `number`."""
    return Unit(7, number, None, Origin(kind, f"{kind} t{number}", {v.UNIT: kind}), time.time_ns(), next_seq())


def end(one: Unit) -> Unit:
    """The same, ended."""
    one.end_ns, one.end_seq = time.time_ns(), next_seq()
    one.outcome = "completed"
    return one


def recording() -> Unit:
    """A recording's own record."""
    return Unit(1, 2**63, None, Origin("recording", "recording", {v.UNIT: "recording"}), time.time_ns(), next_seq())


def tick() -> Tick:
    """How far the test has got."""
    return Tick(time.time_ns(), next_seq())


def value(otlp: dict[str, Any]) -> Any:
    """The Python value of an OTLP value."""
    ((kind, inside),) = otlp.items()
    if kind == "arrayValue":
        return [value(item) for item in inside["values"]]
    return int(inside) if kind == "intValue" else inside


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span, an event or a resource; a key that occurs twice fails."""
    pairs = [(item["key"], value(item["value"])) for item in holder["attributes"]]
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


def spans_of(line: bytes | str) -> list[Span]:
    """The spans of one line."""
    (resource_spans,) = json.loads(line, parse_constant=_no_constant)["resourceSpans"]
    (scope_spans,) = resource_spans["scopeSpans"]
    assert scope_spans["scope"]["name"] == v.SCOPE_NAME
    found: list[Span] = scope_spans["spans"]
    return found


def resource_of(line: bytes | str) -> dict[str, Any]:
    """The resource's attributes of one line."""
    return attributes(json.loads(line)["resourceSpans"][0]["resource"])


def _no_constant(name: str) -> None:
    raise AssertionError(f"a bare {name} is no JSON")


def merged(*paths: Path, torn: bool = False) -> dict[int, Span]:
    """The spans of these files by id, of each the highest rev. `torn`: the last line may be half."""
    best: dict[int, Span] = {}
    for path in paths:
        lines = path.read_bytes().split(b"\n")
        last = lines.pop()
        assert torn or last == b""
        for line in lines:
            for span in spans_of(line):
                key = int(span["spanId"], 16)
                if key not in best or rev(span) > rev(best[key]):
                    best[key] = span
    return best


def rev(span: Span) -> int:
    """Its revision."""
    found: int = attributes(span)[v.REV]
    return found


def recording_of(spans: dict[int, Span]) -> dict[str, Any]:
    """The attributes of the recording's own record."""
    return attributes(spans[2**63])


def losses(spans: dict[int, Span]) -> dict[str, int]:
    """What the recording says that it lost, by reason."""
    found = [attributes(event) for event in spans[2**63].get("events", []) if event["name"] == v.RECORDS_LOST]
    return {event[v.LOST_WHY]: event[v.LOST_RECORDS] for event in found}
