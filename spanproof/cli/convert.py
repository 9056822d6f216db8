"""`spanproof convert`: write traces for other programs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from .. import config, terminal
from . import failure, sources
from .listing import Column, listing
from .options import Paths, Quiet
from .wording import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..analyzers.write import Losses

To = Literal["otlp", "otlp-proto", "jaeger", "zipkin", "chrome", "parquet"]

PATIENCE_S: Final = 1.0
"""Seconds after which a person wants to see that something goes on."""


def convert(
    paths: Paths = None,
    *,
    to: Annotated[To, typer.Option("--to", show_default=False, help="The format to write.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", show_default=False, help="File to write; for parquet a folder.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    quiet: Quiet = False,
) -> int:
    """Write traces in the format of another program. What a format cannot hold is told on stderr.

    \b
    otlp        OTLP JSON, a TracesData object a line; keeps everything
    otlp-proto  OTLP protobuf, framed as the Collector's file exporter does
    jaeger      what Jaeger's API and pages call JSON
    zipkin      Zipkin's JSON, second format
    chrome      trace events for Perfetto, Chrome and Speedscope
    parquet     a folder that Spanproof reads many times as fast; keeps everything

    \b
    Examples:
      spanproof convert --to jaeger -o jaeger.json
      spanproof convert traces/ --to parquet -o traces.parquet
    """
    if str(output) == "-":
        raise failure.Failure("-o -: the output is renamed when it is complete, so it needs a name. Name a file.")
    from ..analyzers.write import convert as write
    from ..analyzers.write import refuse

    refuse(output, force=force)
    connection = sources.load(paths, config.resolve({}))
    number = connection.execute("select count(*) from spans").fetchone()
    if number in {None, (0,)}:
        raise sources.nothing(connection)
    lost = write(connection, to, output, force=force, progress=_progress())
    terminal.progress("")
    _tell(lost, to)
    terminal.note(f"{output}: {count(int(number[0]) if number else 0, 'span')} as {to}")
    return 0


def _progress() -> Callable[[int, int], None]:
    """Tells how far writing has got, once it takes long."""
    begun = time.monotonic()

    def told(done: int, of: int) -> None:
        if time.monotonic() - begun > PATIENCE_S:
            terminal.progress(f"writing {100 * done // max(of, 1)} %")

    return told


def _tell(lost: Losses, to: str) -> None:
    """The table of what had no place, on stderr."""
    rows = [(f"{row.number:,}", row.what, row.became) for row in lost.rows()]
    if rows:
        columns = (Column("number", "number"), Column(f"what {to} cannot hold", "text"), Column("became", "text"))
        drawing = terminal.console(stderr=True)
        with drawing.capture() as captured:
            drawing.print(listing(columns, rows, drawing.width))
        terminal.note("\n".join(line.rstrip() for line in captured.get().splitlines()))
