"""OTLP endpoints for tests: real servers on loopback, good ones and bad ones, that stop by themselves."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

if TYPE_CHECKING:
    from collections.abc import Generator

LIMIT_S = 5.0


@dataclass
class Endpoint:
    """What a server got.

    Attributes:
        url: where it listens; without a path.
        requests: decoded requests, in order.
        headers: of the last request, or its metadata; keys in lower case.
        paths: that were asked for.
    """

    url: str = ""
    requests: list[ExportTraceServiceRequest] = field(default_factory=list[ExportTraceServiceRequest])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    paths: list[str] = field(default_factory=list[str])

    def spans(self) -> list[Any]:
        """All spans, in the order of their arrival."""
        return [span for request in self.requests for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]

    def names(self) -> list[str]:
        """Their names."""
        return [span.name for span in self.spans()]

    def wait_for(self, name: str) -> None:
        """Wait until a span of this name has come; fails after a while."""
        until = time.monotonic() + LIMIT_S
        while name not in self.names():
            assert time.monotonic() < until, f"{name} did not come; got {self.names()}"
            time.sleep(0.005)


@contextmanager
def http(status: int = 200, content_type: str = "application/x-protobuf", answer: bytes = b"", location: str = "") -> Generator[Endpoint]:
    """An HTTP endpoint that takes what it is sent, and gives this answer."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            endpoint.paths.append(self.path)
            endpoint.headers = {key.lower(): value for key, value in self.headers.items()}
            endpoint.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(answer)))
            if location:
                self.send_header("location", location)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Tests read stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(LIMIT_S)


@contextmanager
def grpc(refuses: bool = False) -> Generator[Endpoint]:
    """A gRPC endpoint. `refuses`: it takes nothing from anybody."""
    library: Any = import_module("grpc")
    services: Any = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")
    futures: Any = import_module("concurrent.futures")
    endpoint = Endpoint()

    class Servicer(services.TraceServiceServicer):  # type: ignore[misc]
        def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - gRPC's name
            if refuses:
                context.abort(library.StatusCode.UNAUTHENTICATED, "who are you")
            endpoint.headers = {str(key): str(value) for key, value in context.invocation_metadata()}
            endpoint.requests.append(request)
            return ExportTraceServiceResponse()

    server = library.server(futures.ThreadPoolExecutor(max_workers=2))
    services.add_TraceServiceServicer_to_server(Servicer(), server)
    endpoint.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield endpoint
    finally:
        server.stop(0).wait(LIMIT_S)


@contextmanager
def raw(answer: bytes | None = None) -> Generator[Endpoint]:
    """Something that accepts connections, and answers each with these bytes; None: never."""
    endpoint = Endpoint()
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            kept.append(connection)
            if answer is not None:
                connection.recv(65_536)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield endpoint
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(LIMIT_S)
        for connection in kept:
            connection.close()


def nobody() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# --- What came, as Python values --------------------------------------------------------------------------------------------


def value(held: Any) -> Any:
    """The Python value of a protobuf value."""
    kind = held.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in held.array_value.values]
    return getattr(held, kind)


def attributes(holder: Any) -> dict[str, Any]:
    """The attributes of a span, an event or a resource; a key that occurs twice fails."""
    pairs = [(item.key, value(item.value)) for item in holder.attributes]
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


async def program() -> None:
    """Tasks that end in each way, and one that never does."""

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("no \ud800 good")

    async def slow() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

    async def aborted() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            group.create_task(fails())

    with pytest.raises(ExceptionGroup):
        await aborted()
    with pytest.raises(TimeoutError):
        await slow()
