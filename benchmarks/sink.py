"""What the file sink costs: time to encode a span against the SDK's encoders, and how late it makes a loop.

    python benchmarks/sink.py [--quick]

Prints ratios of interleaved runs in this process, minimum of several; absolute times are of this machine and for orientation only.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from spanproof.instrument import vocabulary as v
from spanproof.instrument.records import Attributes, Origin, Unit
from spanproof.instrument.sinks import Tick, TraceFile, Writer
from spanproof.instrument.sinks.encode import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry import trace

RESOURCE: dict[str, object] = {
    v.RES_SERVICE: "benchmark",
    v.RES_VERSION: "0",
    v.RES_FORMAT: v.FORMAT,
    v.RES_SEAMS: [f"seam{n}=held" for n in range(12)],
}
ORIGIN = Origin("stage", "stage fetch", {v.UNIT: "stage", v.CLOCK: "monotonic", v.LOOP: 1})
_numbers = count(1).__next__


def attributes(number: int) -> Attributes:
    """What a stage with a deadline carries."""
    return {
        v.STAGE: "fetch",
        v.ATTEMPT: 1,
        v.STAGE_DEPENDENCIES: ["load", "check"],
        v.CODE_FILE: "/app/pipeline.py",
        v.CODE_LINE: 33,
        v.CODE_FUNCTION: "Fetch.run",
        v.DEADLINE_NS: 10**18 + number,
        v.TIMEOUT_NS: 10**9,
        v.DEADLINE_STATE: "disarmed",
    }


def events(number: int) -> list[tuple[str, int, int, Attributes]]:
    """Its events."""
    return [
        (v.DEADLINE_SET, 10**18, 5 * number + 2, {v.DEADLINE_ID: number, v.DEADLINE_AT: 10**18, v.AT_FILE: "/app/x.py", v.AT_LINE: 3}),
        (v.REPORTED, 10**18, 5 * number + 3, {v.REPORT_CHANNEL: "result", v.REPORT_OUTCOME: "completed", v.REPORT_HAS_DATA: True}),
    ]


def unit() -> Unit:
    """An ended stage."""
    number = _numbers()
    made = Unit(2**100 + number, 2**60 + number, 2**61, ORIGIN, 10**18, 5 * number)
    made.attrs = attributes(number)
    made.outcome = "completed"
    made.creator = 2**61
    made.started_ns, made.started_seq = 10**18, 5 * number + 1
    made.events = events(number)
    made.end_ns, made.end_seq = 10**18 + 10**6, 5 * number + 4
    return made


def sdk_span() -> ReadableSpan:
    """The same stage as a span of the SDK."""
    number = _numbers()
    mine: Attributes = {v.START_SEQ: 5 * number, v.CREATOR: f"{number:016x}"}
    span = _tracer.start_span("stage fetch", attributes={**ORIGIN.attrs, **mine, **attributes(number), v.OUTCOME: "completed"})
    for name, at_ns, seq, more in [(v.STARTED, 10**18, 5 * number + 1, {}), *events(number)]:
        span.add_event(name, {**more, v.SEQ: seq}, at_ns)
    span.end()
    if not isinstance(span, ReadableSpan):
        raise TypeError(f"the SDK's tracer made a {type(span).__name__}, expected a ReadableSpan")
    return span


_tracer: trace.Tracer = TracerProvider(resource=Resource.create({v.RES_SERVICE: "benchmark"})).get_tracer("benchmark")


def _in_batches(encode: Callable[[list[Any]], object], spans: list[Any]) -> Callable[[], None]:
    def run() -> None:
        for first in range(0, len(spans), 32):
            encode(spans[first : first + 32])

    return run


def _encoders(spans: int) -> dict[str, Callable[[], None]]:
    """Each encoder with its own copy of the same content, in batches of 32."""
    encoder = Encoder(RESOURCE)
    units = [unit() for _ in range(spans)]
    sdk = [sdk_span() for _ in range(spans)]
    runs = {
        "ours": _in_batches(lambda some: encoder.line([encoder.span(one) for one in some]), units),
        "SDK, its own JSON (Span.to_json)": _in_batches(lambda some: [one.to_json().encode() for one in some], sdk),
    }
    try:
        encode_spans: Any = import_module("opentelemetry.exporter.otlp.proto.common.trace_encoder").encode_spans
        to_dict: Any = import_module("google.protobuf.json_format").MessageToDict
    except ImportError:
        print("install opentelemetry-exporter-otlp-proto-http to see OTLP's encoders too")
        return runs
    return runs | {
        "SDK, OTLP protobuf": _in_batches(lambda some: encode_spans(some).SerializeToString(), sdk),
        "SDK, OTLP JSON by json.dumps": _in_batches(lambda some: json.dumps(to_dict(encode_spans(some))).encode(), sdk),
    }


def encode_table(spans: int, rounds: int) -> None:
    """Microseconds a span."""
    runs = _encoders(spans)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], (time.perf_counter() - began) / spans * 1e6)
    print("encode a span of 15 attributes and 3 events")
    for name, took in best.items():
        print(f"  {name:<34}{took:8.1f} us   ours takes {best['ours'] / took:5.2f} of it")


async def _lateness(units_a_second: int, seconds: float, take: Callable[[Unit], None]) -> tuple[float, float, int]:
    """p50 and p99 of how late a 1 ms timer is, in us, while so many units a second are made and taken; and how many were."""
    loop = asyncio.get_running_loop()
    began, late, made = loop.time(), list[float](), 0
    while (now := loop.time()) - began < seconds:
        due = int((now - began) * units_a_second)
        for _ in range(due - made):
            take(unit())
        made = max(made, due)
        planned = loop.time() + 0.001
        await asyncio.sleep(0.001)
        late.append((loop.time() - planned) * 1e6)
    cuts = statistics.quantiles(late, n=100)
    return cuts[49], cuts[98], made


def lateness_table(seconds: float, rounds: int) -> None:
    """How late the loop is with the writer's thread, against the same load and no sink."""
    print("lateness of the loop, the same load with the writer and without a sink")
    for units in (2_000, 10_000, 25_000):
        without: list[float] = []
        with_writer: list[float] = []
        dropped = 0
        for _ in range(rounds):
            without.append(asyncio.run(_lateness(units, seconds, lambda _: None))[1])
            p99, lost = _with_writer(units, seconds)
            with_writer.append(p99)
            dropped += lost
        print(
            f"  {units:>6} units/s ({5 * units:>7} records/s): p99 {min(with_writer):7.0f} us, without {min(without):7.0f} us, "
            f"{min(with_writer) / min(without):5.2f}x; lost {dropped}"
        )


