"""OpenTelemetry's OTLP exporters, made quiet and made to say why.

They read the environment (headers, compression, certificates, timeout), encode and repeat. Of their result only "failed" comes
back, and they log the reason: that log is not the program's affair, so what comes from our thread is caught here and read.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import threading
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..exporting import EndpointError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from ..exporting import Endpoint

_LOUD = ("opentelemetry.", "urllib3", "requests", "charset_normalizer", "google.", "grpc")
"""Loggers that speak while a request is made."""


class Exporter:
    """One exporter for one endpoint. Made in any thread, used in one.

    Attributes:
        trouble: what is wrong with the endpoint, as far as is known; empty while nothing is.
        hurried: the recording ends, and where no connection is to be had, none is tried again.

    Raises:
        EndpointError: it cannot be made: a certificate that is not there, a word that is no compression.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.trouble = ""
        self.hurried = False
        self._rejected = 0
        self._lies = False
        try:
            with warnings.catch_warnings():  # their imports are no affair of a program that runs under -W error
                warnings.simplefilter("ignore")
                self._exporter = _grpc(endpoint.url) if endpoint.grpc else self._http(endpoint.url)
        except Exception as error:
            raise EndpointError(
                f"no exporter can be made for {endpoint.url}: {type(error).__name__}: {error}. "
                "Check the environment's OTEL_EXPORTER_OTLP_* variables."
            ) from error

    def export(self, spans: Sequence[ReadableSpan]) -> tuple[int, str]:
        """Send these in one request; returns how many were not taken, and why. Blocks as long as the exporter's timeout."""
        self._rejected, self._lies = 0, False
        result = self._exporter.export(spans)
        if result.name != "SUCCESS" or self._lies:
            return len(spans), self.trouble or "the endpoint did not take them"
        if self._rejected:
            return min(self._rejected, len(spans)), self.trouble
        self.trouble = ""
        return 0, ""

    @property
    def rejected(self) -> int:
        """Spans of the last request that the endpoint took notice of and did not want."""
        return self._rejected

    def close(self) -> None:
        """Let go of the connection; a request that is repeated is given up."""
        with contextlib.suppress(Exception), self.quietly():
            self._exporter.shutdown()

    @contextlib.contextmanager
    def quietly(self) -> Generator[None]:
        """Catch what is logged in this thread on the way of a request."""
        with _Listener(self).listening():
            yield

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def _http(self, url: str) -> Any:
        exporters: Any = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        # A part of the HTTP exporter. A session of ours sees the answers, of which the exporter reads the status alone.
        requests: Any = import_module("requests")
        exporter = self

        send: Any = requests.Session.send

        class Session(requests.Session):  # type: ignore[misc]
            def send(self, request: Any, **options: Any) -> Any:
                try:
                    response: Any = send(self, request, **options)
                except Exception as error:
                    exporter.trouble = _root_of(error)
                    if exporter.hurried:
                        exporter.close()
                    raise
                exporter.hear(response.status_code, str(response.reason), response.headers.get("content-type", ""), response.content)
                return response

        # An environment that names a provider of credentials wants the session that it makes.
        return exporters.OTLPSpanExporter(endpoint=url, session=None if _has_credentials() else Session())

    def hear(self, status: int, reason: str, content_type: str, body: bytes) -> None:
        """Read an answer: a redirect, a page for people and a partial success look like success to the exporter."""
        kind = content_type.partition(";")[0].strip().lower()
        if not 200 <= status < 300:
            self._lies = 300 <= status < 400
            self.trouble = f"it answered {status} {reason}".rstrip()
        elif kind == "text/html":
            self._lies = True
            self.trouble = f"it answered {status} with a page ({kind}), so it is no OTLP endpoint"
        elif body:
            self._rejected, said = _partial_success(kind, body)
            if self._rejected:
                self.trouble = f"it rejected them{f': {said}' if said else ''}"


def _grpc(url: str) -> Any:
    exporters: Any = import_module("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    return exporters.OTLPSpanExporter(endpoint=url)


def _has_credentials() -> bool:
    variables: Any = import_module("opentelemetry.sdk.environment_variables")
    names = ("_OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "_OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER")
    return any(os.environ.get(getattr(variables, name, ""), "") for name in names)


def _partial_success(kind: str, body: bytes) -> tuple[int, str]:
    """How many spans an answer says that it rejected, and its words; 0 for what is no such answer."""
    try:
        if kind == "application/json":
            told: Any = json.loads(body).get("partialSuccess") or {}
            return int(told.get("rejectedSpans", 0)), str(told.get("errorMessage", ""))
        messages: Any = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        partial = messages.ExportTraceServiceResponse.FromString(body).partial_success
        return int(partial.rejected_spans), str(partial.error_message)
    except Exception:  # noqa: BLE001 - a status of 200 with something else in it: taken at its word
        return 0, ""


def _root_of(error: BaseException) -> str:
    """The innermost error of a chain in its own words: `requests` wraps a refused connection four times."""
    inner: BaseException = error
    for _ in range(16):
        arguments = [item for item in inner.args if isinstance(item, BaseException)]
        reason = getattr(inner, "reason", None)
        following = (
            inner.__cause__ or inner.__context__ or (reason if isinstance(reason, BaseException) else None) or next(iter(arguments), None)
        )
        if following is None:
            break
        inner = following
    if isinstance(inner, TimeoutError) or "Timeout" in type(error).__name__:
        return "it did not answer in time"
    return str(getattr(inner, "strerror", None) or str(inner) or type(inner).__name__)


def _words(logged: str) -> str:
    """What a logged line says of the reason: of gRPC's, its status and the last error."""
    status = re.search(r"StatusCode\.(\w+)", logged)
    if status is None:
        return logged
    _, _, details = logged.partition("rror details: ")
    last = details.rpartition("last error: ")[2].strip().removeprefix("UNKNOWN: ").removeprefix(f"{status[1]}: ")
    return f"{status[1]}: {last}" if last else status[1]


class _Listener(logging.Filter):
    """Drops what is logged in the thread that made it, and keeps the words of the last warning or error."""

    def __init__(self, exporter: Exporter) -> None:
        super().__init__()
        self._exporter = exporter
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        if record.levelno >= logging.WARNING and not self._exporter.trouble:
            with contextlib.suppress(Exception):
                self._exporter.trouble = _words(record.getMessage())
        return False

    @contextlib.contextmanager
    def listening(self) -> Generator[None]:
        """Be there for the length of the block, before any filter of theirs: one of them remembers what it has seen."""
        known = list(logging.root.manager.loggerDict.items())
        loggers = [logger for name, logger in known if name.startswith(_LOUD) and isinstance(logger, logging.Logger)]
        for logger in loggers:
            logger.filters.insert(0, self)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(self)
