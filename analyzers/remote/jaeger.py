"""Jaeger's query API: traces by id and by search, as OTLP JSON with nanoseconds (`/api/v3/traces`).

Its parameters have two spellings: up to 2.13 `raw_traces`, `query.service_name`, `query.start_time_min`; from 2.19 on `rawTraces`,
`query.serviceName`, `query.startTimeMin`. A server ignores the ones that it does not know, so both are sent. Everything is asked for raw:
a read that is not sorts the events of a span by name, in the store, for everybody who reads it afterwards.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

from ..errors import InputError
from ..read.shapes import is_map, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import IO

    import urllib3

WAIT_S: Final = 10.0
"""How long a server may take to answer, in seconds, before it counts as dead."""

_PIECE: Final = 1 << 20
_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{1,32}")
_EXAMPLE: Final = "Expected http://HOST:PORT of Jaeger's query service, for example http://localhost:16686"


class JaegerError(InputError):
    """A server that gives no traces. The message says which, what happened and what to do."""


def base_url(url: str) -> str:
    """The address of a query service, without a slash at its end.

    Raises:
        JaegerError: it is no address of one.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise JaegerError(f"{url!r} is no address: {error}. {_EXAMPLE}.") from None
    if any(character.isspace() for character in url) or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise JaegerError(f"{url!r} is no address of a Jaeger. {_EXAMPLE}.")
    return url.rstrip("/")


def trace_id(text: str) -> str:
    """A trace id as the API takes it: 32 lower hex digits.

    Raises:
        JaegerError: it is none.
    """
    if not _TRACE_ID.fullmatch(text) or not text.strip("0"):
        raise JaegerError(f"{text!r} is no trace id. Expected up to 32 hex digits; `spanproof ls` lists those of a file.")
    return text.lower().rjust(32, "0")


def link(url: str, trace: str, span: str | None = None) -> str:
    """The page of a trace, with one span unfolded."""
    page = f"{base_url(url)}/trace/{trace}"
    return f"{page}?{urlencode({'uiFind': span})}" if span else page


@dataclass(frozen=True, slots=True)
class Search:
    """What traces to look for.

    Attributes:
        service: name of the service that has a span in them.
        since, until: when they begin.
        limit: how many at most.
        tags: attributes that one of the service's spans has.
    """

    service: str
    since: datetime
    until: datetime
    limit: int
    tags: Mapping[str, str]


class Jaeger:
    """One server.

    Args:
        url: `http://HOST:PORT` of its query service.
        headers: sent with each request, for a server behind a proxy that wants them.
        wait_s: how long it may take to answer.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, wait_s: float = WAIT_S) -> None:
        import urllib3  # here, since it takes long to import and most commands ask no server

        self.url = base_url(url)
        self._wait_s = wait_s
        self._pool = urllib3.PoolManager(headers=dict(headers or {}), timeout=urllib3.Timeout(total=None, connect=wait_s, read=wait_s))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def copy(self, trace: str, target: IO[bytes]) -> None:
        """Write a trace as the server gives it, OTLP JSON below `result`.

        Raises:
            JaegerError: there is no such trace, or no server.
        """
        answer = self._get(f"/api/v3/traces/{trace_id(trace)}", {"raw_traces": "true", "rawTraces": "true"}, f"trace {trace}")
        self._write(answer, target)

    def ids(self, search: Search) -> list[str]:
        """The traces that a search finds, by id.

        Found by the older API, which alone takes tags, and read from the other one: this one gives microseconds.

        Raises:
            JaegerError: no server, or it does not answer as one.
        """
        asked: dict[str, str] = {
            "service": search.service,
            "start": str(int(search.since.timestamp() * 1e6)),
            "end": str(int(search.until.timestamp() * 1e6)),
            "limit": str(search.limit),
            "raw": "true",
        }
        if search.tags:
            import orjson

            asked["tags"] = orjson.dumps(dict(search.tags)).decode()
        found = self._json(self._get("/api/traces", asked, f"service {search.service!r}"))
        return sorted({trace_id(str(each.get("traceID"))) for each in items(found.get("data")) if is_map(each)})

    def services(self) -> list[str]:
        """Names of the services that it knows.

        Raises:
            JaegerError: no server, or it does not answer as one.
        """
        return sorted(str(name) for name in items(self._json(self._get("/api/services", {}, "its services")).get("data")))

    def _get(self, path: str, asked: Mapping[str, str], what: str) -> urllib3.BaseHTTPResponse:
        import urllib3

        try:
            answer = self._pool.request("GET", f"{self.url}{quote(path)}", fields=dict(asked), retries=False, preload_content=False)
        except urllib3.exceptions.NewConnectionError as error:  # which counts as a timeout, too
            raise JaegerError(f"{self.url} cannot be reached ({_reason(error)}). {_EXAMPLE}, where a Jaeger is running.") from None
        except urllib3.exceptions.TimeoutError:
            raise JaegerError(f"{self.url} did not answer within {self._wait_s:g} s. Is it Jaeger's query service?") from None
        except urllib3.exceptions.HTTPError as error:
            raise JaegerError(f"{self.url} cannot be reached ({_reason(error)}). {_EXAMPLE}, where a Jaeger is running.") from None
        kind = answer.headers.get("content-type", "something")
        if answer.status == 404:
            raise JaegerError(f"{self.url} has no {what}. It may be another server's, or too old to be kept.")
        if answer.status >= 300:
            said = " ".join(answer.read(300, decode_content=True).decode("utf-8", "replace").split())
            raise JaegerError(f"{self.url} refused to give {what}: {answer.status} {answer.reason}. It said: {said or 'nothing'}")
        if "html" in kind:
            # Every path that it does not know is answered with a page; what it knows is JSON, whatever it calls it.
            raise JaegerError(f"{self.url} answers with {kind}, not JSON. {_EXAMPLE}.")
        return answer

    def _write(self, answer: urllib3.BaseHTTPResponse, target: IO[bytes]) -> None:
        import urllib3

        try:
            for piece in answer.stream(_PIECE, decode_content=True):
                target.write(piece)
        except urllib3.exceptions.HTTPError as error:
            raise JaegerError(f"{self.url} broke off in the middle of its answer ({_reason(error)}). Try again.") from None

    def _json(self, answer: urllib3.BaseHTTPResponse) -> dict[str, object]:
        import orjson

        held = io.BytesIO()
        self._write(answer, held)
        try:
            found = orjson.loads(held.getvalue())
        except orjson.JSONDecodeError:
            found = None
        if not is_map(found):
            raise JaegerError(f"{self.url} does not answer as Jaeger does. {_EXAMPLE}.")
        return found


def _reason(error: BaseException) -> str:
    """The innermost reason: libraries wrap what the system said in layers of their own."""
    inner: BaseException = error
    while (deeper := _below(inner)) is not None:
        inner = deeper
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__


def _below(error: BaseException) -> BaseException | None:
    wrapped: Iterator[Any] = (each for each in (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__))
    return next((each for each in wrapped if isinstance(each, BaseException) and each is not error), None)
