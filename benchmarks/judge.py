"""How long judging takes: four shapes of traces, each clean and with everything cancelled, which is the normal case here and the slow one.

    python benchmarks/judge.py [--quick] [shapes|events|growth|buckets ...]

A good answer: all criteria together below 15 s for each data set, and a small multiple of what it takes to read `units` once; below 1 s
for 100,000 events; time that grows no faster than n log n; the same findings in buckets. The rows are made by SQL straight in the
tables, so that reading files plays no part. `--quick` takes a hundredth of the sizes.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spanproof.analyzers.buckets import opened, split
from spanproof.analyzers.cataloguing import catalogue
from spanproof.analyzers.header import SEAMS
from spanproof.analyzers.judging import judge
from spanproof.analyzers.loading import connect, create_schema, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from spanproof.analyzers import Report

GOAL_S: Final = 15
EVENTS_GOAL_S: Final = 1
SHOWN: Final = 8
"""Criteria that are listed by their share of the time."""


LATE: Final = 97
"""When everything is cancelled, one unit in so many is forgotten: nobody asks it, and it runs on."""


@dataclass(frozen=True)
class Shape:
    """How a trace is built. `parent` and `unit` are SQL over `i`, the number of a unit in its trace; unit 0 is the root, a pipeline."""

    name: str
    traces: int
    spans: int
    parent: str
    unit: str


SHAPES: Final = (
    Shape(
        "many traces",
        10_000,
        100,
        # A run with nine stages, each with a run of its own below it, and eight stages or tasks in that.
        "case when i < 10 then 0 when i % 10 = 0 then i // 10 else i - i % 10 end",
        "case when i < 10 then 'stage' when i % 10 = 0 then 'pipeline' when i % 2 = 0 then 'stage' else 'task' end",
    ),
    Shape("one trace", 1, 100_000, "(i - 1) // 10", "case when i < 11 then 'stage' when i % 7 = 0 then 'scope' else 'task' end"),
    Shape("deep", 1, 10_000, "i - 1", "case i % 4 when 0 then 'pipeline' when 1 then 'stage' when 2 then 'task' else 'subpipeline' end"),
    Shape("wide", 1, 10_000, "0", "case when i % 2 = 0 then 'stage' else 'task' end"),
)

PLAN: Final = """
create temp table plan as
with numbered as (
    select t, i, case when i > 0 then {parent} end as p, case when i = 0 then 'pipeline' else {unit} end as unit
    from range({traces}) traces(t), range({spans}) spans(i)
)
select *,
    format('{{:032x}}', t + 1) as trace_id,
    format('{{:016x}}', t * {spans} + i + 1) as span_id,
    format('{{:016x}}', t * {spans} + p + 1) as parent_id,
    {cancelled} and unit in ('stage', 'task') and (i * 31 + t) % {late} = 0 as forgotten,
    -- Starts from the root downwards, ends the other way round. What is forgotten ends when all else is over.
    1700000000000000000 + t * 10_000_000_000 as begin_ns,
    begin_ns + i * 1000 as start_ns,
    begin_ns + 2_000_000_000 + ({spans} - i) * 10 + case when forgotten then 400_000_000 else 2_000_000 end as end_ns,
    t * {spans} * 20 as base_seq,
    base_seq + i * 6 as start_seq,
    base_seq + {spans} * 12 + ({spans} - i) + case when forgotten then {spans} * 2 else 0 end as end_seq
from numbered
"""

SPANS: Final = """
insert into spans by name
select 1 as resource_id, 1 as file_id, trace_id, span_id, parent_id as parent_span_id, unit || ' u' || (i % 50) as name,
    start_ns, end_ns, 1 as rev,
    map_from_entries(list_filter([
        {{k: 'spanproof.unit', v: unit}}, {{k: 'spanproof.clock', v: 'monotonic'}}, {{k: 'spanproof.loop', v: '1'}},
        {{k: 'spanproof.start_seq', v: start_seq::VARCHAR}}, {{k: 'spanproof.end_seq', v: end_seq::VARCHAR}},
        {{k: 'spanproof.outcome', v: case when {cancelled} and not forgotten then 'cancelled' else 'completed' end}},
        {{k: 'spanproof.creator_span_id', v: case when unit = 'task' then parent_id end}},
        {{k: 'spanproof.stage', v: case when unit = 'stage' then 'u' || (i % 50) end}},
        {{k: 'spanproof.attempt', v: case when unit = 'stage' then '1' end}},
        {{k: 'spanproof.deadline_ns', v: case when i % 10 = 0 then (begin_ns + 60_000_000_000)::VARCHAR end}}
    ], lambda pair: pair.v is not null)) as attributes
