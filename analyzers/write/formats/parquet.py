"""Parquet in our own layout: keeps all that the tables hold, and is read many times as fast as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from ....instrument import vocabulary as v
from ...buckets import assign
from ...parquet_layout import COLUMNS, EVENT, FILE, FORMAT, KEY, LINK

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb

    from ..losses import Losses
    from ..source import Source

BUCKET: Final = 100_000
"""Spans of a bucket, about."""
MOST: Final = 64
"""Buckets of a day."""


def _struct(members: Iterable[str]) -> str:
    return f"{{{', '.join(f'{name}: {name}' for name in members)}}}"


# What belongs together goes to one bucket of one day, the same in every version of DuckDB, which its own `hash` does not promise.
_PLACES: Final = """
create or replace temp table convert_places as
with labelled as (
    select s.trace_id, coalesce(b.label, s.trace_id) as label, min(s.start_ns) as start_ns
    from (select trace_id, min(start_ns) as start_ns from spans group by trace_id) s left join bucket_of b using (trace_id) group by all
)
select trace_id, coalesce(strftime(make_timestamp_ns(min(start_ns) over (partition by label)), '%Y-%m-%d'), '1970-01-01') as date,
    (('0x' || md5(label)[:8])::UBIGINT % {count})::INTEGER as bucket
from labelled
"""
_ROWS: Final = f"""
create or replace temp table convert_rows as
select p.date, p.bucket, s.* exclude (file_id, line, start_time, end_time), e.events, l.links
from spans s join convert_places p using (trace_id)
left join (select record, list({_struct(EVENT)} order by ordinal) as events from events group by record) e using (record)
left join (select record, list({_struct(LINK)} order by ordinal) as links from links group by record) l using (record)
"""
_PARTS: Final = "select date, bucket, count(*), list(distinct resource_id) from convert_rows group by all order by all"


class Parquet:
    """Writes Parquet: a folder."""

    def write(self, source: Source, target: Path, lost: Losses) -> None:  # noqa: ARG002 - the interface; nothing is lost
        """See `Format`."""
        con = source.con.cursor()  # with temporary tables of its own
        try:
            count = min(max(source.total // BUCKET, 1), MOST)
            assign(con, count)
            con.execute(_PLACES.format(count=count))
            con.execute(_ROWS)
            resources = {number: _resource(*row) for number, *row in con.execute(_RESOURCES).fetchall()}
            target.mkdir()
            written = 0
            for date, bucket, spans, numbers in con.execute(_PARTS).fetchall():
                home = target / f"format={FORMAT}" / f"date={date}" / f"bucket={bucket}"
                home.mkdir(parents=True)
                about = {"format": FORMAT, "resources": {str(number): resources[number] for number in numbers if number in resources}}
                _copy(con, home / FILE, date, bucket, about)
                written += spans
                source.told(written)
        finally:
            con.close()


_RESOURCES: Final = "select resource_id, attributes, coalesce(kinds, ''), seams from resources"


def _resource(attributes: dict[str, str | None], kinds: str, seams: list[str] | None) -> tuple[dict[str, str | None], str]:
    """Attributes and their kinds. The worst word of all lines about a seam is not what the last line says."""
    return (attributes | {v.RES_SEAMS: orjson.dumps(seams).decode()} if seams is not None else attributes), kinds


def _copy(con: duckdb.DuckDBPyConnection, file: Path, date: str, bucket: int, about: dict[str, Any]) -> None:
    columns = ", ".join(name for name in COLUMNS if name != "record")
    order = "trace_id, start_ns, rev, span_id, record"
    con.execute(
        f"copy (select row_number() over (order by {order}) as record, {columns}, events, links from convert_rows "
        f"where date = {_quoted(date)} and bucket = {bucket} order by {order}) to {_quoted(str(file))} "
        f"(format parquet, compression zstd, kv_metadata {{{KEY}: {_quoted(orjson.dumps(about).decode())}}})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
