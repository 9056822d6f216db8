"""A loaded recording as plain Python objects, for the oracle: no tree, no views, only what was recorded of each unit."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

FOREVER = 2**62


@dataclass(eq=False)
class Request:
    """A request on a unit that was live and not taken back."""

    time: int
    seq: int
    consumed_seq: int | None
    swallowed: bool
    delivered_seq: int | None


@dataclass(eq=False)
class Touch:
    """`by` awaited the unit, or cancelled it."""

    by: Unit
    start: int
    start_seq: int
    end_seq: int
    how: str


@dataclass(eq=False)
class Unit:
    """One unit; the parent is an object, not an id."""

    trace: str
    id: str
    kind: str
    row: dict[str, Any]
    parent: Unit | None = None
    creator: Unit | None = None
    group_owner: Unit | None = None
    requests: list[Request] = field(default_factory=list[Request])
    touches: list[Touch] = field(default_factory=list[Touch])
    ever_asked: list[int] = field(default_factory=list[int])
    """Times of all live requests, those that were taken back included."""

    def __getattr__(self, name: str) -> Any:
        return self.row[name]

    def ancestors(self) -> Iterator[Unit]:
        """The strict ancestors, nearest first."""
        unit = self.parent
        while unit is not None:
            yield unit
            unit = unit.parent

    def inside(self, other: Unit) -> bool:
        """Whether it is below `other`."""
        return any(above is other for above in self.ancestors())

    def run(self) -> Unit | None:
        """The nearest pipeline, itself included."""
        return next((unit for unit in (self, *self.ancestors()) if unit.kind == "pipeline"), None)

    def host(self) -> Unit | None:
        """Itself; of a scope the unit whose code it is in."""
        unit: Unit | None = self
        while unit is not None and unit.kind == "scope":
            unit = unit.parent
        return unit

    @property
    def settled(self) -> bool:
        """Nothing later can be known of it."""
        return not self.is_open or self.ended_by == "process" or self.loop_closed

    @property
    def aborted(self) -> bool:
        """It ended cancelled or timed out."""
        return not self.is_open and self.outcome in ("cancelled", "timed_out")

    def asked(self, time: int, seq: int, grace: int) -> bool:
        """Asked by that moment and the grace."""
        return any(r.time <= time + grace and not (r.consumed_seq is not None and r.consumed_seq <= seq) for r in self.requests)


@dataclass(eq=False)
class Run:
    """Whether, when and from where a pipeline was aborted (from `runs`, which has tests of its own)."""

    unit: Unit
    aborted: bool
    at: int | None
    seq: int | None
    inside: bool


@dataclass(eq=False)
class World:
    """Everything in one connection."""

    units: list[Unit]
    runs: dict[Unit, Run]
    flags: list[tuple[Unit, int]]


def read(con: duckdb.DuckDBPyConnection) -> World:
    """The recordings in `con`."""
    rows = con.execute(
        "select u.*, l.closed_ns is not null as loop_closed from units u left join loops l using (resource_id, loop_id) "
        "where u.unit <> 'program'"
    )
    names = [column[0] for column in rows.description or []]
    units: dict[tuple[int, str], Unit] = {}
    for values in rows.fetchall():
        row = dict(zip(names, values, strict=True))
        units[row["resource_id"], row["span_id"]] = Unit(row["trace_id"], row["span_id"], row["unit"], row)
    by_span = {(unit.trace, unit.id): unit for unit in units.values()}
    for (process, _), unit in units.items():
        unit.parent = by_span.get((unit.trace, unit.parent_span_id))
        unit.creator = units.get((process, unit.creator_span_id))
        unit.group_owner = units.get((process, unit.group_owner_span_id))
    _requests(con, by_span, units)
    _awaits(con, by_span, units)
    runs = {
        by_span[t, s]: Run(by_span[t, s], aborted, at, seq, where == "inside")
        for t, s, aborted, at, seq, where in con.execute(
            "select trace_id, span_id, aborted, abort_at_ns, abort_at_seq, abort_from from runs"
        ).fetchall()
    }
    flags = [
        (units[by_span[t, s].resource_id, run], at)
        for t, s, run, at in con.execute("select trace_id, span_id, run_span_id, time_ns from flags").fetchall()
    ]
    return World(list(by_span.values()), runs, flags)


def _requests(con: duckdb.DuckDBPyConnection, by_span: dict[tuple[str, str], Unit], units: dict[tuple[int, str], Unit]) -> None:
    for trace, span, time, seq, consumed, swallowed, delivered, live, withdrawn, mechanism, by, via, to in con.execute(
        "select trace_id, span_id, time_ns, seq, consumed_seq, swallowed_ns, delivered_seq, live, withdrawn_ns, mechanism, "
        "by_span_id, via, addressee_span_id from cancellations"
    ).fetchall():
        unit = by_span[trace, span]
        if live:
            unit.ever_asked.append(time)
        if live and withdrawn is None:
            unit.requests.append(Request(time, seq, consumed, swallowed is not None, delivered))
        canceller = units.get((unit.resource_id, by))
        if live and via is None and to in (None, span) and canceller is not None and mechanism not in ("runner", "sigint", "timer"):
            _touch(unit, canceller, time, seq, seq, "cancel")


def _awaits(con: duckdb.DuckDBPyConnection, by_span: dict[tuple[str, str], Unit], units: dict[tuple[int, str], Unit]) -> None:
    for trace, span, target, start, start_seq, end_seq in con.execute(
        "select trace_id, span_id, target_span_id, start_ns, start_seq, end_seq from awaits"
    ).fetchall():
        waiting = by_span[trace, span]
        awaited = units.get((waiting.resource_id, target))
        if awaited is not None:
            _touch(awaited, waiting, start, start_seq, FOREVER if end_seq is None else end_seq, "await")


def _touch(unit: Unit, by: Unit, start: int, start_seq: int, end_seq: int, how: str) -> None:
    host = by.host()
    if host is not None and unit.kind == "task" and host is not unit and not host.inside(unit):
        unit.touches.append(Touch(host, start, start_seq, end_seq, how))


def children(units: list[Unit]) -> dict[Unit | None, list[Unit]]:
    """The units by their parent."""
    found: dict[Unit | None, list[Unit]] = defaultdict(list)
    for unit in units:
        found[unit.parent].append(unit)
    return found