from plan
"""

EVENTS: Final = """
insert into events by name
select trace_id, span_id, 0 as ordinal, start_seq + 1 as seq, 'started' as name, start_ns as time_ns,
    map {{}}::MAP(VARCHAR, VARCHAR) as attributes
from plan where unit in ('stage', 'task')
union all by name
select trace_id, parent_id as span_id, 1 as ordinal, start_seq + 2 as seq, 'awaits' as name, start_ns as time_ns, map {{
    'spanproof.await.targets': '["' || span_id || '"]', 'spanproof.await.how': 'await',
    'spanproof.await.end_ns': least(end_ns, begin_ns + 2_001_000_000)::VARCHAR,
    'spanproof.await.end_seq': (base_seq + {spans} * 11 + i)::VARCHAR
}} as attributes
from plan where unit = 'task'
union all by name
select trace_id, span_id, 2 as ordinal, start_seq + 3 as seq, 'deadline.set' as name, start_ns as time_ns,
    map {{
    'spanproof.deadline.id': '1', 'spanproof.deadline.at_ns': (begin_ns + 60_000_000_000)::VARCHAR,
    'spanproof.deadline.mechanism': 'stageflow'
}} as attributes
from plan where i % 10 = 0
union all by name
select trace_id, span_id, 3 as ordinal, base_seq + {spans} * 10 + i as seq, 'cancel.requested' as name,
    begin_ns + 2_000_000_000 as time_ns, map {{
    'spanproof.request.id': (t * {spans} + i)::VARCHAR,
    'spanproof.request.mechanism': case when unit = 'stage' then 'stageflow' else 'task_cancel' end,
    'spanproof.request.by_span_id': parent_id, 'spanproof.request.addressee_span_id': span_id
}} as attributes
from plan where {cancelled} and not forgotten
union all by name
select trace_id, span_id, 4 as ordinal, base_seq + {spans} * 12 + ({spans} - i) as seq, 'cancel.delivered' as name,
    begin_ns + 2_000_000_000 + ({spans} - i) * 10 as time_ns, map {{
    'spanproof.delivery.requests': '[' || (t * {spans} + i) || ']', 'spanproof.delivery.borrowed': 'false'
}} as attributes
from plan where {cancelled} and not forgotten
union all by name
-- What stages tell and hold: of each a report and an output, of some the rest.
select trace_id, span_id, 5 as ordinal, end_seq as seq, 'reported' as name, end_ns as time_ns, map {{
    'spanproof.report.channel': 'after',
    'spanproof.report.outcome': case when {cancelled} and not forgotten then 'cancelled' else 'completed' end,
    'spanproof.report.has_data': 'true'
}} as attributes
from plan where unit = 'stage'
union all by name
select trace_id, span_id, 6 as ordinal, start_seq + 4 as seq, 'output.produced' as name, begin_ns + 1_999_000_000 as time_ns,
    map {{'spanproof.output.status': 'ok', 'spanproof.output.has_data': 'true'}} as attributes
