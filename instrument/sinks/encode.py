"""Units as OTLP/JSON text.

The text is put together from cached fragments instead of dictionaries: most keys and short texts of a trace repeat, and few
container objects in the writer's thread mean that the program's garbage collector is not set off from there. No value makes an
encoder raise, and no code of the program runs in here: of a value of a foreign type only the type's name is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import orjson

from .. import vocabulary as v

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..records import Origin, Unit

TEXT_LIMIT = 8_192
"""Characters kept of a text on a span or an event; a cut text ends in an ellipsis."""

RESOURCE_TEXT_LIMIT = 1_048_576
"""Characters kept of a text on the resource: expectations travel there."""

_CACHED_LENGTH = 256
_CACHED_TEXTS = 8_192
_NESTING = 4
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
# Legal inside JSON strings, yet many readers take them for the end of a line.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_K = TypeVar("_K")


def _int_head(key: str) -> str:
    return f'{{"key":"{key}","value":{{"intValue":"'


# The beginnings of what each span has; our own names need no escaping.
_REV, _START_SEQ, _END_SEQ, _SEQ = _int_head(v.REV), _int_head(v.START_SEQ), _int_head(v.END_SEQ), _int_head(v.SEQ)
_CREATOR = f'{{"key":"{v.CREATOR}","value":{{"stringValue":"'


def json_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text as a JSON string with its quotes; lone surrogates become U+FFFD, what is longer than `limit` is cut."""
    if type(text) is not str:
        text = str.__str__(text)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    try:
        encoded = orjson.dumps(text).decode()
    except (TypeError, ValueError):
        encoded = orjson.dumps(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")).decode()
    return encoded if encoded.isascii() else encoded.translate(_LINE_ENDS)


def _float(value: float) -> str:
    text = float.__repr__(value)
    # Not a number and the infinities have no place in JSON, and as "NaN" in a doubleValue they break Jaeger's searches.
    return f'"doubleValue":{text}' if text[-1].isdigit() else f'"stringValue":"{text}"'


def _integer(value: int) -> str:
    if _INT64_MIN <= value <= _INT64_MAX:
        return f'"intValue":"{int.__repr__(value)}"'
    try:
        text = int.__repr__(value)
    except ValueError:  # more digits than Python turns into text
        text = hex(value)
    return f'"stringValue":{json_text(text)}'


def _value(value: object, limit: int, depth: int = 0) -> str:
    """The inside of an OTLP value: the member that holds it."""
    if isinstance(value, str):
        return f'"stringValue":{json_text(value, limit)}'
    if isinstance(value, bool):
        return '"boolValue":true' if value else '"boolValue":false'
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _float(value)
    items = _items(value) if depth < _NESTING else None
    if items is not None:
        inner = ",".join([f"{{{_value(item, limit, depth + 1)}}}" for item in items])
        return f'"arrayValue":{{"values":[{inner}]}}'
    return f'"stringValue":{json_text(f"<{type(value).__name__}>")}'


def _items(value: object) -> tuple[object, ...] | None:
    # A copy: the program's thread may append while the items are encoded.
    return tuple(cast("list[object]", value)) if isinstance(value, (list, tuple)) else None


class Encoder:
    """Turns units into spans and spans into lines. Used by one thread at a time.

    Attributes:
        part: number of the file's part that the next line goes to.
    """

    def __init__(self, resource: Mapping[str, object]) -> None:
        self.part = 0
        self._resource: dict[str, object] = {}
        self._head = b""
        self._head_of: tuple[int, dict[str, object]] = (-1, self._resource)
        self._names: dict[str, str] = {}
        self._int_heads: dict[str, str] = {}
        self._texts: dict[tuple[str, str], str] = {}
        self._trace = (0, "")
        self.resource(resource)

    def resource(self, attributes: Mapping[str, object]) -> None:
        """Replace the resource's attributes; lines from now on carry the new ones."""
        self._resource = dict(attributes)

    def line(self, spans: list[str]) -> bytes:
        """One line of the file: the whole resource, and these spans."""
        # Compared by identity, since another thread may replace the resource while a head is put together.
        part, resource = self.part, self._resource
        if self._head_of[0] != part or self._head_of[1] is not resource:
            attributes = {**resource, v.RES_PART: part}
            inside = ",".join(
                [f'{{"key":{self._name(key)},"value":{{{_value(value, RESOURCE_TEXT_LIMIT)}}}}}' for key, value in attributes.items()]
            )
            version = json_text(str(attributes.get(v.RES_VERSION, "")))
            self._head = (
                f'{{"resourceSpans":[{{"resource":{{"attributes":[{inside}]}},'
                f'"scopeSpans":[{{"scope":{{"name":"{v.SCOPE_NAME}","version":{version}}},"spans":['
            ).encode()
            self._head_of = (part, resource)
        return self._head + ",".join(spans).encode() + b"]}]}]}\n"

    def span(self, unit: Unit, outcome: v.Outcome | None = None) -> str:
        """The unit as one span with the next `rev`; `outcome` stands for the one that it lacks, for this time only.

        An open unit may be changed by its loop's thread meanwhile; what is changed after the call began may be in or not.
        """
        unit.rev += 1
        origin = unit.origin
        name, shared = origin.fragment or self._share(origin)
        span_hex, end_ns = unit.hex, unit.end_ns
        parent = creator = ""
        if unit.parent_id is not None:
            parent_hex = f"{unit.parent_id:016x}"
            parent = f',"parentSpanId":"{parent_hex}"'
        else:
            parent_hex = ""
        if unit.creator is not None:
            creator = f',{_CREATOR}{parent_hex if unit.creator == unit.parent_id else f"{unit.creator:016x}"}"}}}}'
        end = f',"endTimeUnixNano":"{end_ns}"' if end_ns is not None else ""
        end_seq = f',{_END_SEQ}{unit.end_seq}"}}}}' if unit.end_seq is not None else ""
        told = unit.outcome or outcome
        ending = f",{self._texts.get((v.OUTCOME, told)) or self._text(v.OUTCOME, told)}" if told is not None else ""
        own, events = self._own(unit), self._events(unit)
        more_parts = self._rest(unit) if unit.links or unit.status else ""
        return (
            f'{{"traceId":"{self._trace_hex(unit.trace_id)}","spanId":"{span_hex}"{parent},"name":{name},"kind":1,'
            f'"startTimeUnixNano":"{unit.start_ns}"{end},"attributes":[{_REV}{unit.rev}"}}}},{shared}{_START_SEQ}{unit.start_seq}"}}}}'
            f"{creator}{end_seq}{ending}{own}]{events}{more_parts}}}"
        )

    def _share(self, origin: Origin) -> tuple[str, str]:
        """What all units of an origin have in common, encoded once."""
        parts: list[str] = []
        self._all(origin.attrs, parts)
        fragment = origin.fragment = (self._name(origin.name), "".join([f"{part}," for part in parts]))
        return fragment

    def _trace_hex(self, trace_id: int) -> str:
        if trace_id != self._trace[0]:
            self._trace = (trace_id, f"{trace_id:032x}")
        return self._trace[1]

    def _rest(self, unit: Unit) -> str:
        """Links and status, which few units have."""
        parts: list[str] = []
        if unit.links:
            links = [f'{{"traceId":"{trace:032x}","spanId":"{span:016x}"}}' for trace, span in list(unit.links)]
            parts.append(f',"links":[{",".join(links)}]')
        if unit.status:
            message = f',"message":{json_text(unit.status_message)}' if unit.status_message else ""
            parts.append(f',"status":{{"code":{unit.status}{message}}}')
        return "".join(parts)

    def _own(self, unit: Unit) -> str:
        """The attributes of the unit alone, each after a comma."""
        own = unit.own
        if not own:
            return ""
        parts: list[str] = [""]
        self._settled(own, parts)
        return ",".join(parts)

    def _events(self, unit: Unit) -> str:
        started = ""
        if unit.started_ns is not None:
            started = f'{{"timeUnixNano":"{unit.started_ns}","name":"{v.STARTED}","attributes":[{_SEQ}{unit.started_seq}"}}}}]}}'
        if not unit.events:
            return f',"events":[{started}]' if started else ""
        names = self._names
        texts: list[str] = []
        for name, time_ns, seq, attrs in list(unit.events):
            if started and seq > unit.started_seq:
                texts.append(started)
                started = ""
            parts: list[str] = []
            if v.SEQ not in attrs:
                parts.append(f'{_SEQ}{seq}"}}}}')
            self._settled(attrs, parts)
            text = names.get(name) or self._name(name)
            texts.append(f'{{"timeUnixNano":"{time_ns}","name":{text},"attributes":[{",".join(parts)}]}}')
        if started:
            texts.append(started)
        return f',"events":[{",".join(texts)}]'

    def _settled(self, attrs: Mapping[str, object], parts: list[str]) -> None:
        known = len(parts)
        try:
            self._all(attrs, parts)
        except RuntimeError:
            # It grew under the iteration. A copy is made in one go, without giving Python's lock away.
            del parts[known:]
            self._all(dict(attrs), parts)

    def _all(self, attributes: Mapping[str, object], parts: list[str]) -> None:
        # The loop that the cost of a recording hangs on: no call for what was seen before.
        heads, texts, append = self._int_heads, self._texts, parts.append
        for key, value in attributes.items():
            kind = type(value)
            if kind is str:
                append(texts.get((key, value)) or self._text(key, value))  # type: ignore[arg-type]
            elif kind is int and _INT64_MIN <= value <= _INT64_MAX:  # type: ignore[operator]
                append(f'{heads.get(key) or self._int_head(key)}{value}"}}}}')
            else:
                append(f'{{"key":{self._name(key)},"value":{{{_value(value, TEXT_LIMIT)}}}}}')

    def _text(self, key: str, value: str) -> str:
        pair = (key, value)
        fragment = self._texts.get(pair)
        if fragment is None:
            fragment = f'{{"key":{self._name(key)},"value":{{"stringValue":{json_text(value)}}}}}'
            if len(value) <= _CACHED_LENGTH:
                _remember(self._texts, pair, fragment)
        return fragment

    def _int_head(self, key: str) -> str:
        head = self._int_heads.get(key)
        if head is None:
            head = _remember(self._int_heads, key, f'{{"key":{self._name(key)},"value":{{"intValue":"')
        return head

    def _name(self, name: str) -> str:
        text = self._names.get(name)
        if text is None:
            text = json_text(name)
            if len(name) <= _CACHED_LENGTH:
                _remember(self._names, name, text)
        return text


def _remember(cache: dict[_K, str], key: _K, fragment: str) -> str:
    # Emptied when full: what repeats is back after a few spans, and nothing has to be kept in order.
    if len(cache) >= _CACHED_TEXTS:
        cache.clear()
    cache[key] = fragment
    return fragment
