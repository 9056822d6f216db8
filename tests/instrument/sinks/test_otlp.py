"""Units at an OTLP endpoint: the same facts as in the file, each once, and no endpoint can hurt the program."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument import vocabulary as v
from spanproof.instrument.attach import active, session
from spanproof.instrument.exporting import Endpoint, EndpointError, endpoint, resource_of_environment, wait_at_exit_s
from spanproof.instrument.sinks import otlp
from spanproof.instrument.sinks.otlp import OtlpExport

from . import endpoints, support

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from spanproof.instrument.records import Unit

KINDS: list[Callable[[], AbstractContextManager[endpoints.Endpoint]]] = [endpoints.http, endpoints.grpc]


# --- The same facts as in the file ---------------------------------------------------------------------------------------


def of_file(path: Path) -> dict[bytes, dict[str, Any]]:
    """The spans of a trace file by id, each as comparable values."""
    return {bytes.fromhex(span["spanId"]): _of_file(span) for span in support.merged(path).values()}


def _of_file(span: dict[str, Any]) -> dict[str, Any]:
    attributes = support.attributes(span)
    del attributes[v.REV]
    return {
        "trace": bytes.fromhex(span["traceId"]),
        "parent": bytes.fromhex(span.get("parentSpanId", "")),
        "name": span["name"],
        "start": int(span["startTimeUnixNano"]),
        "end": int(span.get("endTimeUnixNano", 0)),
        "attributes": attributes,
        "events": [(event["name"], int(event["timeUnixNano"]), support.attributes(event)) for event in span.get("events", [])],
        "links": [(bytes.fromhex(link["traceId"]), bytes.fromhex(link["spanId"])) for link in span.get("links", [])],
        "status": (span.get("status", {}).get("code", 0), span.get("status", {}).get("message", "")),
    }


def of_endpoint(came: endpoints.Endpoint) -> dict[bytes, dict[str, Any]]:
    """The spans that came to an endpoint by id; one that came twice fails."""
    spans = came.spans()
    found = {span.span_id: _of_endpoint(span) for span in spans}
    assert len(found) == len(spans), "a unit came twice"
    return found


def _of_endpoint(span: Any) -> dict[str, Any]:
    assert (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count) == (0, 0, 0)
    return {
        "trace": span.trace_id,
        "parent": span.parent_span_id,
        "name": span.name,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "attributes": endpoints.attributes(span),
        "events": [(event.name, event.time_unix_nano, endpoints.attributes(event)) for event in span.events],
        "links": [(link.trace_id, link.span_id) for link in span.links],
        "status": (span.status.code, span.status.message),
    }


@pytest.mark.parametrize("serve", KINDS)
def test_the_endpoint_gets_once_what_the_file_holds(
    tmp_path: Path, serve: Callable[[], AbstractContextManager[endpoints.Endpoint]], capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        await endpoints.program()
        recorder = active()
        assert recorder is not None
        mine = next(unit for unit in recorder.open_units() if unit.name == "task main")
        # More than the SDK's limits let through, and values that OTLP cannot hold.
        mine.attrs.update({f"many.{number}": number for number in range(200)})
        odd: dict[str, Any] = {
            "nan": float("nan"),
            "huge": 10**30,
            "lone": "\udc00",
            "long": "x" * 9_000,
            "list": [1, 2],
            "set": {1},
            "yes": True,
        }
        mine.attrs.update({f"odd.{key}": each for key, each in odd.items()})
        for number in range(300):
            recorder.event(mine, v.HEARTBEAT, time.time_ns(), {"n": number})
        forever = asyncio.create_task(asyncio.sleep(60))
        assert not forever.done()

    with serve() as came:
        protocol = "grpc" if serve is endpoints.grpc else "http"
        with session(tmp_path, name="both", otlp=came.url, otlp_protocol=protocol) as recording:
            asyncio.run(main())
    assert recording.path is not None
    assert recording.export is not None
    wanted, found = of_file(recording.path), of_endpoint(came)
    assert {each["name"] for each in wanted.values()} >= {"program both", "recording", "task main", "task fails", "task sleep"}
    assert found == wanted
    assert (recording.export.sent, recording.export.unsent) == (len(wanted), 0)
    (last_line,) = recording.path.read_bytes().splitlines()[-1:]
    resource = support.resource_of(last_line)
    del resource[v.RES_PART]
    assert endpoints.attributes(came.requests[-1].resource_spans[0].resource) == resource
    assert came.requests[-1].resource_spans[0].scope_spans[0].scope.name == v.SCOPE_NAME
    assert capfd.readouterr().err == ""


def test_units_go_when_they_end_and_open_ones_at_the_end_as_unfinished(tmp_path: Path) -> None:
    async def main() -> None:
        await asyncio.create_task(asyncio.sleep(0), name="early")
        await asyncio.to_thread(came.wait_for, "task sleep")
        assert "task main" not in came.names()
        context.__exit__(None, None, None)

    with endpoints.http() as came:
        context = session(tmp_path, otlp=came.url)
        context.__enter__()
        asyncio.run(main())
    (main_span,) = [span for span in came.spans() if span.name == "task main"]
    assert endpoints.attributes(main_span)[v.OUTCOME] == "unfinished"
    assert main_span.end_time_unix_nano == 0


def test_without_a_file_the_endpoint_hears_how_the_recording_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with endpoints.http() as came, session(name="alone", otlp=came.url, file=False) as recording:
        asyncio.run(asyncio.sleep(0))
    assert recording.path is None
    assert list(tmp_path.iterdir()) == []
    (record,) = [endpoints.attributes(span) for span in came.spans() if span.name == "recording"]
    assert record[v.ENDED_BY] == "session"
    assert record[v.TICK_SEQ] > 0


# --- Where to and how: the arguments and the environment ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "protocol", "environ", "wanted"),
    [
        ("http://host:4318", None, {}, Endpoint("http://host:4318/v1/traces", grpc=False)),
        ("http://host:4318/", None, {}, Endpoint("http://host:4318/v1/traces", grpc=False)),
        ("https://host/otlp/traces?key=1", None, {}, Endpoint("https://host/otlp/traces?key=1", grpc=False)),
        ("http://host:4317", None, {}, Endpoint("http://host:4317", grpc=True)),
        ("http://host:4317", "http", {}, Endpoint("http://host:4317/v1/traces", grpc=False)),
        ("http://host:4317", None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, Endpoint("http://host:4317/v1/traces", grpc=False)),
        ("http://host:9", "grpc", {}, Endpoint("http://host:9", grpc=True)),
        ("http://[::1]:9", None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Endpoint("http://[::1]:9", grpc=True)),
        (
            "http://host:9",
            None,
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"},
            Endpoint("http://host:9", grpc=True),
        ),
    ],
)
def test_the_protocol_and_the_path(url: str, protocol: str | None, environ: dict[str, str], wanted: Endpoint) -> None:
    assert endpoint(url, protocol, environ) == wanted


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://host:9", "http://host:9/v1/traces"),
        ("http://name:secret@host:9", "http://***@host:9/v1/traces"),
        ("https://name:p@ss@host:9/v1/traces", "https://***@host:9/v1/traces"),
    ],
)
def test_a_password_in_the_url_is_not_told(url: str, told: str) -> None:
    assert str(endpoint(url, None, {})) == told


@pytest.mark.parametrize(
    ("url", "protocol", "told"),
    [
        ("localhost:4318", None, r"'localhost:4318' is no OTLP endpoint\. Expected http://HOST:PORT .* Write: http://localhost:4318$"),
        ("grpc://host:4317", None, r"'grpc://host:4317' is no OTLP endpoint\. Expected http://HOST:PORT"),
        ("http://host:port", None, r"'http://host:port' is no OTLP endpoint: .*Expected"),
        ("http://host:99999", None, r"is no OTLP endpoint: .*Expected"),
        ("http://host:0", None, r"is no OTLP endpoint\. Expected"),
        ("http://", None, r"is no OTLP endpoint\. Expected"),
        ("http://a b:1", None, r"is no OTLP endpoint\. Expected"),
        ("", None, r"'' is no OTLP endpoint\. Expected"),
        ("http://host:1", "thrift", r"'thrift' is no protocol .* Expected grpc or http"),
    ],
)
def test_a_wrong_endpoint_is_told_before_anything_starts(url: str, protocol: str | None, told: str, tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match=told), session(tmp_path / "new", otlp=url, otlp_protocol=protocol):
        pytest.fail("it began")
    assert active() is None
    assert not (tmp_path / "new").exists()


def test_what_the_exporters_cannot_use_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli")  # the HTTP exporter takes an unknown one for none
    with (
        pytest.raises(EndpointError, match=r"no exporter can be made.*brotli.*OTEL_EXPORTER_OTLP_"),
        session(tmp_path, otlp="http://h:4317"),
    ):
        pytest.fail("it began")
    assert active() is None


@pytest.mark.parametrize("serve", KINDS)
def test_headers_and_compression_come_from_the_environment(
    serve: Callable[[], AbstractContextManager[endpoints.Endpoint]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=night%20shift")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc" if serve is endpoints.grpc else "http/protobuf")
    with serve() as came, session(tmp_path, otlp=came.url):
        asyncio.run(asyncio.sleep(0))
    assert came.headers["x-team"] == "night shift"
    assert "task sleep" in came.names()
    if serve is endpoints.http:
        assert came.headers["content-encoding"] == "gzip"
        assert set(came.paths) == {"/v1/traces"}


def test_the_wait_at_the_end_is_the_exporters_timeout_if_one_is_set() -> None:
    assert wait_at_exit_s({}) == 0.8
    assert wait_at_exit_s({"OTEL_EXPORTER_OTLP_TIMEOUT": "3"}) == 3.0
    assert wait_at_exit_s({"OTEL_EXPORTER_OTLP_TIMEOUT": "3", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "0.1"}) == 0.1
    assert wait_at_exit_s({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}) == 0.8


def test_the_environment_names_the_service_and_its_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb, service.name=other,broken,=1,empty=")
    assert resource_of_environment() == {"team": "a,b", "service.name": "shop", "empty": ""}
    with endpoints.http() as came, session(tmp_path, name="app", otlp=came.url) as recording:
        asyncio.run(asyncio.sleep(0))
    assert recording.path is not None
    for resource in (
        endpoints.attributes(came.requests[-1].resource_spans[0].resource),
        support.resource_of(recording.path.read_bytes().splitlines()[-1]),
    ):
        assert (resource["service.name"], resource["team"]) == ("shop", "a,b")


# --- Limits ------------------------------------------------------------------------------------------------------------------


def unit(number: int, events: int = 0) -> Unit:
    """An ended unit with so many events."""
    made = support.end(support.unit(number))
    for seq in range(events):
        made.add((v.HEARTBEAT, time.time_ns(), seq, {v.SEQ: seq}))
    return made


def export_to(url: str, warnings: list[str]) -> OtlpExport:
    """An exporting sink without a recorder."""
    return OtlpExport(endpoint(url), support.recording(), lambda: support.RESOURCE, support.tick, warn=warnings.append)


def test_what_waits_is_limited_and_what_was_too_much_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MAX_WAITING", 100)
    warnings: list[str] = []
    with endpoints.http() as came:
        sink = export_to(came.url, warnings)
        for number in range(1, 151):
            sink.ended(unit(number))
        sink.start()
        sink.close("session", [])
    assert (sink.sent, sink.unsent) == (101, 50)
    assert warnings == [f"50 of 151 units were not sent to {came.url}/v1/traces: too many were waiting to be sent; they are lost"]
    assert [span.span_id[-1] for span in came.spans()[:-1]] == [number % 256 for number in range(51, 151)]


def test_requests_are_limited_in_units_and_in_events() -> None:
    with endpoints.http() as came:
        sink = export_to(came.url, [])
        for number in range(1, 1_001):
            sink.ended(unit(number))
        for number in range(1_001, 1_005):
            sink.ended(unit(number, events=1_500))
        sink.start()
        sink.close("session", [])
    counts = [len(request.resource_spans[0].scope_spans[0].spans) for request in came.requests]
    assert sum(counts) == 1_005
    assert max(counts) <= otlp.BATCH
    assert all(sum(len(span.events) for span in request.resource_spans[0].scope_spans[0].spans) <= 4_000 for request in came.requests)


def test_a_unit_that_cannot_be_encoded_costs_no_other() -> None:
    warnings: list[str] = []
    broken = unit(2)
    broken.links = [None]  # type: ignore[list-item] # pyright: ignore[reportAttributeAccessIssue]
    with endpoints.http() as came:
        sink = export_to(came.url, warnings)
        for each in (unit(1), broken, unit(3)):
            sink.ended(each)
        sink.start()
        sink.close("session", [])
    assert came.names() == ["task t1", "task t3", "recording"]
    assert (sink.sent, sink.unsent) == (3, 1)
    assert "a unit could not be encoded: TypeError" in warnings[0]


def test_later_calls_do_nothing() -> None:
    with endpoints.http() as came:
        sink = export_to(came.url, [])
        sink.start()
        sink.close("session", [])
        sink.close("session", [unit(1)])
        sink.ended(unit(2))
    assert came.names() == ["recording"]


def test_a_recording_that_never_began_sends_nothing() -> None:
    warnings: list[str] = []
    sink = export_to(endpoints.nobody(), warnings)
    sink.ended(unit(1))
    sink.close("session", [unit(2)])
    assert (warnings, sink.unsent) == ([], 0)
