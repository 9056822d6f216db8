"""`spanproof ls`: one row a trace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .. import config, terminal
from ..analyzers.words import duration
from . import sources, wording
from .listing import Column, listing
from .options import Maps, Paths, Quiet

COLUMNS: Final = (
    Column("trace"),
    Column("root"),
    Column("began (UTC)"),
    Column("took", "number"),
    Column("units", "number"),
    Column("outcome", "text", least=14),
    Column("file", "text", least=14),
)

ROWS: Final = """
select
    u.trace_id,
    coalesce(arg_min(u.name, u.start_ns) filter (u.parent_span_id is null), arg_min(u.name, u.start_ns)) as root,
    min(u.start_ns) as start_ns,
    max(u.until_ns) - min(u.start_ns) as took_ns,
    count(*) as units,
    coalesce(arg_min(u.outcome, u.depth), '') as outcome,
    count(*) filter (u.is_open) as open,
    count(*) filter (u.outcome = 'timed_out') as timed_out,
    count(*) filter (u.outcome = 'cancelled') as cancelled,
    count(*) filter (u.outcome = 'failed') as failed,
    coalesce(bool_or(u.torn), false) as torn,
    coalesce(bool_or(u.clock = 'virtual'), false) as virtual,
    any_value(f.path) as path
from units u left join files f using (file_id)
group by u.trace_id
order by any_value(u.file_id), min(coalesce(u.start_seq, 0)), start_ns, u.trace_id
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One trace; the names are those of the query's columns."""

    trace_id: str
    root: str
    start_ns: int
    took_ns: int
    units: int
    outcome: str
    open: int
    timed_out: int
    cancelled: int
    failed: int
    torn: bool
    virtual: bool
    path: str

    def story(self) -> str:
        """The root's outcome, and what else happened inside."""
        parts = [
            f"{number:,} {word}"
            for number, word in (
                (self.open, "open"),
                (self.timed_out, "timed out"),
                (self.cancelled, "cancelled"),
                (self.failed, "failed"),
            )
            if number
        ]
        parts += ["torn"] if self.torn else []
        parts += ["virtual clock"] if self.virtual else []
        inside = f" ({', '.join(parts)})" if parts else ""
        return f"{self.outcome.replace('_', ' ')}{inside}".strip()


def ls(paths: Paths = None, *, map: Maps = None, quiet: Quiet = False) -> int:
    """List traces, one row each.

    \b
    Examples:
      spanproof ls                       the newest recording
      spanproof ls traces/               every recording in the folder
      spanproof ls 'traces/app-*.json'   those that a pattern matches
    """
    settings = config.resolve({"map": map})
    connection = sources.load(paths, settings)
    rows = [Row(*values) for values in connection.execute(ROWS).fetchall()]
    if not rows:
        raise sources.nothing(connection)
    several_files = len({row.path for row in rows}) > 1
    cells: list[list[str]] = []
    for row in rows:
        short = [row.trace_id[:8], row.root, wording.clock_time(row.start_ns), duration(row.took_ns), f"{row.units:,}"]
        cells.append([*short, row.story(), *([terminal.shortest(Path(row.path))] if several_files else [])])
    terminal.show(listing(COLUMNS if several_files else COLUMNS[:-1], cells))
    return 0