def _with_writer(units: int, seconds: float) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        recording = Unit(1, 1, None, Origin("recording", "recording", {v.UNIT: "recording"}), time.time_ns(), 1)
        writer = Writer(TraceFile(folder, "benchmark", "benchmark"), recording, RESOURCE, lambda: Tick(time.time_ns(), _numbers()))
        writer.start()

        def take(one: Unit) -> None:
            writer.opened(one)
            for _ in range(3):
                writer.changed(one)
            writer.ended(one)

        try:
            return asyncio.run(_lateness(units, seconds, take))[1], writer.dropped
        finally:
            writer.close("process", [])


def hot_path_table(units: int) -> None:
    """Nanoseconds of the three calls of one unit, in the program's thread."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Unit(1, 1, None, Origin("recording", "recording", {v.UNIT: "recording"}), time.time_ns(), 1)
        writer = Writer(TraceFile(folder, "benchmark", "benchmark"), recording, RESOURCE, lambda: Tick(time.time_ns(), _numbers()))
        made = [unit() for _ in range(units)]
        began = time.perf_counter_ns()
        for one in made:
            writer.opened(one)
            writer.changed(one)
            writer.ended(one)
        print(f"opened + changed + ended: {(time.perf_counter_ns() - began) / units:.0f} ns a unit")


def main() -> None:
    """Print all tables."""
    quick = "--quick" in sys.argv[1:]
    hot_path_table(3_000)
    encode_table(2_000 if quick else 10_000, 3 if quick else 5)
    lateness_table(1.0 if quick else 2.0, 2 if quick else 5)


if __name__ == "__main__":
    main()
