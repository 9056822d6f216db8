"""Events inside Zipkin's annotations: exporters write an event's attributes into the text of its annotation, each in its own way."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ..plain import plain_text
from ..shapes import is_map

_COLLECTOR: Final = re.compile(r"(?P<name>[^|]*)\|(?P<attributes>\{.*\})\|\d+", re.DOTALL)
"""As the Collector writes it: the name, the attributes, how many were dropped."""
_LONGEST: Final = 1 << 20
"""Characters of a text that is tried; of an event with attributes it is far below."""


def named(value: Any) -> tuple[str, dict[str, str | None]]:
    """Name and attributes of an event; of a plain text the name is all."""
    text = plain_text(value) or ""
    if len(text) > _LONGEST:
        return text, {}
    collector = _COLLECTOR.fullmatch(text)
    if collector:
        attributes = _object(collector["attributes"])
        if attributes is not None:
            return collector["name"], _texts(attributes)
    # The SDKs write `"name": {…}`, with braces around it in Python.
    inner = _object(text if text.startswith("{") else "{" + text + "}") if text[:1] in {'"', "{"} else None
    if inner is not None and len(inner) == 1:
        ((name, attributes),) = inner.items()
        if is_map(attributes):
            return name, _texts(attributes)
    return text, {}


def _texts(attributes: dict[str, Any]) -> dict[str, str | None]:
    return {key: plain_text(content) for key, content in attributes.items()}


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if is_map(value) else None
