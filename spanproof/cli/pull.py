"""`spanproof pull`: traces from a Jaeger into a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .. import terminal
from . import failure
from .options import Quiet
from .wording import count

if TYPE_CHECKING:
    from ..analyzers.remote.jaeger import Jaeger

_AGO: Final = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def pull(
    traces: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", show_default=False, help="Traces to fetch, by id.")] = None,
    *,
    jaeger: Annotated[str, typer.Option("--jaeger", metavar="URL", help="Address of Jaeger's query service.")] = "http://localhost:16686",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", show_default=False, help="Write there; a new file.")],
    service: Annotated[
        str | None, typer.Option("--service", metavar="S", show_default=False, help="Instead of ids: traces with spans of this service.")
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Those that began since then: 90s, 15m, 1h, 7d ago, or an ISO time.")
    ] = "1h",
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", show_default=False, help="Those that began until then. [default: now]")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", show_default=False, help="Those with this attribute; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")] = 100,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=VALUE", show_default=False, help="Sent with each request; may be repeated."),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Fetch traces from a Jaeger, with nanoseconds and events in order, as a file that every command takes.

    A single one is also read without a file: `spanproof check jaeger://localhost:16686/ID`.

    \b
    Examples:
      spanproof pull 4bf92f3577b34da6a3ce929d0e0e4736 -o one.json
      spanproof pull --service shop --since 15m -o shop.json
      spanproof pull --service shop --tag spanproof.outcome=timed_out -o late.json
    """
    from ..analyzers.remote.jaeger import Jaeger, Search, trace_id

    if bool(traces) == (service is not None):
        raise failure.Failure("name traces by their ids, or a service with --service: spanproof pull --service shop -o shop.json")
    now = datetime.now(UTC)
    search = (
        Search(service, _when(since, now, "--since"), _when(until, now, "--until") if until else now, limit, _pairs(tag or [], "--tag"))
        if service
        else None
    )
    with Jaeger(jaeger, _pairs(header or [], "--header")) as server:
        ids = server.ids(search) if search else [trace_id(each) for each in traces or []]
        if not ids:
            known = ", ".join(server.services()) or "none at all"
            raise failure.Failure(
                f"{server.url} found no such trace of {service!r}. It knows the services: {known}. Perhaps widen --since."
            )
        _fetch(server, ids, output)
    terminal.note(f"{output}: {count(len(ids), 'trace')} written{_cut_short(ids, limit if search else None)}")
    terminal.note(f"spanproof check {output}")
    return 0


def _fetch(server: Jaeger, ids: list[str], output: Path) -> None:
    """Write the traces below each other; the file is there when all of them are."""
    from ..analyzers.write.target import placed

    with placed(output, force=False) as draft, draft.open("xb") as file:
        for number, trace in enumerate(ids):
            terminal.progress(f"{number}/{len(ids)} traces")
            server.copy(trace, file)
            file.write(b"\n")
    terminal.progress("")


def _cut_short(ids: list[str], limit: int | None) -> str:
    return f"; there may be more than {limit} (--limit)" if limit is not None and len(ids) >= limit else ""


def _when(text: str, now: datetime, option: str) -> datetime:
    found = _AGO.fullmatch(text.strip())
    if found:
        return now - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise failure.Failure(f"{option} {text}: no time. Expected 90s, 15m, 1h or 7d, or an ISO time such as 2026-05-01T12:00Z.") from None
    return when if when.tzinfo else when.astimezone()


def _pairs(words: list[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise failure.Failure(f"{option} {word}: expected NAME=VALUE.")
        pairs[name.strip()] = value
    return pairs
