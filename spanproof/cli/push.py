"""`spanproof push`: send recorded traces to an OTLP endpoint."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .. import config, terminal
from . import failure, sources
from .options import OtlpProtocol, Paths, Quiet
from .wording import count

if TYPE_CHECKING:
    from ..instrument.exporting import Endpoint

_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def push(
    paths: Paths = None,
    *,
    otlp: Annotated[
        str | None,
        typer.Option(
            "--otlp", metavar="URL", show_default=False, help="Where to: http://HOST:PORT. [OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT]"
        ),
    ] = None,
    otlp_protocol: OtlpProtocol = None,
    skip: Annotated[int, typer.Option("--skip", min=0, metavar="N", help="Leave out the first N spans: they were sent before.")] = 0,
    quiet: Quiet = False,
) -> int:
    """Send traces to Jaeger, to a Collector, or to whatever takes OTLP.

    Each span goes once, as its last record says it; one without an end is marked `spanproof.outcome=unfinished`. Headers, compression,
    certificates and the time limit of a request are those of the OTEL_EXPORTER_OTLP_* variables.

    Exit 0: everything was taken. Exit 2: something was not; the message says how many spans were, and how to go on.

    \b
    Examples:
      spanproof push --otlp http://localhost:4318              the newest recording, by HTTP
      spanproof push traces/ --otlp http://localhost:4317      a folder, by gRPC
    """
    from ..analyzers.write.source import Source
    from ..instrument.pushing import push as send

    target = _endpoint(otlp, otlp_protocol)
    source = Source(sources.load(paths, config.resolve()))
    if source.total == 0:
        raise sources.nothing(source.con)
    terminal.progress(f"0/{source.total} spans")
    done = send(islice(source.spans(), skip, None), target, lambda number: terminal.progress(f"{skip + number}/{source.total} spans"))
    terminal.progress("")
    taken = skip + done.sent + done.refused
    if done.unsent or done.refused:
        more = f" To go on: add --skip {taken}." if done.unsent and taken else ""
        if done.large:
            more = f" It is one span of some {done.large:,} bytes. To go on without it: add --skip {taken + 1}."
        kept = f"{target} took {done.sent} of {source.total - skip} spans"
        raise failure.Failure(f"{kept}{f' and refused {done.refused}' if done.refused else ''}: {done.why}.{more}")
    terminal.note(f"{target} took {count(done.sent, 'span')}")
    return 0


def _endpoint(url: str | None, protocol: str | None) -> Endpoint:
    from ..instrument.exporting import endpoint

    named = url or next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), None)
    if named is None:
        raise failure.Failure("no endpoint. Give one with --otlp http://HOST:PORT, for example --otlp http://localhost:4318.")
    return endpoint(named, protocol)
