"""Plain JSON values as text: what `MAP(VARCHAR, VARCHAR)` holds of formats that have no kinds of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from .shapes import is_list, is_map, shown

if TYPE_CHECKING:
    from .notes import Notes


def plain_text(value: Any) -> str | None:
    """A value as text: null is null, lists and objects are JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_text(value) if is_list(value) or is_map(value) else str(value)


def label(value: Any) -> str:
    """A value as a name: empty for null."""
    return value if isinstance(value, str) else plain_text(value) or ""


def json_text(value: Any) -> str:
    """A list or an object as JSON text."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, a number beyond 64 bits, or deeper than orjson goes
        try:
            return json.dumps(value, separators=(",", ":"))
        except RecursionError:
            return "(nested too deeply)"


def plain_texts(given: Any, notes: Notes, line: int) -> dict[str, str | None]:
    """A JSON object as attributes; anything else, but null, is said and left out."""
    if is_map(given):
        return {key: plain_text(value) for key, value in given.items()}
    if given is not None:
        notes.add("attributes are no object", "they were left out", "data_loss", line=line, detail=shown(given))
    return {}
