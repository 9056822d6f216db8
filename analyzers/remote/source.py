"""`jaeger://HOST:PORT/ID`: a trace on a server, wherever a path to a file is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Final

from .jaeger import Jaeger, JaegerError, trace_id

SCHEMES: Final = {"jaeger://": "http://", "jaegers://": "https://"}
"""How such a source begins, and how its server is spoken to."""


@dataclass(frozen=True, slots=True)
class OnJaeger:
    """A trace on a server. Where a path is shown, its address is."""

    address: str
    url: str
    trace: str

    def __fspath__(self) -> str:
        return self.address

    def __str__(self) -> str:
        return self.address

    def copy(self, target: IO[bytes]) -> None:
        """Write it as the server gives it.

        Raises:
            JaegerError: there is no such trace, or no server.
        """
        with Jaeger(self.url) as server:
            server.copy(self.trace, target)


def on_jaeger(path: str) -> OnJaeger | None:
    """The trace that an address means; None: it is no such address.

    Raises:
        JaegerError: it is one, and names no trace.
    """
    for scheme, spoken in SCHEMES.items():
        if path.startswith(scheme):
            server, slash, trace = path.removeprefix(scheme).rstrip("/").rpartition("/")
            if not slash or not server:
                raise JaegerError(f"{path!r} names no trace. Expected {scheme}HOST:PORT/ID, such as {scheme}localhost:16686/4bf92f35…")
            return OnJaeger(path, spoken + server, trace_id(trace))
    return None
