"""Splits loaded traces into buckets that can be judged apart, on several cores or machines.

A criterion of `scope: trace` says of a bucket what it says of all: its findings in all buckets together are its findings in one
database. For that, traces that refer to each other (a unit awaits, cancels, owns or is handed to a unit of another trace of its process)
are in one bucket. Criteria of `scope: recording` and `scope: set` are judged on everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .loading import connect, create_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

# One row a reference from a unit of one trace to a unit of its process, by that one's span id.
REFERENCES: Final = """
create or replace temp table bucket_edges as
with named as (
    select trace_id, span_id, unnest([creator_span_id, group_owner_span_id, cleanup_registrar_span_id, origin_span_id]) as other_id
    from units
    union all select trace_id, span_id, target_span_id from awaits
    union all select trace_id, span_id, unnest([by_span_id, addressee_span_id, member_span_id]) from requests
    union all select trace_id, span_id, unnest([run_span_id, by_span_id, first_read_by_span_id]) from flags
    union all select trace_id, span_id, to_span_id from holdings
    union all select trace_id, span_id, unnest([last_span_id, closed_by_span_id]) from generators
), across as (
    select distinct n.trace_id as a, o.trace_id as b
    from named n
    join units u on u.trace_id = n.trace_id and u.span_id = n.span_id
    join units o on o.resource_id = u.resource_id and o.span_id = n.other_id
    where o.trace_id <> n.trace_id
    union
    -- A cleanup, its run, who registered it and who runs it: each may stand in a trace of its own.
    select u.trace_id, o.trace_id
    from (
        select resource_id, coalesce(run_span_id, registrar_span_id, runner_span_id) as span_id,
            unnest([cleanup_span_id, registrar_span_id, runner_span_id]) as other_id
        from cleanups
    ) n
    join units u on u.resource_id = n.resource_id and u.span_id = n.span_id
    join units o on o.resource_id = n.resource_id and o.span_id = n.other_id
    where o.trace_id <> u.trace_id
), asked as (
    -- What was handed on from one request stands on units of several traces.
    select u.resource_id, unnest([r.request_id, r.via]) as request_id, r.trace_id
    from requests r join units u on u.trace_id = r.trace_id and u.span_id = r.span_id
), together as (
    select trace_id as a, min(trace_id) over (partition by resource_id, request_id) as b from asked where request_id is not null
)
select a, b from across where a <> b
union select b, a from across where a <> b
union select a, b from together where a <> b
union select b, a from together where a <> b
"""

START: Final = "create or replace temp table bucket_of as select distinct trace_id, trace_id as label from units"
STEP: Final = """
create or replace temp table bucket_next as
select o.trace_id, least(o.label, min(n.label)) as label
from bucket_of o left join bucket_edges e on e.a = o.trace_id left join bucket_of n on n.trace_id = e.b
group by o.trace_id, o.label
"""
CHANGED: Final = "select count(*) from bucket_of o join bucket_next n using (trace_id) where n.label <> o.label"


def assign(con: duckdb.DuckDBPyConnection, count: int) -> None:
    """Make the table `bucket_of`: the bucket, from 0 to `count` - 1, of each trace, and the least id of the traces that it belongs to."""
    con.execute(REFERENCES)
    con.execute(START)
    # Each round doubles nothing, but the least label comes one trace further: as many rounds as the longest way between traces.
    while True:
        con.execute(STEP)
        changed = con.execute(CHANGED).fetchone() != (0,)
        con.execute("create or replace temp table bucket_of as from bucket_next")
        if not changed:
            break
    con.execute(
        f"create or replace temp table bucket_of as select trace_id, label, (hash(label) % {count})::INTEGER as bucket from bucket_of"
    )


def split(con: duckdb.DuckDBPyConnection, count: int, folder: Path) -> Iterator[Path]:
    """Write each bucket as a folder of Parquet files, one a table; `opened` makes a database of it.

    Args:
        con: a connection from `load`.
        count: how many; some may be empty.
        folder: where to; it must be there.
    """
    assign(con, count)
    tables = con.execute(
        "select table_name, coalesce(bool_or(column_name = 'trace_id'), false) from duckdb_columns() "
        "join duckdb_tables() using (table_oid, table_name) where not duckdb_tables.temporary group by all order by all"
    ).fetchall()
    for bucket in range(count):
        home = folder / f"bucket={bucket}"
        home.mkdir()
        for table, by_trace in tables:
            rows = f"from {table}"
            if by_trace:
                # What belongs to no trace, and the program's own, belongs to all.
                rows = (
                    f"select t.* from {table} t left join bucket_of b on b.trace_id = t.trace_id where coalesce(b.bucket = {bucket}, true) "
                    "or t.trace_id in (select trace_id from units where unit = 'program')"
                )
            con.execute(f"copy ({rows}) to '{home / table}.parquet' (format parquet)")
        yield home


def opened(bucket: Path) -> duckdb.DuckDBPyConnection:
    """A database with the documented tables of one bucket."""
    con = connect()
    create_schema(con)
    for file in sorted(bucket.glob("*.parquet")):
        con.execute(f"insert into {file.stem} by name from read_parquet('{file}', hive_partitioning = false)")
    return con
