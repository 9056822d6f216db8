"""Options and arguments that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from .. import terminal
from . import failure


def _quiet(on: bool) -> bool:
    if on:
        terminal.be_quiet()
    return on


Quiet = Annotated[bool, typer.Option("--quiet", "-q", callback=_quiet, help="No remarks and no progress; errors are still told.")]

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH...]", show_default=False, help="Files, folders, globs or - for stdin. Default: the newest recording."),
]

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", show_default=False, help="Folder for the trace file. [SPANPROOF_TRACES; default: traces]"),
]

Otlp = Annotated[
    str | None,
    typer.Option("--otlp", metavar="URL", show_default=False, help="Send each unit to this OTLP endpoint too, http://HOST:PORT."),
]

OtlpProtocol = Annotated[
    str | None,
    typer.Option(
        "--otlp-protocol",
        metavar="grpc|http",
        show_default=False,
        help="How to speak to it. [OTEL_EXPORTER_OTLP_PROTOCOL; default: grpc on port 4317, else http]",
    ),
]

CriteriaFolders = Annotated[
    list[Path] | None,
    typer.Option("--criteria", metavar="DIR", show_default=False, help="A folder with criteria of your own (.sql); may be repeated."),
]

Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="MAP",
        show_default=False,
        help="For traces of other programs: lift what they say by a map that ships (opentelemetry, temporal, nested) or a file with rules.",
    ),
]

JaegerUrl = Annotated[
    str | None,
    typer.Option("--jaeger-url", metavar="URL", show_default=False, help="Print where each finding is seen in this Jaeger."),
]

Repeat = Annotated[int, typer.Option("--repeat", min=1, metavar="N", help="Run each variant so many times.")]

Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the first repetition; the others count on.")]


UNITS: Final = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
LEAST_BYTES: Final = 2**20
"""A recording's limit is kept by dropping closed parts, four of which have to fit below it."""


def bytes_of(text: str, option: str) -> int:
    """A size in bytes, as in `500000000`, `500MB` or `2 GiB`.

    Raises:
        Failure: it is none, or too small.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    factor = UNITS.get(found[2].upper()) if found else None
    if found is None or factor is None:
        raise failure.Failure(
            f"{option} {text}: no size. Expected a number of bytes, or one with KB, MB, GB, KiB, MiB or GiB, such as 500MB."
        )
    size = round(float(found[1]) * factor)
    if size < LEAST_BYTES:
        raise failure.Failure(f"{option} {text}: too small for a recording. Expected at least 1MiB.")
    return size
