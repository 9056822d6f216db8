"""Tags of Jaeger JSON: typed values as text, and what OpenTelemetry's spans became when Jaeger wrote them as tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..plain import label, plain_text, plain_texts
from ..shapes import MALFORMED, is_map, items, shown, why
from ..texts import BOOLEAN, BYTES, DOUBLE, INTEGER, Texts, by_key

if TYPE_CHECKING:
    from ..notes import Notes

_KINDS: Final = frozenset(("internal", "server", "client", "producer", "consumer"))
_STATUSES: Final = {"UNSET": 0, "OK": 1, "ERROR": 2}
_FITS: Final[dict[object, tuple[type, ...]]] = {
    "string": (str,),
    "bool": (bool,),
    "int64": (int, str),
    "float64": (float, int, str),
    "binary": (str,),
}
"""JSON types of a tag's type: JavaScript gets integers that it cannot hold as text, and binary values are base64."""

_LETTERS: Final = {"bool": BOOLEAN, "int64": INTEGER, "float64": DOUBLE, "binary": BYTES}


class SpanTags(NamedTuple):
    """What the tags of a span say.

    Attributes:
        attributes: those that are attributes.
        kind: kind of the span; None: not said.
        status: 0 unset, 1 ok, 2 error.
        message: text of the status.
        trace_state: W3C trace state.
    """

    attributes: Texts
    kind: str | None
    status: int
    message: str | None
    trace_state: str | None


class Tags:
    """Reads the tags of one file."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def texts(self, tags: Any, line: int) -> Texts:
        """A list of tags (or fields) as attributes. Of a key that occurs twice the last counts."""
        if is_map(tags):
            return Texts(plain_texts(tags, self._notes, line))
        out: dict[str, str | None] = {}
        kinds: dict[str, str] = {}
        for tag in items(tags):
            try:
                key = label(tag["key"])
                value, kind = tag.get("value"), tag.get("type")
            except MALFORMED as error:
                self._notes.add("a tag is malformed", "it was left out", "data_loss", line=line, detail=why(error)[:200])
                continue
            if key in out:
                self._notes.add("a tag occurs twice", "the last one was kept", "notice", line=line, detail=key[:60])
            fits = _FITS.get(kind) if isinstance(kind, str) else None
            if value is not None and kind is not None and (fits is None or not isinstance(value, fits)):
                what, detail = "a tag is not of its type", f"{key[:60]} of type {shown(kind, 40)}"
                self._notes.add(what, "its value was taken as it is", "notice", line=line, detail=detail)
            elif kind in _LETTERS:
                kinds[key] = _LETTERS[kind]
            out[key] = plain_text(value)
        return Texts(out, kinds)

    def of_span(self, tags: Any, line: int) -> SpanTags:
        """The tags of a span. Those that Jaeger makes of kind, status and trace state go to where they came from."""
        attributes = self.texts(tags, line)
        kinds = by_key(attributes)
        kind = _taken(attributes, "span.kind", _KINDS)
        status = _taken(attributes, "otel.status_code", _STATUSES)
        message = attributes.pop("otel.status_description", None)
        code = 0 if status is None else _STATUSES[status]
        if attributes.get("error") == "true" and status in {None, "ERROR"}:
            code = 2
            del attributes["error"]
        trace_state = attributes.pop("w3c.tracestate", None)
        return SpanTags(Texts(attributes, kinds), kind, code, message, trace_state)


def _taken(attributes: dict[str, str | None], key: str, known: Any) -> str | None:
    """Take a tag out whose value is known; another value stays an attribute."""
    value = attributes.get(key)
    return attributes.pop(key) if value is not None and value in known else None