from plan where unit = 'stage' and not {cancelled}
union all by name
select trace_id, span_id, 7 as ordinal, seq, name, time_ns, attributes
from (
    select *, unnest([
        {{seq: start_seq + 4, name: 'resource.acquired', time_ns: start_ns, attributes: map {{
            'spanproof.resource.id': number, 'spanproof.resource.name': 'connection', 'spanproof.resource.kind': 'declared'}}}},
        {{seq: end_seq, name: 'resource.released', time_ns: end_ns, attributes: map {{
            'spanproof.resource.id': number, 'spanproof.resource.name': 'connection', 'spanproof.resource.kind': 'declared'}}}},
        {{seq: start_seq + 4, name: 'generator.opened', time_ns: start_ns, attributes: map {{
            'spanproof.generator.id': number, 'spanproof.generator.name': 'rows', 'spanproof.generator.by_span_id': span_id}}}},
        {{seq: end_seq, name: 'generator.closed', time_ns: end_ns, attributes: map {{
            'spanproof.generator.id': number, 'spanproof.generator.name': 'rows', 'spanproof.generator.how': 'aclose'}}}},
        {{seq: start_seq + 4, name: 'thread.started', time_ns: start_ns, attributes: map {{
            'spanproof.thread.id': number, 'spanproof.thread.name': 'work', 'spanproof.thread.executor': 'to_thread'}}}},
        {{seq: end_seq, name: 'thread.finished', time_ns: end_ns, attributes: map {{
            'spanproof.thread.id': number, 'spanproof.thread.name': 'work', 'spanproof.thread.outcome': 'completed'}}}},
        {{seq: start_seq + 5, name: 'heartbeat', time_ns: start_ns, attributes: map {{'spanproof.heartbeat.timeout_ns': '5000000000'}}}},
        {{seq: start_seq + 5, name: 'cleanup.registered', time_ns: start_ns, attributes: map {{
            'spanproof.cleanup.id': number, 'spanproof.cleanup.registry': '1',
            'spanproof.cleanup.name': 'close', 'spanproof.cleanup.run_span_id': root_id, 'spanproof.cleanup.registrar_span_id': span_id}}}},
        {{seq: end_seq, name: 'cleanup.unregistered', time_ns: end_ns, attributes: map {{
            'spanproof.cleanup.id': number, 'spanproof.cleanup.registry': '1'}}}}
    ], recursive := true)
    from (
        select trace_id, span_id, format('{{:016x}}', t * {spans} + 1) as root_id, (t * {spans} + i)::VARCHAR as number,
            start_seq, start_ns, end_seq, end_ns
        from plan
        where i % 10 = 3
    )
)
union all by name
select trace_id, span_id, 8 as ordinal, base_seq + {spans} * 10 as seq, 'cancel.flagged' as name,
    begin_ns + 2_000_000_000 as time_ns, map {{
    'spanproof.flag.id': t::VARCHAR, 'spanproof.flag.run_span_id': span_id, 'spanproof.flag.mechanism': 'mark_canceled'
}} as attributes
from plan where {cancelled} and i = 0
"""

RECORDING: Final = """
insert into files by name select 1 as file_id, 'made.json' as path, 'otlp-json' as format, 1 as format_version;
insert into resources by name
select 1 as resource_id, 1 as file_id, 'made' as recording_id, 1 as format, {seams} as seams, ['stageflow-core==1.2.0'] as libraries;
insert into spans by name
select 1 as resource_id, 1 as file_id, repeat('f', 32) as trace_id, repeat('f', 16) as span_id, 'recording' as name, 1 as rev,
    min(start_ns) as start_ns,
    map {{'spanproof.unit': 'recording', 'spanproof.tick_ns': (max(end_ns) + 1)::VARCHAR, 'spanproof.ended_by': 'process'}} as attributes
from plan;
drop table plan;
"""


def made(shape: Shape, *, cancelled: bool) -> duckdb.DuckDBPyConnection:
    """The shape in the tables of a new database, before `finish`."""
    con = connect()
    create_schema(con)
    words = {"parent": shape.parent, "unit": shape.unit, "traces": shape.traces, "spans": shape.spans, "late": LATE, "cancelled": cancelled}
    for script in (PLAN, SPANS, EVENTS):
        con.execute(script.format(**words))
    con.execute(RECORDING.format(seams=[f"{seam}=held" for seam in SEAMS]))
    return con


@dataclass(frozen=True)
class Measured:
    """One data set: how long each step took, in seconds, and what was found."""

    spans: int
    events: int
    made_s: float
    finish_s: float
    judge_s: float
    scan_s: float
    report: Report

    def shares(self, shown: int) -> str:
        """The slowest criteria with their share of the time of all."""
        total = sum(result.seconds for result in self.report)
        slowest = sorted(self.report, key=lambda result: -result.seconds)[:shown]
        return ", ".join(f"{result.header.id} {100 * result.seconds / total:.0f} %" for result in slowest)


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of a table."""
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def scan(con: duckdb.DuckDBPyConnection) -> float:
    """Seconds that it takes to look at every cell of `units` once; the least of three."""
    times: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        con.execute("select bit_xor(hash(u)) from units u").fetchall()
        times.append(time.perf_counter() - began)
    return min(times)


def measure(shape: Shape, *, cancelled: bool) -> Measured:
    """Make a data set and judge it."""
    began = time.perf_counter()
    con = made(shape, cancelled=cancelled)
    filled = time.perf_counter()
    finish(con)
    finished = time.perf_counter()
    report = judge(con, time_limit_s=600)
    judged = time.perf_counter()
    failed = [f"{result.header.id}: {result.reason}" for result in report if result.reason and "could not be run" in result.reason]
    if failed:
        sys.exit("; ".join(failed))
    found = Measured(count(con, "units"), count(con, "events"), filled - began, finished - filled, judged - finished, scan(con), report)
    con.close()
    return found


