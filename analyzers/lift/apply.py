"""Runs maps over spans that were read and merged, before anything is derived from them.

Only spans of other programs are looked at. What a span already says stays. Units get an order: other programs write none, so that it is
that of their times, within each resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from .rule import Map

_FOREIGN: Final = "r.resource_id = s.resource_id and r.format is null"

# A deadline is known to have expired, or to have been met; else nothing is said.
_STATE: Final = """
update spans as s set attributes = map_concat(s.attributes, map {'spanproof.deadline_state': case
    when s.attributes['spanproof.outcome'] = 'timed_out' then 'expired' else 'disarmed' end})
from resources r
where r.resource_id = s.resource_id and r.format is null and s.attributes['spanproof.deadline_ns'] is not null
    and s.attributes['spanproof.deadline_state'] is null
    and (s.attributes['spanproof.outcome'] = 'timed_out' or s.end_ns <= try_cast(s.attributes['spanproof.deadline_ns'] as BIGINT))
"""

# What is declared to outlive its parent hangs below nobody, and keeps its origin: as the recorder writes it.
_DETACH: Final = """
update spans as s set parent_span_id = null, attributes = map_concat(
    s.attributes, map {'spanproof.origin.trace_id': s.trace_id, 'spanproof.origin.span_id': s.parent_span_id})
from resources r
where r.resource_id = s.resource_id and r.format is null and s.attributes['spanproof.detached'] = 'true' and s.parent_span_id is not null
"""

# At one moment, what ends makes room for what begins; what has no length begins and ends after that. A parent begins before its children.
_ORDER: Final = """
create or replace temp table lifted_order as
with lifted as (
    select s.record, s.resource_id, s.start_ns, s.end_ns
    from spans s join resources r on r.resource_id = s.resource_id and r.format is null
    where s.attributes['spanproof.unit'] is not null
), moments as (
    select record, resource_id, 'start' as what, null::INTEGER as ordinal, start_ns as at_ns, 1 as rank, -coalesce(end_ns, start_ns) as tie
    from lifted
    union all
    select record, resource_id, 'end', null, end_ns, case when end_ns = start_ns then 3 else 0 end, -start_ns
    from lifted where end_ns is not null
    union all
    select l.record, l.resource_id, 'event', e.ordinal, e.time_ns, 2, 0 from lifted l join events e using (record)
)
select record, what, ordinal, row_number() over (partition by resource_id order by at_ns, rank, tie, record, ordinal) as seq
from moments
"""

_NUMBER_SPANS: Final = """
update spans as s set attributes = map_concat(s.attributes, map_from_entries([x for x in [
    {'k': 'spanproof.start_seq', 'v': o.start_seq::VARCHAR}, {'k': 'spanproof.end_seq', 'v': o.end_seq::VARCHAR}
] if x.v is not null]))
from (
    select record, max(seq) filter (what = 'start') as start_seq, max(seq) filter (what = 'end') as end_seq
    from lifted_order group by record
) o
where o.record = s.record
"""

_NUMBER_EVENTS: Final = """
update events as e set seq = o.seq from lifted_order o where o.what = 'event' and o.record = e.record and o.ordinal = e.ordinal
"""

# A request is known by the order of its event; a delivery answers all that were made on its span before.
_REQUESTS: Final = """
update events as e set attributes = map_concat(e.attributes, map {'spanproof.request.id': e.seq::VARCHAR})
from lifted_order o
where o.what = 'event' and o.record = e.record and o.ordinal = e.ordinal and e.name = 'cancel.requested'
"""
_DELIVERIES: Final = """
update events as e set attributes = map_concat(e.attributes, map {'spanproof.delivery.requests': a.requests})
from (
    select d.record, d.ordinal, to_json(list(q.seq::VARCHAR order by q.seq))::VARCHAR as requests
    from events d join events q on q.record = d.record and q.name = 'cancel.requested' and q.seq < d.seq
    where d.name = 'cancel.delivered'
    group by d.record, d.ordinal
) a
where a.record = e.record and a.ordinal = e.ordinal and e.record in (select record from lifted_order)
"""


def apply(con: duckdb.DuckDBPyConnection, maps: Sequence[Map]) -> None:
    """Lift the spans of other programs by these maps; of what several say, the first counts. Each says in `problems` what it fitted."""
    for one in maps:
        _rules(con, one)
        _events(con, one)
    for statement in (_STATE, _DETACH, _ORDER, _NUMBER_SPANS, _NUMBER_EVENTS, _REQUESTS, _DELIVERIES):
        con.execute(statement)
    con.execute("drop table lifted_order")


def _rules(con: duckdb.DuckDBPyConnection, one: Map) -> None:
    con.execute("create or replace temp table lifted (record BIGINT, resource_id INTEGER)")
    for rule in one.rules:
        where = f"{_FOREIGN} and {rule.when.sql()}"
        con.execute(f"insert into lifted select s.record, s.resource_id from spans s, resources r where {where}")
        entries = ", ".join(f"{{'k': {sql.literal(said.name)}, 'v': {said.sql}}}" for said in rule.set)
        con.execute(
            # What is added comes last, and `kinds`, which tells of the others what they were, stays true.
            "update spans as s set attributes = map_concat(s.attributes, "
            f"map_from_entries([x for x in [{entries}] if x.v is not null and s.attributes[x.k] is null])) "
            f"from resources r where {where}"
        )
    con.execute(
        "update resources set attributes = map_concat(attributes, map {'spanproof.judged_by': "
        "concat_ws(' ', attributes['spanproof.judged_by'], $1)}) where resource_id in (select resource_id from lifted)",
        [" ".join(one.judged_by)],
    )
    con.execute(
        "insert into problems select null, null, null, null, "
        "format('the map {} fits {} of {} spans of other programs', $1, (select count(distinct record) from lifted), count(*)), "
        "'what its rules say was added to their attributes', 'notice' "
        "from spans s join resources r on r.resource_id = s.resource_id and r.format is null",
        [one.name],
    )
    con.execute("drop table lifted")


def _events(con: duckdb.DuckDBPyConnection, one: Map) -> None:
    """Events keep their attributes and change their names; the name that they had is an attribute."""
    for rule in one.events:
        con.execute(
            f"update events as e set name = {sql.literal(rule.becomes)}, "
            "attributes = map_concat(e.attributes, map {'spanproof.lifted_from': e.name}) "
            f"from spans s, resources r where s.record = e.record and {_FOREIGN} "
            f"and s.attributes['spanproof.unit'] is not null and {rule.when.sql()}"
        )
