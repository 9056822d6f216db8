"""`spanproof show`: a trace as a tree with times."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from .. import config, terminal
from . import failure, sources, timeline
from .options import Maps, Paths, Quiet
from .wording import count

SHOWN: Final = 10
"""Traces that are drawn when none was picked."""


def show(
    paths: Paths = None,
    trace: Annotated[
        str | None,
        typer.Option("--trace", metavar="ID-PREFIX", show_default=False, help="Only traces whose id begins so; `spanproof ls` lists them."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Draw every trace and every unit, however many there are.")] = False,
    map: Maps = None,
    quiet: Quiet = False,
) -> int:
    """Draw traces as trees with times.

    What ran inside what, from when to when, how it ended, and who asked it to stop.

    \b
    Examples:
      spanproof show                     the newest recording
      spanproof show --trace 3f2a        one trace of it
      spanproof show run.json --all      nothing left out
    """
    settings = config.resolve({"map": map})
    connection = sources.load(paths, settings)
    found = timeline.traces(connection, trace.lower() if trace else None)
    if not found and trace:
        raise failure.Failure(f"no trace begins with {trace!r}. `spanproof ls` lists the traces with their ids.")
    if not found:
        raise sources.nothing(connection)
    drawn = found if everything else found[:SHOWN]
    for trace_id in drawn:
        terminal.show(timeline.draw(connection, trace_id, everything=everything))
    if len(drawn) < len(found):
        terminal.note(f"and {count(len(found) - len(drawn), 'more trace')}: --trace ID-PREFIX picks one, --all draws them all")
    return 0
