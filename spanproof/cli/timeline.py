"""The drawing of one trace: a row a unit, in the order in which the units were created, indented by what they are inside of.

Times are relative to the trace's first record and on the trace's own clock. A crowd of equal units (same parent, name and outcome) is
drawn once and counted, so that a fan-out of ten thousand stays one screen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from .. import terminal
from ..analyzers.words import duration
from . import timeline_facts
from .wording import clock_time, since

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from rich.console import RenderableType
    from rich.text import Text

CROWD: Final = 8
"""Equal siblings beyond this many are counted, not drawn."""

ROWS: Final = 400
"""Rows of one trace that are drawn unless all were asked for."""

UNITS: Final = """
select span_id, parent_span_id, coalesce(unit, ''), name, start_ns, end_ns, until_ns, coalesce(outcome, ''), deadline_ns,
    coalesce(deadline_state, ''), coalesce(clock, ''), coalesce(error_type, ''), coalesce(reported_outcome, ''), shielded
from units where trace_id = ?
order by coalesce(start_seq, 0), start_ns, span_id
"""

ASKED: Final = """
select c.span_id, c.time_ns, c.mechanism, c.delivered_ns, c.withdrawn_ns is not null, c.swallowed_ns is not null,
    coalesce(c.file, ''), c.line, c.addressee_span_id = c.span_id
from cancellations c where c.trace_id = ? order by c.seq
"""


@dataclass(slots=True)
class Unit:
    """One row of the drawing; names as in the table `units`."""

    span_id: str
    parent_span_id: str | None
    unit: str
    name: str
    start_ns: int
    end_ns: int | None
    until_ns: int
    outcome: str
    deadline_ns: int | None
    deadline_state: str
    clock: str
    error_type: str
    reported_outcome: str
    shielded: bool
    requests: list[Request] = field(default_factory=list["Request"])
    facts: list[str] = field(default_factory=list[str])

    @property
    def likeness(self) -> tuple[str, str]:
        """Siblings with the same one are a crowd."""
        return (self.name, self.outcome)


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asked the unit to stop."""

    span_id: str
    time_ns: int
    mechanism: str
    delivered_ns: int | None
    withdrawn: bool
    swallowed: bool
    file: str
    line: int | None
    addressed: bool


def traces(connection: DuckDBPyConnection, prefix: str | None) -> list[str]:
    """Ids of the traces to draw, in reading order. Without a prefix the program's own, which has nothing in it, is left out."""
    rows = connection.execute(
        """
        select trace_id, bool_and(unit is not distinct from 'program') as only_program
        from units group by trace_id order by min(file_id), min(coalesce(start_seq, 0)), min(start_ns), trace_id
        """
    ).fetchall()
    if prefix is not None:
        return [str(trace_id) for trace_id, _ in rows if str(trace_id).startswith(prefix)]
    drawn = [str(trace_id) for trace_id, only_program in rows if not only_program]
    return drawn or [str(trace_id) for trace_id, _ in rows]


