"""Zipkin's JSON, both formats: what its API answers and takes. The inverse of what OpenTelemetry's exporters make of spans."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ..documents import documents
from ..handing import Hand
from ..ids import Ids
from ..origin import resource_id
from ..plain import label, plain_texts
from ..shapes import MALFORMED, is_list, is_map, items, shown
from ..times import MICRO, end_ns, time_ns
from .zipkin_annotations import named
from .zipkin_shared import Record, settled
from .zipkin_v1 import is_v1, upgraded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging

_TRACE: Final = re.compile(rb'"traceId"\s*:')
_ID: Final = re.compile(rb'"id"\s*:')
_OTHERS: Final = re.compile(rb'"(spanId|spanID|traceID|traceEvents|ph)"\s*:')
_BINARY: Final = re.compile(rb'"binaryAnnotations"\s*:')
_ENDPOINT: Final = re.compile(rb'"endpoint"\s*:\s*\{')
_LOCAL: Final = re.compile(rb'"(localEndpoint|remoteEndpoint|tags)"\s*:')
_KINDS: Final = frozenset(("CLIENT", "SERVER", "PRODUCER", "CONSUMER"))
_STATUSES: Final = {"UNSET": 0, "OK": 1, "ERROR": 2}
_READ: Final = frozenset(
    (
        "traceId",
        "id",
        "parentId",
        "name",
        "kind",
        "timestamp",
        "duration",
        "localEndpoint",
        "remoteEndpoint",
        "annotations",
        "tags",
        "shared",
        "debug",
        "strange",
    )
)


class Zipkin:
    """Reads Zipkin's JSON. Both formats may stand in one file; `name` is that of the first span."""

    def __init__(self, name: str, *, first: bool) -> None:
        """`first`: recognises the first format, else the second."""
        self.name = name
        self._first = first

    def recognises(self, head: bytes) -> bool:
        """See `Format`."""
        if head[:1] not in (b"{", b"[") or not _TRACE.search(head) or not _ID.search(head) or _OTHERS.search(head):
            return False
        first = _BINARY.search(head) or (_ENDPOINT.search(head) and not _LOCAL.search(head))
        return bool(first) == self._first

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`."""
        reading = _Reading(staging, notes)
        for document in documents(source.stream, notes):
            reading.document(document.value, document.line)
        reading.finish()


class _Reading:
    """The reading of one file. Which spans share an id is known at its end."""

    def __init__(self, staging: Staging, notes: Notes) -> None:
        self._hand = Hand(staging, notes)
        self._notes = notes
        self._ids = Ids(notes, usual=frozenset(("short",)))
        self._records: list[Record] = []
        self._unknown: set[str] = set()
        self._resources: dict[str, int | None] = {}
        """Number of each service's resource."""

    def document(self, value: Any, line: int) -> None:
        """A span, a list of spans, or a list of lists of them."""
        waiting = [value]
        while waiting:
            content = waiting.pop()
            if is_list(content):
                waiting += reversed(content)
            elif is_map(content) and "traceId" in content:
                self._take(content, line)
            elif content != {}:
                what = f"an object with {', '.join(sorted(content)[:5])}" if is_map(content) else shown(content, 40)
                self._notes.add("a JSON value that is no span", "it was left out", "data_loss", line=line, detail=what)

    def _take(self, given: dict[str, Any], line: int) -> None:
        try:
            for span in upgraded(given) if is_v1(given) else [given]:
                trace_id, span_id = self._ids.trace(span["traceId"], line), self._ids.span(span["id"], line)
                parent = self._ids.parent(span.get("parentId"), line)
                kind = span.get("kind")
                if kind is not None and (not isinstance(kind, str) or kind.upper() not in _KINDS):
                    what = "the kind of a span is unknown"
                    self._notes.add(what, "it counts as not said", "data_loss", line=line, detail=shown(kind))
                    kind = None
                self._records.append(Record(trace_id, span_id, parent, line, span | {"kind": kind.upper() if kind else None}))
        except MALFORMED as error:
            self._hand.lost("a span is malformed", error, line)

    def finish(self) -> None:
        """Hand over all spans."""
        for record in settled(self._records, self._notes):
            try:
                self._span(record)
            except MALFORMED as error:
                self._hand.lost("a span is malformed", error, record.line)

    def _span(self, record: Record) -> None:
        span, line = record.span, record.line
        self._strange(span, line)
        attributes = plain_texts(span.get("tags"), self._notes, line)
        status, message = _status(attributes)
        attributes |= _remote(self._endpoint(span.get("remoteEndpoint"), line))
        resource, local = self._local(span.get("localEndpoint"), line)
        if resource is None:
            return
        kind = span["kind"]
        start = time_ns(span.get("timestamp"), MICRO, self._notes, line)
        row: dict[str, Any] = {
            "resource_id": resource,
            "line": line,
            "trace_id": record.trace_id,
            "span_id": record.span_id,
            "parent_span_id": record.parent_id,
            "name": label(span.get("name")),
            "span_kind": kind.lower() if kind else None,
            "start_ns": start,
            "end_ns": end_ns(start, span.get("duration"), MICRO, self._notes, line),
            "status_code": status,
            "status_message": message,
            "attributes": attributes | local | ({"zipkin.debug": "true"} if span.get("debug") is True else {}),
        }
        self._hand.span(row, self._events(span.get("annotations"), line), ())

    def _strange(self, span: dict[str, Any], line: int) -> None:
        """Say what Zipkin does not have: each member once, each binary annotation that is none."""
        for member in span.keys() - _READ - self._unknown:
            self._unknown.add(member)
            what = "a span has a member that Zipkin does not have"
            self._notes.add(what, "it was left out", "data_loss", line=line, detail=member[:60])
        for item in items(span.get("strange")):
            self._notes.add("a binary annotation is malformed", "it was left out", "data_loss", line=line, detail=shown(item))

    def _endpoint(self, given: Any, line: int) -> dict[str, Any]:
        if given is not None and not is_map(given):
            self._notes.add("an endpoint is no object", "it was left out", "data_loss", line=line, detail=shown(given))
        return given if is_map(given) else {}

    def _local(self, given: Any, line: int) -> tuple[int | None, dict[str, str | None]]:
        """The resource of a span, and where it ran."""
        endpoint = self._endpoint(given, line)
        service = label(endpoint.get("serviceName"))
        if service not in self._resources:
            attributes: dict[str, str | None] = {v.RES_SERVICE: service} if service else {}
            self._resources[service] = resource_id(attributes, self._hand.staging, self._notes)
        return self._resources[service], _address(endpoint, "network.local")

    def _events(self, annotations: Any, line: int) -> Iterator[dict[str, Any]]:
        for annotation in items(annotations):
            try:
                name, attributes = named(annotation.get("value"))
                time = time_ns(annotation.get("timestamp"), MICRO, self._notes, line)
            except MALFORMED as error:
                self._hand.lost("an annotation is malformed", error, line)
                continue
            yield {"name": name, "time_ns": time, "attributes": attributes}


def _status(tags: dict[str, str | None]) -> tuple[int, str | None]:
    """Code and text of the status; the tags that say nothing else are taken out."""
    said = tags.get("otel.status_code")
    code = _STATUSES.get(said or "", 0)
    if said in _STATUSES:
        del tags["otel.status_code"]
    message = tags.pop("otel.status_description", None)
    error = tags.get("error")
    if error is not None and error != "false" and code != 1:
        code = 2
        del tags["error"]
        message = message or (error if error not in {"", "true"} else None)
    return code, message


def _remote(endpoint: dict[str, Any]) -> dict[str, str | None]:
    service = endpoint.get("serviceName")
    return ({"peer.service": label(service)} if service else {}) | _address(endpoint, "network.peer")


def _address(endpoint: dict[str, Any], prefix: str) -> dict[str, str | None]:
    """Address and port of an endpoint, under OpenTelemetry's names."""
    address, port = endpoint.get("ipv4") or endpoint.get("ipv6"), endpoint.get("port")
    return {f"{prefix}.{name}": label(value) for name, value in (("address", address), ("port", port)) if value}
