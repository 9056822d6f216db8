"""References of Jaeger JSON: the parent of a span, its links, and copies of spans inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..plain import plain_text
from ..shapes import MALFORMED, is_map, items, shown, why
from ..times import scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..ids import Ids
    from ..notes import Notes

_CHILD: Final = "CHILD_OF"
_FOLLOWS: Final = "FOLLOWS_FROM"
_REF_TYPE: Final = "opentracing.ref_type"
"""OpenTelemetry's name for what a link was as a reference."""


class References:
    """The spans of a trace, and those that are only there as a copy inside a reference: the pages save every reference with its span."""

    def __init__(self, spans: list[Any], notes: Notes, line: int) -> None:
        self._notes = notes
        self._line = line
        self._spans = spans
        self.starts: dict[object, Any] = {}
        """Start of each span, as it stands there, by its id as it stands there."""
        for span in spans:
            self._enter(span)

    def _enter(self, span: Any) -> bool:
        """Whether the span is new."""
        span_id = span.get("spanID") if is_map(span) else None
        if not isinstance(span_id, str) or span_id in self.starts:
            return False
        self.starts[span_id] = span.get("startTime")
        return True

    def all(self) -> Iterator[Any]:
        """Each span of the trace, and after them the copies of spans that the trace lacks, once."""
        yield from self._spans
        waiting = list(self._spans)
        while waiting:
            for copy in _copies(waiting.pop()):
                waiting.append(copy)
                if self._enter(copy):
                    what, detail = "a span is only there as a copy inside a reference", shown(copy.get("spanID"), 40)
                    self._notes.add(what, "the copy was read", "notice", line=self._line, detail=detail)
                    yield copy


def _copies(span: Any) -> list[dict[str, Any]]:
    if not is_map(span):
        return []
    references: list[Any] = [reference for reference in items(span.get("references")) if is_map(reference)]
    return [reference["span"] for reference in references if is_map(reference.get("span"))]


class Reader:
    """Reads the references of one file."""

    def __init__(self, ids: Ids, notes: Notes) -> None:
        self._ids = ids
        self._notes = notes

    def parent_and_links(
        self, span: dict[str, Any], trace_id: str, starts: dict[object, Any], line: int
    ) -> tuple[str | None, list[dict[str, Any]]]:
        """The parent, as Jaeger's own code finds it, and what else the span refers to.

        Args:
            span: the span.
            trace_id: its trace id, in form.
            starts: see `References`.
            line: where it stands.
        """
        references = [found for reference in items(span.get("references")) if (found := self._reference(reference, line))]
        inside = [found for found in references if found.trace_id == trace_id]
        above = next((found for found in inside if found.kind == _CHILD), None)
        if above is None:
            above = self._followed(span, [found for found in inside if found.kind == _FOLLOWS], starts, line)
        links = [found.link() for found in references if found is not above]
        if above is not None:
            return (above.span_id if above.span_id.strip("0") else None), links
        return self._ids.parent(span.get("parentSpanID"), line), links

    def _followed(self, span: dict[str, Any], follows: list[_Reference], starts: dict[object, Any], line: int) -> _Reference | None:
        """Jaeger takes the first span that another follows for its parent. A link to what began later, a child perhaps, is no parent."""
        if span.get("parentSpanID"):
            return None
        start = scaled(span.get("startTime"), 1)
        for found in follows:
            begun = scaled(starts.get(found.given), 1)
            if start is not None and begun is not None and begun < start:
                what = "a span refers to no parent, and follows from a span of its trace"
                self._notes.add(what, "that one was taken as its parent", "notice", line=line, detail=found.span_id)
                return found
        return None

    def _reference(self, given: Any, line: int) -> _Reference | None:
        try:
            kind, raw = given.get("refType"), given["spanID"]
            trace_id, span_id = self._ids.trace(given["traceID"], line), self._ids.span(raw, line)
        except MALFORMED as error:
            self._notes.add("a reference is malformed", "it was left out", "data_loss", line=line, detail=why(error)[:200])
            return None
        return _Reference(plain_text(kind) or "", trace_id, span_id, raw if isinstance(raw, str) else None)


class _Reference(NamedTuple):
    """One reference.

    Attributes:
        kind: CHILD_OF, FOLLOWS_FROM, or what stands there.
        trace_id: the trace that it points to.
        span_id: the span.
        given: the span's id as it stands there.
    """

    kind: str
    trace_id: str
    span_id: str
    given: str | None

    def link(self) -> dict[str, Any]:
        """The reference as a link. FOLLOWS_FROM goes without saying: every link becomes one."""
        attributes = {} if self.kind == _FOLLOWS else {_REF_TYPE: self.kind.lower()}
        return {"linked_trace_id": self.trace_id, "linked_span_id": self.span_id, "attributes": attributes}
