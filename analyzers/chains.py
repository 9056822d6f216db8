"""The way of a request: from whoever asked first, through the units that were asked because of it, to the subject of a finding.

Upwards it follows the requests that stand on the subject or its cause: to the one that each was handed on from, and to the one that its
asker had got itself. Downwards it adds the units between the cause and the subject. What did not hear of it is told as a fact of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from .because import UNASKED, stretch
from .evidence import fill
from .finding import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from .evidence import Where
    from .finding import Finding

    Span = tuple[str, str]

CHAINED: Final = frozenset({"P01", "P02", "P03", "P04", "P09", "D01", "C06"})
"""Criteria whose findings are told with the way of the request."""

STEPS: Final = 6
"""Requests that are followed upwards, and units that are told downwards."""

PER_TRACE: Final = 5
"""Findings of one criterion in one trace that are told so; a trace is always judged as a whole, so the choice does not depend on others."""

ON_THE_WAY: Final = frozenset({"cancel.requested", "cancel.delivered", "cancel.swallowed", "cancel.consumed", "end", "open"})
"""Facts that are told of a unit between the cause and the subject."""

# From the requests on each span that is wanted upwards. A request was handed on from another one (`via`), or was made by a unit that had
# got one itself before. Only processes with such requests are looked at.
UPWARDS: Final = """
with recursive
mine as (
    select w.trace_id, w.span_id as first_id, u.resource_id, c.via, c.by_span_id, c.seq
    from wanted w
    join cancellations c on c.trace_id = w.trace_id and c.span_id = w.span_id
    join units u on u.trace_id = w.trace_id and u.span_id = w.span_id
    where c.via is not null or c.by_span_id is not null
),
standing as (
    select u.resource_id, u.name, c.*
    from cancellations c
    join units u on u.trace_id = c.trace_id and u.span_id = c.span_id
    where u.resource_id in (select resource_id from mine)
),
keyed as (
    select 'request ' || request_id as key, * from standing where coalesce(addressee_span_id, span_id) = span_id
    union all
    select 'unit ' || span_id, * from standing where delivered_seq is not null
),
way as (
    select trace_id, first_id, resource_id, coalesce('request ' || via, 'unit ' || by_span_id) as key, seq, 0 as hop,
        null::VARCHAR as span_id, null::BIGINT as request_id
    from mine
    union
    select w.trace_id, w.first_id, w.resource_id, coalesce('request ' || k.via, 'unit ' || k.by_span_id), k.seq, w.hop + 1,
        k.span_id, k.request_id
    from way w
    join keyed k on k.resource_id = w.resource_id and k.key = w.key
    where w.hop < $1 and k.seq < w.seq and (w.key[:4] <> 'unit' or (k.delivered_seq < w.seq and coalesce(k.consumed_seq >= w.seq, true)))
),
reached as (
    select trace_id, first_id, resource_id, span_id, request_id, min(hop) as hop
    from way
    where span_id is not null
    group by all
),
nearest as (
    select * from reached
    qualify row_number() over (partition by trace_id, first_id order by hop, request_id, span_id) <= $1
)
select n.trace_id, n.first_id, s.span_id, s.time_ns, s.seq, s.by_span_id, a.name, s.file, s.line, s.mechanism, s.name,
    s.delivered_ns, s.delivered_seq
from nearest n
join standing s on s.resource_id = n.resource_id and s.span_id = n.span_id and s.request_id = n.request_id
left join units a on a.resource_id = n.resource_id and a.span_id = s.by_span_id
order by n.trace_id, n.first_id, s.seq, s.span_id
"""


def upwards(con: duckdb.DuckDBPyConnection, spans: Iterable[Span], where: Where) -> dict[Span, list[Evidence]]:
    """The requests that led to those on each of `spans`, and that they were got."""
    listed = set(spans)
    found: dict[Span, list[Evidence]] = defaultdict(list)
    if not listed:
        return found
    fill(con, listed)
    rows = con.execute(UPWARDS, [STEPS]).fetchall()
    for trace_id, first_id, span_id, time_ns, seq, by, by_name, file, line, mechanism, name, delivered_ns, delivered_seq in rows:
        asked = Evidence(time_ns, span_id, "cancel.requested", by, where(file, line), mechanism, name or "", by_name, seq or 0)
        found[trace_id, first_id].append(asked)
        if delivered_ns is not None:
            got = Evidence(delivered_ns, span_id, "cancel.delivered", None, None, None, name or "", None, delivered_seq or 0)
            found[trace_id, first_id].append(got)
    return found


def between(subject: Span, cause: Span | None, run: Span | None, way: list[Span]) -> list[Span]:
    """The units from the subject up to its cause, or else to its run, without these: the nearest to the subject first."""
    above = way[1:]
    top = next((span for span in (cause, run) if span in above), None)
    return above[: above.index(top)][:STEPS] if top is not None and subject != top else []


def unheard(finding: Finding) -> Evidence | None:
    """That the subject was at work, unasked, when the rule began to bind it; None: it was asked before, or the moment is not known."""
    known = stretch(finding)
    if finding.criterion not in UNASKED or known is None or finding.span_id is None:
        return None
    asked = any(
        item.event == "cancel.requested" and item.span_id == finding.span_id and item.time_ns <= known.from_ns for item in finding.evidence
    )
    # After everything else of that moment.
    seq = max((item.seq for item in finding.evidence if item.time_ns <= known.from_ns), default=0)
    return None if asked else Evidence(known.from_ns, finding.span_id, "unheard", None, None, None, finding.subject, None, seq)
