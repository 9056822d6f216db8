"""OTLP's protobuf messages as rows. Says the same of a span as `otlp_json` does of its JSON."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ....instrument import vocabulary as v
from ..counts import count
from ..handing import SCOPE_PREFIX
from ..ids import SPAN, TRACE
from ..origin import resource_id
from ..plain import json_text
from ..shapes import shown
from ..values import DEEPEST
from .otlp_odd import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from ..notes import Notes
    from ..staging import Staging

    MessageT = TypeVar("MessageT", bound=Message)

_LAST: Final = 2**63 - 1
_MICROSECOND: Final = 1_000
_DROPPED: Final = "otel.dropped_attributes_count"


class Spans:
    """Takes the messages of one file, in order: a resource, a scope, its spans."""

    def __init__(self, staging: Staging, notes: Notes) -> None:
        self._staging = staging
        self._notes = notes
        self._at = 0
        """Where the message at hand begins."""
        self._resource_id: int | None = None
        self._ours = False
        self._scope: dict[str, str | None] = {}

    def resource(self, message: bytes, url: str, at: int) -> bool:
        """What follows is of this resource. Returns whether it can be read: False for a version of ours that is too new."""
        self._at = at
        resource = self._parsed(Resource, message, "a resource")
        attributes = self._texts(resource.attributes) if resource else {}
        if resource and resource.entity_refs:
            attributes["otel.entity_refs"] = json_text([MessageToDict(ref) for ref in resource.entity_refs])
        if resource and resource.dropped_attributes_count:
            attributes[_DROPPED] = str(resource.dropped_attributes_count)
        if url:
            attributes["otel.resource.schema_url"] = url
        self._ours = v.RES_FORMAT in attributes
        self._resource_id = resource_id(attributes, self._staging, self._notes)
        return self._resource_id is not None

    def scope(self, message: bytes, url: str, at: int) -> None:
        """What follows is of this scope."""
        self._at = at
        self._scope = {}
        if self._ours:
            return
        scope = self._parsed(InstrumentationScope, message, "a scope")
        if scope:
            named = {"name": scope.name, "version": scope.version, "schema_url": url}
            if scope.dropped_attributes_count:
                named["dropped_attributes_count"] = str(scope.dropped_attributes_count)
            texts = {key: text for key, text in named.items() if text} | self._texts(scope.attributes)
            self._scope = {f"{SCOPE_PREFIX}{key}": text for key, text in texts.items()}

    def span(self, message: bytes, at: int) -> None:
        """Hand over a span."""
        self._at = at
        span = self._parsed(Span, message, "a span")
        if span is None:
            return
        if not span.trace_id or not span.span_id:
            self._notes.add("a span is malformed", "it was left out", "data_loss", byte_offset=at, detail="it has no id")
            return
        trace_id, span_id = self._id(span.trace_id, TRACE), self._id(span.span_id, SPAN)
        attributes = self._texts(span.attributes)
        start, end = self._time(span.start_time_unix_nano), self._time(span.end_time_unix_nano)
        if end is not None and start is not None and end - start <= _MICROSECOND and attributes.get(v.OUTCOME) == "unfinished":
            end = None
            self._notes.add("an unfinished unit has an end as long as nothing", "the end counts as missing", "info", byte_offset=at)
        row: dict[str, Any] = {
            "resource_id": self._resource_id,
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": self._id(parent, SPAN) if (parent := span.parent_span_id) and any(parent) else None,
            "name": span.name,
            "span_kind": self._known(KINDS, span.kind, "the kind of a span", 0),
            "start_ns": start,
            "end_ns": end,
            "status_code": self._known(_STATUSES, span.status.code, "the code of a status", 0),
            "rev": count(attributes.get(v.REV)),
            "attributes": self._scope | attributes,
        }
        if span.status.message:
            row["status_message"] = span.status.message
        for column, content in (
            ("trace_state", span.trace_state),
            ("flags", span.flags),
            ("dropped_attributes", span.dropped_attributes_count),
            ("dropped_events", span.dropped_events_count),
            ("dropped_links", span.dropped_links_count),
        ):
            if content:
                row[column] = content
        place = {"record": self._staging.span(row), "trace_id": trace_id, "span_id": span_id}
        for ordinal, event in enumerate(span.events):
            self._staging.event(place | {"ordinal": ordinal} | self._event(event))
        for ordinal, link in enumerate(span.links):
            if link.trace_id and link.span_id:
                self._staging.link(place | {"ordinal": ordinal} | self._link(link))
            else:
                self._notes.add("a link is malformed", "it was left out", "data_loss", byte_offset=at, detail="it has no id")

    def _event(self, event: Span.Event) -> dict[str, Any]:
        attributes = self._texts(event.attributes)
        if event.dropped_attributes_count:
            attributes[_DROPPED] = str(event.dropped_attributes_count)
        seq = attributes.get(v.SEQ)
        return {
            "seq": None if seq is None else count(seq),
            "name": event.name,
            "time_ns": self._time(event.time_unix_nano),
            "attributes": attributes,
        }

    def _link(self, link: Span.Link) -> dict[str, Any]:
        attributes = self._texts(link.attributes)
        for key, content in (("otel.link.trace_state", link.trace_state), ("otel.link.flags", link.flags), (_DROPPED, link.dropped_attributes_count)):
            if content:
                attributes[key] = str(content)
        return {
            "linked_trace_id": self._id(link.trace_id, TRACE),
            "linked_span_id": self._id(link.span_id, SPAN),
            "attributes": attributes,
        }

    def _parsed(self, kind: type[MessageT], message: bytes, what: str) -> MessageT | None:
        """A message out of its bytes; None: it is damaged, which is said, as are fields that OTLP does not have."""
        parsed = kind()
        try:
            parsed.ParseFromString(message)
        except DecodeError as error:
            detail = f"{str(error)[:80]}"
            self._notes.add(f"{what} is malformed", "it was left out", "data_loss", byte_offset=self._at, detail=detail)
            return None
        size = parsed.ByteSize()
        parsed.DiscardUnknownFields()
        if parsed.ByteSize() != size:
            self._notes.add(f"{what} has a field that OTLP does not have", "it was left out", "data_loss", byte_offset=self._at)
        return parsed

    def _known(self, known: dict[Any, Any], given: int, what: str, unsaid: int) -> Any:
        if given not in known:
            self._notes.add(f"{what} is unknown", "it counts as not said", "data_loss", byte_offset=self._at, detail=str(given))
        return known.get(given, known[unsaid])

    def _id(self, given: bytes, digits: int) -> str:
        if len(given) * 2 != digits:
            detail = shown(given.hex())
            self._notes.add("an id is not 16 or 32 hex digits", "it was taken as it is", "notice", byte_offset=self._at, detail=detail)
        return given.hex()

    def _time(self, given: int) -> int | None:
        """A time in ns; None for none: 0, or beyond what the tables hold, which is said."""
        if 0 < given < _LAST:
            return given
        if given:
            what = "a time is no time since 1970, or beyond the year 2262"
            self._notes.add(what, "it counts as missing", "data_loss", byte_offset=self._at, detail=str(given))
        return None

    def _texts(self, pairs: Iterable[KeyValue]) -> dict[str, str | None]:
        """Attributes as text. Of a key that occurs twice the last counts."""
        out: dict[str, str | None] = {}
        number = 0
        for number, pair in enumerate(pairs, 1):  # noqa: B007 - counts them
            value = pair.value
            kind = value.WhichOneof("value")
            if kind == "string_value":
                out[pair.key] = value.string_value
            elif kind == "int_value":
                out[pair.key] = str(value.int_value)
            else:
                out[pair.key] = self._text(value, kind)
        if len(out) != number:
            self._notes.add("an attribute key occurs twice", "the last one was kept", "notice", byte_offset=self._at)
        return out

    def _text(self, value: AnyValue, kind: str | None) -> str | None:
        if kind == "bool_value":
            return "true" if value.bool_value else "false"
        plain = self._plain(value, 0)
        return plain if plain is None or isinstance(plain, str) else str(plain) if kind == "double_value" else json_text(plain)

    def _plain(self, value: AnyValue, depth: int) -> Any:
        """A value as a plain JSON value. Recursive, but never beyond DEEPEST."""
        kind = value.WhichOneof("value")
        match kind:
            case None:
                return None
            case "bytes_value":
                return base64.b64encode(value.bytes_value).decode()
            case "string_value" | "bool_value" | "int_value" | "double_value":
                return getattr(value, kind)
            case "array_value" | "kvlist_value" if depth == DEEPEST:
                return "(nested too deeply)"
            case "array_value":
                return [self._plain(item, depth + 1) for item in value.array_value.values]
            case "kvlist_value":
                return {item.key: self._plain(item.value, depth + 1) for item in value.kvlist_value.values}
            case _:
                what = "a value refers to a table of texts, which traces do not have"
                self._notes.add(what, "it counts as null", "data_loss", byte_offset=self._at)
                return None


_STATUSES: Final = {0: 0, 1: 1, 2: 2}
