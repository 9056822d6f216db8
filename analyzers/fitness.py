"""Which traces can be judged by a criterion at all: seams that did not hold, traces that are cut, virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

    from .header import Header

OF_A_LIBRARY: Final = frozenset({"stageflow", "cleanup", "flag", "anyio"})
"""Seams of a library. `absent` there means that the program does not use it, so that there is nothing to see and nothing is missed."""

TRACES: Final = """
create or replace temp table judged_traces as
select
    u.trace_id,
    arbitrary(u.resource_id) as resource_id,
    -- Something may be missing: the recording is cut, or records were lost.
    bool_or(u.torn or coalesce(r.dropped, 0) > 0) as torn,
    bool_or(coalesce(r.dropped, 0) > 0) as dropped,
    -- What is missing could hold a subject: something was still going on, or something ended after the last tick, and what had begun
    -- beside it since then was lost.
    bool_or(u.torn and (u.is_open or coalesce(u.end_seq > r.tick_seq, false)) or coalesce(r.dropped, 0) > 0) as may_lack,
    bool_and(coalesce(u.clock = 'virtual', false)) as virtual,
    -- Something ends before it starts: the clock was set back meanwhile, and no time of this trace can be measured.
    coalesce(bool_or(u.end_ns < u.start_ns), false) as backwards
from units u
left join recordings r on r.resource_id = u.resource_id
-- The program's own trace holds no subject; where nothing else was left of a recording it stands for what was lost.
where u.unit is distinct from 'program'
    or ((u.torn or coalesce(r.dropped, 0) > 0)
        and u.resource_id not in (select resource_id from units where unit is distinct from 'program' and resource_id is not null))
group by u.trace_id
"""


@dataclass(frozen=True, slots=True)
class Traces:
    """Facts about all traces together, so that the usual case asks nothing more of the database."""

    total: int
    torn: bool
    dropped: bool
    virtual: int
    backwards: bool


def prepare(con: duckdb.DuckDBPyConnection) -> Traces:
    """Make the table `judged_traces`: one row a trace that holds more than the program's own span, or is all that was left."""
    con.execute(TRACES)
    row = con.execute(
        "select count(*), coalesce(bool_or(torn), false), coalesce(bool_or(dropped), false), count(*) filter (virtual), "
        "coalesce(bool_or(backwards), false) from judged_traces"
    ).fetchone()
    total, torn, dropped, virtual, backwards = row or (0, False, False, 0, False)
    return Traces(total, torn, dropped, virtual, backwards)


def seams(con: duckdb.DuckDBPyConnection) -> list[tuple[int, dict[str, str]]]:
    """For each process that we recorded, the word on each seam: `held`, `absent: why`, `lost: why`."""
    rows = con.execute("select resource_id, seams from resources where recording_id is not null order by resource_id").fetchall()
    found: list[tuple[int, dict[str, str]]] = []
    for resource_id, words in rows:
        texts: list[str] = words or []
        found.append((resource_id, {seam: word for seam, _, word in (text.partition("=") for text in texts)}))
    return found


def unfit(header: Header, recordings: Iterable[tuple[int, dict[str, str]]]) -> dict[int, str]:
    """The processes whose traces `header`'s criterion cannot judge, each with the reason."""
    found: dict[int, str] = {}
    for resource_id, words in recordings:
        for seam in header.needs:
            word = words.get(seam)
            if word is not None and (word.startswith("held") or (word.startswith("absent") and seam in OF_A_LIBRARY)):
                continue
            found[resource_id] = f"the recorder's seam '{seam}' did not hold ({word or 'not mentioned'})"
            break
    return found


def lifted(con: duckdb.DuckDBPyConnection) -> dict[int, frozenset[str]]:
    """Processes of other programs whose spans a map has made units, each with the criteria that the map gives enough facts for."""
    rows = con.execute(
        "select resource_id, attributes['spanproof.judged_by'] from resources "
        "where format is null and attributes['spanproof.judged_by'] is not null order by resource_id"
    ).fetchall()
    return {resource_id: frozenset(words.split()) for resource_id, words in rows}


def untold(header: Header, mapped: Mapping[int, frozenset[str]]) -> frozenset[int]:
    """The processes of other programs of which a map tells too little for `header`'s criterion. One that needs no seam needs no map."""
    return frozenset(resource_id for resource_id, ids in mapped.items() if header.needs and header.id not in ids)


def partly(header: Header, recordings: Iterable[tuple[int, dict[str, str]]]) -> dict[int, str]:
    """The processes in which a seam that the criterion needs held in part, so that no violation is certain there; each with the reason."""
    return {
        resource_id: f"the recorder's seam '{seam}' held in part ({word})"
        for resource_id, words in recordings
        for seam in header.needs
        if (word := words.get(seam, "")).startswith("held:")
    }