def shapes(size: Callable[[Shape], Shape]) -> None:
    """The table of the shapes."""
    print("Judging, against one full scan of `units`; seconds to make the rows, to derive the tables (finish), to judge by all criteria\n")
    print(f"{'data set':<22} {'spans':>9} {'events':>10} {'made':>6} {'finish':>6} {'judge':>6} {'scans':>6} {'findings':>9}  slowest")
    for shape in SHAPES:
        for cancelled in (False, True):
            got = measure(size(shape), cancelled=cancelled)
            over = "" if got.judge_s < GOAL_S else f"  over {GOAL_S} s"
            print(
                f"{shape.name + (', cancelled' if cancelled else ''):<22} {got.spans:>9,} {got.events:>10,} {got.made_s:>6.1f} "
                f"{got.finish_s:>6.1f} {got.judge_s:>6.1f} {got.judge_s / got.scan_s:>6.0f} {len(got.report.findings):>9,}  "
                f"{got.shares(SHOWN)}{over}",
                flush=True,
            )


def events(size: Callable[[Shape], Shape]) -> None:
    """All criteria over 100,000 events."""
    print("\n100,000 events\n")
    for cancelled in (False, True):
        got = measure(size(replace(SHAPES[0], traces=200)), cancelled=cancelled)
        over = "" if got.judge_s < EVENTS_GOAL_S else f", over {EVENTS_GOAL_S} s"
        print(
            f"{'cancelled' if cancelled else 'clean':<10} {got.events:>8,} events {got.judge_s:>6.2f} s to judge{over}; {got.shares(SHOWN)}"
        )


def growth(size: Callable[[Shape], Shape]) -> None:
    """Ten times the traces, twice: the time by n log n of the first."""
    print("\nGrowth: seconds to derive and to judge, and how many times what n log n makes of the first row\n")
    for cancelled in (False, True):
        first: tuple[float, float] | None = None
        for traces in (100, 1_000, 10_000):
            got = measure(size(replace(SHAPES[0], traces=traces)), cancelled=cancelled)
            took, work = got.finish_s + got.judge_s, got.spans * math.log(got.spans)
            first = first or (took, work)
            print(
                f"{'cancelled' if cancelled else 'clean':<10} {got.spans:>9,} spans {got.finish_s:>6.2f} s {got.judge_s:>6.2f} s "
                f"{took / (first[0] * work / first[1]):>6.2f} x",
                flush=True,
            )


def buckets(size: Callable[[Shape], Shape]) -> None:
    """`scope: trace` criteria in one database, and in 16 buckets, two at a time."""
    print(
        "\nBuckets: criteria of `scope: trace`, in one database and in 16 buckets, two at a time; buckets are written and read as Parquet\n"
    )
    apart = [criterion.id for criterion in catalogue().values() if criterion.header.scope == "trace"]
    con = made(size(replace(SHAPES[0], traces=1_000)), cancelled=True)
    finish(con)

    def found(database: duckdb.DuckDBPyConnection) -> set[tuple[object, ...]]:
        return {(f.criterion, f.trace_id, f.span_id, f.measured, f.fingerprint) for f in judge(database, select=apart).findings}

    def of_one(home: Path) -> tuple[float, set[tuple[object, ...]]]:
        bucket = opened(home)
        bucket.execute("set threads = 1")
        began = time.perf_counter()
        result = found(bucket)
        bucket.close()
        return time.perf_counter() - began, result

    began = time.perf_counter()
    whole = found(con)
    in_one = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        homes = list(split(con, 16, Path(folder)))
        began = time.perf_counter()
        parts = list(pool.map(of_one, homes))
        in_parts = time.perf_counter() - began
    con.close()
    same = set[tuple[object, ...]]().union(*(part for _, part in parts)) == whole
    words = "the same" if same else "OTHERS"
    print(f"one database {in_one:.1f} s; buckets {in_parts:.1f} s with opening them; {len(whole):,} findings, {words}")
    if not same:
        sys.exit("the findings differ")


PARTS: Final[dict[str, Callable[[Callable[[Shape], Shape]], None]]] = {
    "shapes": shapes, "events": events, "growth": growth, "buckets": buckets,
}  # fmt: skip


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the sizes")
    options = parser.parse_args()
    wanted: list[str] = options.parts or list(PARTS)
    if unknown := set(wanted) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")

    def size(shape: Shape) -> Shape:
        if not options.quick:
            return shape
        return replace(shape, traces=max(shape.traces // 100, 1), spans=shape.spans if shape.traces > 1 else shape.spans // 100)

    for part in wanted:
        PARTS[part](size)


if __name__ == "__main__":
    main()
