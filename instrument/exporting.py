"""What a recording is told about places besides its file: an OTLP endpoint, and what `OTEL_*` variables say of it.

Nothing of OpenTelemetry is loaded here: whether a URL can be used is told before anything starts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

GRPC_PORT: Final = 4317
TRACES_PATH: Final = "/v1/traces"

WAIT_AT_EXIT_S: Final = 0.8
"""How long the end of a recording waits for an endpoint, in seconds, unless the environment names a timeout."""

PROTOCOLS: Final = {"grpc": True, "http": False, "http/protobuf": False}
"""Names of protocols, and whether each is gRPC."""

_EXAMPLE = "Expected http://HOST:PORT or https://HOST:PORT, for example http://localhost:4318 (HTTP) or http://localhost:4317 (gRPC)."


class EndpointError(RuntimeError):
    """An OTLP endpoint that cannot be used. The message says the value, what was expected and the next step."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that spans can be sent to.

    Attributes:
        url: where to; with the path for HTTP.
        grpc: gRPC, not HTTP.
    """

    url: str
    grpc: bool

    @property
    def protocol(self) -> str:
        """Its protocol, as `endpoint` takes it."""
        return "grpc" if self.grpc else "http"

    def __str__(self) -> str:
        # For people to read, and so for logs: a name and a password in the URL are not for them.
        user, at, _ = urlsplit(self.url).netloc.rpartition("@")
        return self.url.replace(f"{user}@", "***@", 1) if at else self.url


def endpoint(url: str, protocol: str | None = None, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint that a URL means.

    Args:
        url: `http://HOST:PORT` or `https://HOST:PORT`; for HTTP `/v1/traces` is added when it has no path.
        protocol: `grpc` or `http`; None: what OTEL_EXPORTER_OTLP_TRACES_PROTOCOL or OTEL_EXPORTER_OTLP_PROTOCOL says, else gRPC
            on port 4317 and HTTP elsewhere.
        environ: the environment.

    Raises:
        EndpointError: neither.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EndpointError(f"{url!r} is no OTLP endpoint: {error}. {_EXAMPLE}") from None
    if any(character.isspace() for character in url) or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise EndpointError(f"{url!r} is no OTLP endpoint. {_EXAMPLE}{_nearest(url)}")
    if _is_grpc(protocol, port, environ):
        return Endpoint(url, grpc=True)
    if parts.path in {"", "/"}:
        url = parts._replace(path=TRACES_PATH).geturl()
    return Endpoint(url, grpc=False)


def _nearest(url: str) -> str:
    """A way to write it, where one is obvious: people leave out the scheme."""
    guess = urlsplit(f"http://{url}")
    try:
        obvious = "://" not in url and guess.hostname is not None and guess.port is not None and not any(c.isspace() for c in url)
    except ValueError:
        return ""
    return f" Write: http://{url}" if obvious else ""


def _is_grpc(protocol: str | None, port: int | None, environ: Mapping[str, str]) -> bool:
    if protocol is not None:
        if protocol not in PROTOCOLS:
            raise EndpointError(f"{protocol!r} is no protocol that Spanproof speaks. Expected grpc or http (protobuf over HTTP).")
        return PROTOCOLS[protocol]
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        named = environ.get(variable, "").strip().lower()
        if named:
            # http/json too means an endpoint that speaks HTTP, and such a one takes protobuf as well.
            return named == "grpc"
    return port == GRPC_PORT


def wait_at_exit_s(environ: Mapping[str, str] = os.environ) -> float:
    """How long the end of a recording waits for an endpoint, in seconds."""
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"):
        try:
            # Seconds, as Python's exporters read it; the specification says milliseconds.
            seconds = float(environ.get(variable, ""))
        except ValueError:
            continue
        if seconds >= 0:
            return seconds
    return WAIT_AT_EXIT_S


def resource_of_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Attributes that OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME give to the resource; what cannot be read is left out."""
    found: dict[str, str] = {}
    for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = pair.partition("=")
        if equals and key.strip():
            found[key.strip()] = unquote(value.strip())
    service = environ.get("OTEL_SERVICE_NAME", "").strip()
    if service:
        found["service.name"] = service
    return found


def sdk_is_disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """OTEL_SDK_DISABLED switches off whatever instruments by itself."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
