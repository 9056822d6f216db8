"""A trace as a picture: a bar for each unit, with its deadline, requests and deliveries where they were. SVG that needs nothing else.

What went on after its run had ended is hatched from there on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from .words import duration, unit_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import duckdb

UNITS: Final = 40
"""Bars of one picture; of a larger trace those that are in the focus, with all above them, come first."""

WIDTH: Final = 920
_LABELS: Final = 250
_ROW: Final = 22
_TOP: Final = 26
_FOOT: Final = 30

COLOURS: Final = {
    "completed": "#1a7f37", "cancelled": "#9a6700", "timed_out": "#bc4c00", "failed": "#d1242f", "skipped": "#6e7781",
    "short_circuited": "#6e7781",
}  # fmt: skip
"""Of a bar, by outcome; each can be read on white and on black."""

_OPEN: Final = "#0969da"

_UNITS: Final = """
select u.span_id, u.parent_span_id, u.name, u.start_ns, u.until_ns, u.outcome, u.is_open, u.deadline_ns, t.depth,
    r.abort_at_ns, r.end_ns as run_end_ns
from units u
join tree t on t.trace_id = u.trace_id and t.span_id = u.span_id
left join runs r on r.trace_id = u.trace_id and r.span_id = coalesce(u.run_id, u.span_id)
where u.trace_id = $trace
order by u.start_seq, u.start_ns, u.span_id
"""

_MARKS: Final = """
select span_id, time_ns, delivered_ns from cancellations where trace_id = $trace and live is distinct from false order by seq
"""


@dataclass(slots=True)
class _Unit:
    span_id: str
    parent: str | None
    name: str
    start_ns: int
    until_ns: int
    outcome: str | None
    is_open: bool
    deadline_ns: int | None
    depth: int
    abort_ns: int | None
    run_end_ns: int | None
    marks: list[tuple[int, int | None]] = field(default_factory=list[tuple[int, int | None]])


def svg(con: duckdb.DuckDBPyConnection, trace_id: str, focus: Collection[str] = ()) -> str:
    """The picture of one trace.

    Args:
        con: a connection from `load`.
        trace_id: the trace; one without units gives an empty text.
        focus: span ids of the units that the picture is about; their names are bold.
    """
    units = [_Unit(*row) for row in con.execute(_UNITS, {"trace": trace_id}).fetchall()]
    if not units:
        return ""
    by_id = {unit.span_id: unit for unit in units}
    for span_id, asked_ns, told_ns in con.execute(_MARKS, {"trace": trace_id}).fetchall():
        if span_id in by_id:
            by_id[span_id].marks.append((asked_ns, told_ns))
    shown = _chosen(units, by_id, focus)
    begin, end = min(unit.start_ns for unit in shown), max(unit.until_ns for unit in shown)
    scale = _Scale(begin, max(end - begin, 1))
    height = _TOP + len(shown) * _ROW + _FOOT
    parts = [
        (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img' "
            f"aria-label='{escape(_words(shown, begin), quote=True)}' style='width:100%;max-width:{WIDTH}px;font:12px sans-serif'>"
        ),
        (
            "<defs><pattern id='after' width='6' height='6' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
            "<rect width='3' height='6' fill='#d1242f'/></pattern></defs>"
        ),
        *_axis(scale, height),
    ]
    for row, unit in enumerate(shown):
        parts += _bar(unit, scale, _TOP + row * _ROW, bold=unit.span_id in focus)
    if left := len(units) - len(shown):
        parts.append(f"<text x='0' y='{height - 8}' fill='currentColor' opacity='.7'>and {left:,} more units</text>")
    return "".join([*parts, "</svg>"])


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: int
    length: int

    def __call__(self, time_ns: int) -> float:
        return round(_LABELS + (WIDTH - _LABELS - 10) * min(max((time_ns - self.begin) / self.length, 0.0), 1.0), 1)


def _chosen(units: list[_Unit], by_id: dict[str, _Unit], focus: Collection[str]) -> list[_Unit]:
    """At most UNITS of them, in their order: the focus with everything above it, then the others as they were created."""
    wanted: dict[str, None] = {}
    for span_id in focus:
        at: str | None = span_id
        while at in by_id and at not in wanted:
            wanted[at] = None
            at = by_id[at].parent
    for unit in units:
        if len(wanted) >= UNITS:
            break
        wanted[unit.span_id] = None
    kept = set(list(wanted)[:UNITS])
    return [unit for unit in units if unit.span_id in kept]


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    for step in range(5):
        x = scale(scale.begin + scale.length * step // 4)
        anchor = "end" if step == 4 else "middle" if step else "start"
        yield f"<line x1='{x}' x2='{x}' y1='{_TOP - 6}' y2='{height - _FOOT}' stroke='currentColor' opacity='.15'/>"
        yield (f"<text x='{x}' y='14' text-anchor='{anchor}' fill='currentColor' opacity='.7'>{duration(scale.length * step // 4)}</text>")


def _bar(unit: _Unit, scale: _Scale, y: int, *, bold: bool) -> Iterator[str]:
    left, right = scale(unit.start_ns), scale(unit.until_ns)
    colour = _OPEN if unit.is_open else COLOURS.get(unit.outcome or "", "#6e7781")
    weight = " font-weight='bold'" if bold else ""
    indent = min(unit.depth, 10) * 8
    shown = unit.name if len(unit.name) <= 34 else unit.name[:33] + "…"
    yield f"<g><title>{escape(_sentence(unit, scale.begin))}</title>"
    yield f"<text x='{indent}' y='{y + 14}' fill='currentColor'{weight}>{escape(shown)}</text>"
    yield f"<rect x='{left}' y='{y + 4}' width='{max(right - left, 1.5):.1f}' height='{_ROW - 9}' rx='2' fill='{colour}' opacity='.75'/>"
    if unit.run_end_ns is not None and unit.until_ns > unit.run_end_ns > unit.start_ns:
        over = scale(unit.run_end_ns)
        yield f"<rect x='{over}' y='{y + 4}' width='{max(right - over, 0):.1f}' height='{_ROW - 9}' fill='url(#after)' opacity='.8'/>"
    if unit.is_open:
        yield f"<text x='{right - 2}' y='{y + 14}' text-anchor='end' fill='currentColor'>…</text>"
    if unit.deadline_ns is not None and unit.start_ns <= unit.deadline_ns <= scale.begin + scale.length:
        x = scale(unit.deadline_ns)
        yield f"<line x1='{x}' x2='{x}' y1='{y + 1}' y2='{y + _ROW - 2}' stroke='currentColor' stroke-width='2'/>"
    for asked_ns, told_ns in unit.marks[:20]:
        x = scale(asked_ns)
        yield f"<path d='M{x - 4} {y}h8l-4 6z' fill='currentColor'/>"
        if told_ns is not None:
            yield f"<circle cx='{scale(told_ns)}' cy='{y + 10}' r='3' fill='currentColor'/>"
    yield "</g>"


def _sentence(unit: _Unit, begin: int) -> str:
    """What the bar says, in words."""
    parts = [f"{unit_name(unit.name)}: from {duration(unit.start_ns - begin)} to {duration(unit.until_ns - begin)}"]
    parts.append("no end was recorded" if unit.is_open else (unit.outcome or "ended").replace("_", " "))
    if unit.deadline_ns is not None:
        parts.append(f"deadline at {duration(unit.deadline_ns - begin)}")
    for asked_ns, told_ns in unit.marks[:3]:
        got = f", told at {duration(told_ns - begin)}" if told_ns is not None else ", never told"
        parts.append(f"asked to stop at {duration(asked_ns - begin)}{got}")
    return "; ".join(parts)


def _words(units: list[_Unit], begin: int) -> str:
    return ". ".join(_sentence(unit, begin) for unit in units[:12])


LEGEND: Final = (
    "A bar is a unit, from its start to its end; green completed, ochre cancelled, orange timed out, red failed, blue still running. "
    "A vertical stroke is its deadline, a triangle a request to stop, a dot the moment when it got it. "
    "Hatched: it went on after its run had ended."
)
"""What the signs mean, for the page that shows pictures."""
