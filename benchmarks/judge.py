"""How long judging takes: four shapes of traces, each clean and with everything cancelled, which is the normal case here and the slow one.

    python benchmarks/judge.py [--quick] [SHAPE ...]

A good answer: all criteria together below 15 s for each data set, and a small multiple of what it takes to read `units` once. The rows
are made by SQL straight in the tables, so that reading files plays no part. `--quick` takes a hundredth of the sizes.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spanproof.analyzers.header import SEAMS
from spanproof.analyzers.judging import judge
from spanproof.analyzers.loading import connect, create_schema, finish

if TYPE_CHECKING:
    import duckdb

GOAL_S: Final = 15
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


def scan(con: duckdb.DuckDBPyConnection) -> float:
    """Seconds that it takes to look at every cell of `units` once; the least of three."""
    times: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        con.execute("select bit_xor(hash(u)) from units u").fetchall()
        times.append(time.perf_counter() - began)
    return min(times)


def measure(shape: Shape, *, cancelled: bool) -> str:
    """One row of the table."""
    began = time.perf_counter()
    con = made(shape, cancelled=cancelled)
    filled = time.perf_counter()
    finish(con)
    finished = time.perf_counter()
    report = judge(con, time_limit_s=600)
    judged = time.perf_counter() - finished
    once = scan(con)
    con.close()
    failed = [f"{result.header.id}: {result.reason}" for result in report if result.reason and "could not be run" in result.reason]
    if failed:
        sys.exit("; ".join(failed))
    total = sum(result.seconds for result in report)
    slowest = sorted(report, key=lambda result: -result.seconds)[:3]
    shares = ", ".join(f"{result.header.id} {100 * result.seconds / total:.0f} %" for result in slowest)
    name = f"{shape.name}, cancelled" if cancelled else shape.name
    return (
        f"{name:<22} {shape.traces * shape.spans:>9,} {filled - began:>7.1f} {finished - filled:>7.1f} {judged:>7.1f} "
        f"{judged / once:>7.0f} "
        f"{len(report.findings):>9,}  {shares:<26} {'' if judged < GOAL_S else f'over {GOAL_S} s'}"
    ).rstrip()


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=f"one of: {', '.join(repr(s.name) for s in SHAPES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the sizes")
    options = parser.parse_args()
    wanted: list[str] = options.shapes or [shape.name for shape in SHAPES]
    unknown = set(wanted) - {shape.name for shape in SHAPES}
    if unknown:
        parser.error(f"no shape {', '.join(sorted(unknown))}; there are {', '.join(shape.name for shape in SHAPES)}")
    print("seconds to make the rows, to derive the tables (finish), to judge by all criteria; judging against one full scan of `units`\n")
    print(
        f"{'data set':<22} {'spans':>9} {'made':>7} {'finish':>7} {'judge':>7} {'scans':>7} {'findings':>9}  slowest, share of all criteria"
    )
    for shape in SHAPES:
        if shape.name not in wanted:
            continue
        traces, spans = (shape.traces // 100, shape.spans) if shape.traces > 1 else (1, shape.spans // 100)
        sized = Shape(shape.name, traces, spans, shape.parent, shape.unit) if options.quick else shape
        for cancelled in (False, True):
            print(measure(sized, cancelled=cancelled), flush=True)


if __name__ == "__main__":
    main()
