"""Attribute values as text: what `MAP(VARCHAR, VARCHAR)` holds. Lists and maps become JSON text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from .shapes import MALFORMED, as_list, why

if TYPE_CHECKING:
    from .notes import Notes

DEEPEST: Final = 32
"""Nesting of lists and maps that is kept. Nobody's attributes go deeper; hostile ones do."""


def texts(pairs: Any, notes: Notes, line: int) -> dict[str, str | None]:
    """OTLP's list of key-value pairs as a map. Of a key that occurs twice the last counts."""
    out: dict[str, str | None] = {}
    if not pairs:
        return out
    try:
        for pair in pairs:
            value = pair["value"]
            # The common case without a call: one member, whose content is text already.
            if len(value) == 1:
                ((kind, content),) = value.items()
                if type(content) is str and kind in _TEXTS:
                    out[pair["key"]] = content
                    continue
            out[pair["key"]] = text(value)
    except MALFORMED:
        return _carefully(pairs, notes, line)
    if len(out) != len(pairs):
        notes.add("an attribute key occurs twice", "the last one was kept", "notice", line=line)
    return out


def _carefully(pairs: Any, notes: Notes, line: int) -> dict[str, str | None]:
    """As `texts`, losing only the pairs that are malformed."""
    out: dict[str, str | None] = {}
    for pair in as_list(pairs):
        try:
            out[str(pair["key"])] = text(pair.get("value") or {})
        except MALFORMED as error:
            notes.add("an attribute is malformed", "it was left out", "data_loss", line=line, detail=why(error))
    return out


_TEXTS: Final = frozenset(("stringValue", "intValue", "doubleValue", "bytesValue"))


def text(value: dict[str, Any]) -> str | None:
    """One OTLP value as text; an empty one is null.

    Raises:
        ValueError: it has no member that is known.
    """
    kind, content = _member(value)
    if kind is None:
        return None
    if kind == "boolValue":
        return "true" if content is True or content == "true" else "false"
    if kind in {"arrayValue", "kvlistValue"}:
        return orjson.dumps(_plain(value, 0)).decode()
    return content if isinstance(content, str) else str(content)


def _member(value: dict[str, Any]) -> tuple[str | None, Any]:
    """The member of an OTLP value that is set. Some writers list all members, the others as null."""
    for kind, content in value.items():
        if content is not None:
            if kind in _TEXTS or kind in {"boolValue", "arrayValue", "kvlistValue"}:
                return kind, content
            raise ValueError(f"unknown kind of value {kind!r}")
    return None, None


def _plain(value: dict[str, Any], depth: int) -> Any:
    """An OTLP value as a plain JSON value. Recursive, but never beyond DEEPEST."""
    kind, content = _member(value)
    if kind is None or kind == "boolValue":
        return content
    if kind == "intValue":
        number = int(content)
        return number if -(2**63) <= number < 2**63 else str(number)
    if kind == "doubleValue":
        return float(content)
    if kind not in {"arrayValue", "kvlistValue"}:
        return content
    if depth == DEEPEST:
        return "(nested too deeply)"
    items: list[Any] = content.get("values") or []
    if kind == "arrayValue":
        return [_plain(item, depth + 1) for item in items]
    return {str(item["key"]): _plain(item.get("value") or {}, depth + 1) for item in items}
