"""OTLP JSON as others spell it: brings one object at a time into the names and kinds of the specification.

The reader of `otlp_json` expects the specification and hands over what does not fit. What has no column in the tables becomes an
attribute here (`docs/reference/formats.md`); what OTLP does not have is said, once for each name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..handing import SCOPE_PREFIX
from ..plain import label, plain_text
from ..shapes import as_list, is_map, shown
from ..texts import Texts, by_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..notes import Notes

COMMON: Final = frozenset(
    (
        "traceId",
        "spanId",
        "parentSpanId",
        "name",
        "kind",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "events",
        "links",
        "status",
    )
)
"""Members of a span that `otlp_json` reads."""
SELDOM: Final = (
    ("traceState", "trace_state"),
    ("flags", "flags"),
    ("droppedAttributesCount", "dropped_attributes"),
    ("droppedEventsCount", "dropped_events"),
    ("droppedLinksCount", "dropped_links"),
)
"""Those that few spans have, and their columns."""
SPAN: Final = COMMON.union(member for member, _ in SELDOM)
"""All of them; likewise for the others."""
EVENT: Final = frozenset(("timeUnixNano", "name", "attributes"))
LINK: Final = frozenset(("traceId", "spanId", "attributes"))
PART: Final = frozenset(("resource", "scopeSpans"))
SCOPE_SPANS: Final = frozenset(("scope", "spans"))
RESOURCE: Final = frozenset(("attributes",))
SCOPE: Final = frozenset(("name", "version", "attributes"))

KINDS: Final[dict[object, str | None]] = {None: None, 0: None, 1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
KINDS.update({f"SPAN_KIND_{name.upper()}": name for name in list(KINDS.values()) if name})
KINDS["SPAN_KIND_UNSPECIFIED"] = None
STATUSES: Final[dict[object, int]] = {None: 0, 0: 0, 1: 1, 2: 2, "STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()


def _spellings(*members: Iterable[str], **others: str) -> dict[str, str]:
    """Each member by its squeezed spelling, which is the same for camelCase, snake_case and `traceID`."""
    return {_squeezed(name): name for some in members for name in some} | others


_SPAN: Final = _spellings(SPAN)
_EVENT: Final = _spellings(EVENT, ("droppedAttributesCount",))
_LINK: Final = _spellings(LINK, ("traceState", "flags", "droppedAttributesCount"))
_PART: Final = _spellings(PART, ("schemaUrl",), instrumentationlibraryspans="scopeSpans")
_SCOPE_SPANS: Final = _spellings(SCOPE_SPANS, ("schemaUrl",), instrumentationlibrary="scope")
_RESOURCE: Final = _spellings(RESOURCE, ("droppedAttributesCount", "entityRefs"))
_SCOPE: Final = _spellings(SCOPE, ("droppedAttributesCount",))
_STATUS: Final = _spellings(("code", "message"), deprecatedcode="")


class Odd:
    """Spells what was written otherwise. Its methods raise ValueError for what is no object."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._said: set[tuple[str, str]] = set()
        self.line = 0
        """Line of what is being read."""

    def span(self, given: Any) -> dict[str, Any]:
        """A span."""
        span = self._spelled(given, _SPAN, "a span")
        if "kind" in span:
            span["kind"] = self._enum(span["kind"], KINDS, "SPAN_KIND_", "the kind of a span")
        if "status" in span:
            status = span["status"]
            status = self._spelled(status if is_map(status) else {"code": status}, _STATUS, "a status")
            span["status"] = status | {"code": self._enum(status.get("code"), STATUSES, "STATUS_CODE_", "the code of a status")}
        return span

    def event(self, given: Any) -> dict[str, Any]:
        """An event."""
        event = self._spelled(given, _EVENT, "an event")
        return self._with(event, **{"otel.dropped_attributes_count": event.pop("droppedAttributesCount", None)})

    def link(self, given: Any) -> dict[str, Any]:
        """A link."""
        link = self._spelled(given, _LINK, "a link")
        return self._with(
            link,
            **{
                "otel.link.trace_state": link.pop("traceState", None),
                "otel.link.flags": link.pop("flags", None),
                "otel.dropped_attributes_count": link.pop("droppedAttributesCount", None),
            },
        )

    def part(self, given: Any) -> dict[str, Any]:
        """An element of resourceSpans."""
        part = self._spelled(given, _PART, "an element of resourceSpans")
        if url := part.pop("schemaUrl", None):
            part["resource"] = self._with(self.resource(part.get("resource") or {}), **{"otel.resource.schema_url": url})
        return part

    def resource(self, given: Any) -> dict[str, Any]:
        """A resource."""
        resource = self._spelled(given, _RESOURCE, "a resource")
        refs, dropped = resource.pop("entityRefs", None), resource.pop("droppedAttributesCount", None)
        return self._with(resource, **{"otel.entity_refs": refs, "otel.dropped_attributes_count": dropped})

    def scope_spans(self, given: Any) -> dict[str, Any]:
        """An element of scopeSpans."""
        spans = self._spelled(given, _SCOPE_SPANS, "an element of scopeSpans")
        if url := spans.pop("schemaUrl", None):
            spans["scope"] = self._with(self.scope(spans.get("scope") or {}), schema_url=url)
        return spans

    def scope(self, given: Any) -> dict[str, Any]:
        """A scope."""
        scope = self._spelled(given, _SCOPE, "a scope")
        return self._with(scope, dropped_attributes_count=scope.pop("droppedAttributesCount", None))

    def _spelled(self, given: Any, names: dict[str, str], what: str) -> dict[str, Any]:
        """The members of an object by their names in OTLP, without those that are null.

        Raises:
            ValueError: it is no object.
        """
        if not is_map(given):
            raise ValueError(f"{shown(given)} is no object")
        spelled: dict[str, Any] = {}
        for member, content in given.items():
            name = names.get(_squeezed(member))
            if content is None or name == "":
                continue
            if name is None or name in spelled:
                self._left_out(what, member)
            else:
                spelled[name] = content
        return spelled

    def _left_out(self, what: str, member: str) -> None:
        if (what, member) not in self._said:
            self._said.add((what, member))
            self._notes.add(
                f"{what} has a member that OTLP does not have", "it was left out", "data_loss", line=self.line, detail=member[:60]
            )

    def _with(self, given: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The object with these attributes too; empty ones are left out."""
        pairs = [{"key": key, "value": {"stringValue": plain_text(content)}} for key, content in more.items() if content and content != "0"]
        if pairs:
            before: Any = given.get("attributes")
            if is_map(before):
                before = [{"key": key, "value": content} for key, content in before.items()]
            given["attributes"] = (as_list(before) if before else []) + pairs
        return given

    def _enum(self, given: Any, known: dict[object, Any], prefix: str, what: str) -> object:
        """A key of `known`: a number as text, or a name in another case or without its prefix, is brought into form."""
        if isinstance(given, int | str | None) and given in known:
            return given
        name = label(given).strip().upper().replace("SPANKIND.", "")
        for key in (int(name) if name.isdecimal() and len(name) < 9 else name, prefix + name.removeprefix(prefix)):
            if key in known:
                return key
        self._notes.add(f"{what} is unknown", "it counts as not said", "data_loss", line=self.line, detail=shown(given))
        return None


def scope_texts(scope: dict[str, Any], attributes: Mapping[str, str | None]) -> Texts:
    """What the tables keep of a scope, as attributes of its spans: OpenTelemetry's own names for formats without scopes.

    Args:
        scope: the scope.
        attributes: its attributes.
    """
    named = {f"{SCOPE_PREFIX}{key}": text for key in ("name", "version") if (text := plain_text(scope.get(key)))}
    more = {f"{SCOPE_PREFIX}{key}": content for key, content in attributes.items()}
    return Texts(named | more, {f"{SCOPE_PREFIX}{key}": letter for key, letter in by_key(attributes).items()})
