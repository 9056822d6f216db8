"""Attribute values as text: what `MAP(VARCHAR, VARCHAR)` holds. Lists and maps become JSON text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .plain import json_text, label, plain_text, plain_texts
from .shapes import MALFORMED, as_list, is_map, why
from .texts import BOOLEAN, BYTES, DOUBLE, INTEGER, NESTED, TEXT, Texts

if TYPE_CHECKING:
    from .notes import Notes

DEEPEST: Final = 32
"""Nesting of lists and maps that is kept. Nobody's attributes go deeper; hostile ones do."""


def texts(pairs: Any, notes: Notes, line: int) -> Texts:
    """OTLP's list of key-value pairs as a map. Of a key that occurs twice the last counts."""
    out = Texts()
    if not pairs:
        return out
    kinds = ""
    try:
        for pair in pairs:
            value = pair["value"]
            # The common case without a call: one member, whose content is text already.
            if len(value) == 1:
                (kind,) = value
                content = value[kind]
                if type(content) is str and kind in _TEXTS:
                    out[pair["key"]] = content
                    kinds += _LETTERS[kind]
                    continue
            out[pair["key"]] = text(value)
            kinds += _letter(value)
    except MALFORMED:
        return _carefully(pairs, notes, line)
    if len(out) != len(pairs):
        notes.add("an attribute key occurs twice", "the last one was kept", "notice", line=line)
        return Texts(out, {pair["key"]: letter for pair, letter in zip(pairs, kinds, strict=True)})
    out.kinds = kinds
    return out


def _carefully(pairs: Any, notes: Notes, line: int) -> Texts:
    """As `texts`, losing only the pairs that are malformed."""
    if is_map(pairs):
        notes.add("attributes are a JSON object", "its members were taken", "notice", line=line)
        return Texts(plain_texts(pairs, notes, line), {key: _plain_letter(content) for key, content in pairs.items()})
    out: dict[str, str | None] = {}
    kinds: dict[str, str] = {}
    for pair in as_list(pairs):
        try:
            key = label(pair["key"])
            value: Any = pair.get("value")
            value = {} if value is None else value
            if not is_map(value):
                notes.add("a value without its kind", "it was taken as it is", "notice", line=line, detail=key[:60])
                out[key] = plain_text(value)
                kinds[key] = _plain_letter(value)
                continue
            if len(_set(value)) > 1:
                notes.add("a value with several members", "the first that says something was taken", "notice", line=line, detail=key[:60])
            value = _chosen(value)
            out[key] = text(value)
            kinds[key] = _letter(value)
        except MALFORMED as error:
            notes.add("an attribute is malformed", "it was left out", "data_loss", line=line, detail=why(error))
    return Texts(out, kinds)


_TEXTS: Final = frozenset(("stringValue", "intValue", "doubleValue", "bytesValue"))
_NESTED: Final = frozenset(("arrayValue", "kvlistValue"))
_KINDS: Final = {kind: kind for kind in (*_TEXTS, *_NESTED, "boolValue")}
_KINDS.update(
    string_value="stringValue",
    int_value="intValue",
    double_value="doubleValue",
    bytes_value="bytesValue",
    bool_value="boolValue",
    array_value="arrayValue",
    kvlist_value="kvlistValue",
)


_WHOLE: Final = 2**53
"""Up to here whole numbers are the same as floating ones."""


def text(value: dict[str, Any]) -> str | None:
    """One OTLP value as text; an empty one is null.

    Raises:
        ValueError: it has no member that is known, or several.
    """
    kind, content = _member(value)
    if kind is None:
        return None
    if kind == "boolValue":
        return "true" if content is True or content == "true" else "false"
    if kind in _NESTED:
        return json_text(_plain(value, 0))
    if kind == "doubleValue" and type(content) is int and abs(content) < _WHOLE:
        # Go's writers leave out the fraction of a number that has none.
        return str(float(content))
    return plain_text(content)


_LETTERS: Final = {
    "stringValue": TEXT,
    "intValue": INTEGER,
    "doubleValue": DOUBLE,
    "boolValue": BOOLEAN,
    "bytesValue": BYTES,
    "arrayValue": NESTED,
    "kvlistValue": NESTED,
}


def _letter(value: dict[str, Any]) -> str:
    """What an OTLP value is, as `texts` says it; an empty one goes for text."""
    kind, _ = _member(value)
    return _LETTERS[kind] if kind is not None else TEXT


def _plain_letter(value: Any) -> str:
    """The same for a plain JSON value."""
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    if isinstance(value, float):
        return DOUBLE
    return TEXT if value is None or isinstance(value, str) else NESTED


def _set(value: dict[str, Any]) -> dict[str, Any]:
    """The members that say something. Some writers list all of them, the others as null."""
    return {kind: content for kind, content in value.items() if content is not None}


def _chosen(value: dict[str, Any]) -> dict[str, Any]:
    """Of several members one: some writers list all of them, the others as 0, false or empty."""
    given = _set(value)
    if len(given) < 2:
        return given
    kind = next((kind for kind, content in given.items() if content and content != "0"), next(iter(given)))
    return {kind: given[kind]}


def _member(value: dict[str, Any]) -> tuple[str | None, Any]:
    """The member of an OTLP value that is set, by its name in the specification.

    Raises:
        ValueError: it is not known, or there are several.
    """
    given = _set(value)
    if not given:
        return None, None
    if len(given) > 1:
        raise ValueError(f"several members in a value: {', '.join(given)}"[:100])
    ((kind, content),) = given.items()
    known = _KINDS.get(kind)
    if known is None:
        raise ValueError(f"unknown kind of value {kind[:60]!r}")
    return known, content


def _plain(value: dict[str, Any], depth: int) -> Any:
    """An OTLP value as a plain JSON value. Recursive, but never beyond DEEPEST."""
    kind, content = _member(_chosen(value))
    if kind is None or kind == "boolValue":
        return content
    if kind == "intValue":
        number = int(content)
        return number if -(2**63) <= number < 2**63 else str(number)
    if kind == "doubleValue":
        return float(content)
    if kind not in _NESTED:
        return content
    if depth == DEEPEST:
        return "(nested too deeply)"
    given: list[Any] = content.get("values") or []
    if kind == "arrayValue":
        return [_plain(item, depth + 1) for item in given]
    return {label(item["key"]): _plain(item.get("value") or {}, depth + 1) for item in given}
