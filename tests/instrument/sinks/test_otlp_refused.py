"""No endpoint can hurt the program: it may be dead, slow, refusing or lying, and what it did not take is counted and told once."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanproof.instrument.attach import session

from . import endpoints, support

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path


# --- Endpoints that do not take it ----------------------------------------------------------------------------------------


REJECTED = ExportTraceServiceResponse()
REJECTED.partial_success.rejected_spans = 2
REJECTED.partial_success.error_message = "too old"

BAD = {
    "nobody listens": (None, "Connection refused"),
    "never answers": (endpoints.raw, "it did not answer within 0.8 s"),
    "hangs up": (lambda: endpoints.raw(b""), "closed connection without response"),
    "speaks another language": (lambda: endpoints.raw(b"SSH-2.0-server\r\n"), "SSH-2.0-server"),
    "promises more than it sends": (lambda: endpoints.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nno"), "bytes"),
    "refuses": (lambda: endpoints.http(401), "it answered 401 Unauthorized"),
    "is busy": (lambda: endpoints.http(503), "it answered 503 Service Unavailable"),
    "sends elsewhere": (lambda: endpoints.http(307, location="/login"), "it answered 307 Temporary Redirect"),
    "is a page": (lambda: endpoints.http(content_type="text/html; charset=utf-8", answer=b"<html>"), "a page (text/html)"),
}


@pytest.mark.realtime
@pytest.mark.parametrize(("serve", "why"), BAD.values(), ids=BAD)
def test_no_endpoint_holds_the_program_up(
    serve: Callable[[], AbstractContextManager[endpoints.Endpoint]] | None,
    why: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with _served(serve) as url:
        began = time.monotonic()
        context = session(tmp_path, otlp=url)
        recording = context.__enter__()
        asyncio.run(endpoints.program())
        ending = time.monotonic()
        context.__exit__(None, None, None)
        assert time.monotonic() - ending < 1.0
        assert ending - began < 3.0  # not held up while it ran; generous, for a busy machine
    assert recording.export is not None
    assert recording.path is not None
    units = len(support.merged(recording.path))
    warning = capfd.readouterr().err
    assert warning.count("\n") == 1
    assert warning.startswith(f"spanproof: {units} of {units} units were not sent to {url}/v1/traces: ")
    assert why in warning
    assert warning.endswith(f"; {recording.path} has everything\n")
    assert (recording.export.sent, recording.export.unsent) == (0, units)
    loud = [record.name for record in caplog.records if record.name.startswith(("opentelemetry", "urllib3", "requests"))]
    assert loud == []


def _served(serve: Callable[[], AbstractContextManager[endpoints.Endpoint]] | None) -> AbstractContextManager[str]:
    from contextlib import contextmanager, nullcontext

    if serve is None:
        return nullcontext(endpoints.nobody())

    @contextmanager
    def url() -> Generator[str]:
        with serve() as came:
            yield came.url

    return url()


@pytest.mark.realtime
@pytest.mark.parametrize(
    ("serve", "why"),
    [
        (None, "UNAVAILABLE: "),
        (endpoints.raw, "it did not answer within 0.8 s"),
        (lambda: endpoints.grpc(refuses=True), "UNAUTHENTICATED: who are you"),
    ],
)
def test_no_grpc_endpoint_holds_the_program_up(
    serve: Callable[[], AbstractContextManager[endpoints.Endpoint]] | None, why: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with _served(serve) as url:
        context = session(tmp_path, otlp=url, otlp_protocol="grpc")
        context.__enter__()
        asyncio.run(endpoints.program())
        ending = time.monotonic()
        context.__exit__(None, None, None)
        assert time.monotonic() - ending < 1.0
    (warning,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("spanproof: ")]
    assert why in warning


def test_a_partial_success_is_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with endpoints.http(answer=REJECTED.SerializeToString()) as came, session(tmp_path, otlp=came.url) as recording:
        asyncio.run(asyncio.sleep(0))
    assert recording.export is not None
    assert recording.export.unsent == 2 * len(came.requests)
    assert "it rejected them: too old" in capfd.readouterr().err


def test_the_programs_own_exporter_may_still_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    before = list(logger.filters)
    with session(tmp_path, otlp=endpoints.nobody()):
        logger.error("of the program's own")
    assert [record.message for record in caplog.records if record.name == logger.name] == ["of the program's own"]
    assert logger.filters == before


def test_our_requests_are_not_traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    seen: list[bool] = []
    send = requests.Session.send

    def traced(self: Any, request: Any, **options: Any) -> Any:  # as OpenTelemetry's instrumentation of requests does
        seen.append(is_instrumentation_enabled())
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", traced)
    with endpoints.http() as came, session(tmp_path, otlp=came.url):
        asyncio.run(asyncio.sleep(0))
    assert seen
    assert not any(seen)
    assert is_instrumentation_enabled()
