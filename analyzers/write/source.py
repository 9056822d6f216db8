"""Reads spans out of loaded tables, one trace after another, with bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from ...instrument import vocabulary as v
from ..read.handing import SCOPE_PREFIX
from ..read.shapes import is_list, is_map
from .values import Value, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb

    Progress = Callable[[int, int], None]
    """Called now and then with the spans written and the spans that there are to write."""

BATCH: Final = 2_000
"""Rows that are fetched at once."""

_SPANS: Final = """
select s.resource_id, s.record, s.trace_id, s.span_id, s.parent_span_id, coalesce(s.name, ''), s.span_kind, s.start_ns, s.end_ns,
    coalesce(s.status_code, 0), s.status_message, s.trace_state, s.flags, s.dropped_attributes, s.dropped_events, s.dropped_links,
    s.attributes, s.kinds
from spans s order by s.trace_id, s.record
"""
_EVENTS: Final = "select record, coalesce(name, ''), time_ns, attributes, kinds from events order by trace_id, record, ordinal"
_LINKS: Final = "select record, linked_trace_id, linked_span_id, attributes, kinds from links order by trace_id, record, ordinal"


@dataclass(slots=True)
class Resource:
    """A process.

    Attributes:
        attributes: its attributes.
        ours: recorded by Spanproof.
    """

    attributes: dict[str, Value] = field(default_factory=dict[str, Value])
    ours: bool = False

    @property
    def service(self) -> str | None:
        """Name of the service; None: not said."""
        name = self.attributes.get(v.RES_SERVICE)
        return name if isinstance(name, str) else None


@dataclass(slots=True)
class Event:
    """An event of a span; a null time: not recorded."""

    name: str
    time_ns: int | None
    attributes: dict[str, Value]


@dataclass(slots=True)
class Link:
    """A link of a span to another one."""

    trace_id: str
    span_id: str
    attributes: dict[str, Value]


@dataclass(slots=True)
class Span:
    """A span with what hangs on it; the columns of `spans` and what the scope's attributes were."""

    resource: Resource
    record: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str | None
    start_ns: int | None
    end_ns: int | None
    status_code: int
    status_message: str | None
    trace_state: str | None
    flags: int | None
    dropped_attributes: int | None
    dropped_events: int | None
    dropped_links: int | None
    attributes: dict[str, Value]
    scope: dict[str, Value]
    events: list[Event] = field(default_factory=list[Event])
    links: list[Link] = field(default_factory=list[Link])


class Source:
    """Loaded traces, to be written."""

    def __init__(self, con: duckdb.DuckDBPyConnection, progress: Progress | None = None) -> None:
        """`con`: a connection from `load`; it is left as it is."""
        self.con = con
        self._progress = progress
        self.total = _one(con, "select count(*) from spans")

    def told(self, written: int) -> None:
        """Say how many spans were written."""
        if self._progress is not None:
            self._progress(written, self.total)

    def traces(self) -> Iterator[list[Span]]:
        """The spans of each trace, in the order of their ids."""
        for _, spans in groupby(self.spans(), attrgetter("trace_id")):
            yield list(spans)

    def spans(self) -> Iterator[Span]:
        """All spans, those of a trace together."""
        resources = self.resources()
        nobody = Resource()
        events, links = _Below(self.con, _EVENTS), _Below(self.con, _LINKS)
        for number, row in enumerate(_rows(self.con, _SPANS)):
            if number % BATCH == 0:
                self.told(number)
            span = _span(resources.get(row[0], nobody), row)
            span.events = [Event(name, time_ns, values(given, kinds)) for _, name, time_ns, given, kinds in events.of(span.record)]
            span.links = [Link(trace_id, span_id, values(given, kinds)) for _, trace_id, span_id, given, kinds in links.of(span.record)]
            yield span

    def resources(self) -> dict[int, Resource]:
        """The processes by their numbers."""
        found = self.con.cursor().execute("select resource_id, attributes, kinds, format, seams from resources").fetchall()
        return {number: _resource(attributes, kinds, form, seams) for number, attributes, kinds, form, seams in found}


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    cursor = con.cursor()
    try:
        cursor.execute(sql)
        while rows := cursor.fetchmany(BATCH):
            yield from rows
    finally:
        cursor.close()


class _Below:
    """Rows that hang on spans, in the order of the spans."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sql: str) -> None:
        self._rows = _rows(con, sql)
        self._next = next(self._rows, None)

    def of(self, record: int) -> Iterator[tuple[Any, ...]]:
        """Those of the next span."""
        while self._next is not None and self._next[0] == record:
            yield self._next
            self._next = next(self._rows, None)


def _resource(attributes: dict[str, str | None], kinds: str | None, form: int | None, seams: list[str] | None) -> Resource:
    known = values(attributes, kinds)
    if seams is not None and v.RES_SEAMS in known:
        # The worst word of all lines, which the last line alone does not say.
        known[v.RES_SEAMS] = list[Value](seams)
    return Resource(known, form is not None)


def _span(resource: Resource, row: tuple[Any, ...]) -> Span:
    attributes = values(row[16], row[17])
    if resource.ours:
        scope: dict[str, Value] = {"name": v.SCOPE_NAME, "version": resource.attributes.get(v.RES_VERSION)}
    else:
        scope = {key.removeprefix(SCOPE_PREFIX): attributes.pop(key) for key in list(attributes) if key.startswith(SCOPE_PREFIX)}
    record, trace_id, span_id, parent, name, kind, start, end, code, message, state, flags, *dropped = row[1:16]
    return Span(
        resource,
        record,
        trace_id,
        span_id,
        parent,
        name,
        kind,
        start,
        end,
        code,
        message,
        state,
        flags,
        dropped[0],
        dropped[1],
        dropped[2],
        attributes,
        scope,
    )


def json_bytes(value: Any) -> bytes:
    """A value as JSON, which has no numbers beyond 64 bits: those become text."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_within(value))


def _within(value: Any) -> Any:
    if is_map(value):
        return {key: _within(item) for key, item in value.items()}
    if is_list(value):
        return [_within(item) for item in value]
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value