def draw(connection: DuckDBPyConnection, trace_id: str, *, everything: bool = False) -> RenderableType:
    """The drawing of a trace that exists."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    units = [Unit(*row) for row in connection.execute(UNITS, [trace_id]).fetchall()]
    by_id = {unit.span_id: unit for unit in units}
    for row in connection.execute(ASKED, [trace_id]).fetchall():
        request = Request(*row)
        if request.span_id in by_id:
            by_id[request.span_id].requests.append(request)
    start_ns = min(unit.start_ns for unit in units)
    for span_id, facts in timeline_facts.told(connection, trace_id, start_ns).items():
        if span_id in by_id:
            by_id[span_id].facts = facts
    clock = f" {terminal.DOT} virtual clock" if any(unit.clock == "virtual" for unit in units) else ""
    heading = Text(f"trace {trace_id[:8]} {terminal.DOT} began {clock_time(start_ns)} UTC{clock}", style="bold")
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for drawn, (guide, unit, alike) in enumerate(_rows(units, everything=everything)):
        if drawn == ROWS and not everything:
            table.add_row("", "", Text(f"{terminal.MORE} and more; --all draws every unit", style="dim"))
            break
        if alike:
            table.add_row(
                "", "", Text(f"{guide}{terminal.MORE} {alike:,} more like this ({unit.name}, {_word(unit.outcome)})", style="dim")
            )
        else:
            table.add_row(since(unit.start_ns, start_ns), _took(unit), _story(unit, guide, start_ns))
    return Group(heading, table, Text(""))


def _rows(units: list[Unit], *, everything: bool) -> Iterator[tuple[str, Unit, int]]:
    """(guide, unit, how many more are like it; 0 for the unit itself), top down."""
    corner, fork, line = "└─ ", "├─ ", "│  "
    known = {unit.span_id for unit in units}
    below: dict[str | None, list[Unit]] = defaultdict(list)
    for unit in units:
        below[unit.parent_span_id if unit.parent_span_id in known else None].append(unit)
    seen: set[str] = set()
    stack = [("", "", unit, 0) for unit in reversed(_tops(units, below))]
    while stack:
        guide, indent, unit, alike = stack.pop()
        if alike:
            yield guide, unit, alike
        elif unit.span_id not in seen:
            seen.add(unit.span_id)
            yield guide, unit, 0
            children = _thinned(below[unit.span_id], everything=everything)
            for place, (child, more) in reversed(list(enumerate(children, 1))):
                last = place == len(children)
                stack.append((indent + (corner if last else fork), indent + ("   " if last else line), child, more))


def _tops(units: list[Unit], below: dict[str | None, list[Unit]]) -> list[Unit]:
    """The units that nothing stands above; of a cycle of parents, which nothing reaches, its first."""
    tops: list[Unit] = []
    reached: set[str] = set()
    for unit in [*below[None], *units]:
        if unit.span_id in reached:
            continue
        tops.append(unit)
        waiting = [unit]
        while waiting:
            each = waiting.pop()
            if each.span_id not in reached:
                reached.add(each.span_id)
                waiting += below[each.span_id]
    return tops


def _thinned(children: list[Unit], *, everything: bool) -> list[tuple[Unit, int]]:
    """Each child with 0, and in the place of a crowd's rest the first of the rest with their number."""
    counts = Counter(child.likeness for child in children)
    drawn: Counter[tuple[str, str]] = Counter()
    kept: list[tuple[Unit, int]] = []
    for child in children:
        drawn[child.likeness] += 1
        if everything or counts[child.likeness] <= CROWD or drawn[child.likeness] < CROWD:
            kept.append((child, 0))
        elif drawn[child.likeness] == CROWD:
            kept.append((child, counts[child.likeness] - CROWD + 1))
    return kept


def _took(unit: Unit) -> str:
    """How long it lasted; with `>` when no end was recorded, for then it is at least that long."""
    length = duration(unit.until_ns - unit.start_ns)
    return length if unit.end_ns is not None else f"> {length}"


def _word(outcome: str) -> str:
    return outcome.replace("_", " ")


STYLES: Final = {"completed": "green", "failed": "red", "timed_out": "red", "cancelled": "yellow", "unfinished": "magenta"}


def _story(unit: Unit, guide: str, start_ns: int) -> Text:
    """Name, outcome, and what happened to it: its deadline, who asked it to stop, what it did about that."""
    from rich.text import Text

    text = Text()
    text.append(guide, style="dim")
    text.append(unit.name, style="bold")
    outcome = unit.outcome or ("" if unit.end_ns is not None else "unfinished")
    if outcome:
        text.append(f"  {_word(outcome)}", style=STYLES.get(outcome, ""))
    if unit.reported_outcome and unit.reported_outcome != outcome:
        text.append(f" (reported {_word(unit.reported_outcome)})", style="red")
    if outcome == "failed" and unit.error_type:
        text.append(f" {unit.error_type.rpartition('.')[2]}")
    facts = [_request(request, start_ns) for request in unit.requests if request.addressed]
    if unit.deadline_ns is not None:
        facts.insert(0, f"deadline {since(unit.deadline_ns, start_ns)} {unit.deadline_state}".rstrip())
    if unit.shielded:
        facts.insert(0, "shielded")
    facts += unit.facts
    if facts:
        text.append(f" {terminal.DOT} " + f" {terminal.DOT} ".join(facts), style="dim")
    return text


def _request(request: Request, start_ns: int) -> str:
    """`asked at 50 ms by timer, swallowed`. Code that asked is named with its line."""
    place = f" at {PurePath(request.file).name}:{request.line}" if request.file and request.mechanism == "task_cancel" else ""
    story = f"asked {since(request.time_ns, start_ns)} by {_word(request.mechanism)}{place}"
    if request.withdrawn:
        return f"{story}, withdrawn"
    if request.delivered_ns is None:
        return f"{story}, not delivered"
    return f"{story}, swallowed" if request.swallowed else story
