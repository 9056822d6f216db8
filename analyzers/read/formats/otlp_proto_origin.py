"""Where spans come from: OTLP's protobuf messages of a resource and a scope as attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..handing import SCOPE_PREFIX
from ..plain import json_text
from ..texts import Texts, by_key, joined
from ..wire import LENGTH, VARINT, Broken, message
from .otlp_proto_values import UINT32

if TYPE_CHECKING:
    from .otlp_proto_values import Values

DROPPED: Final = "otel.dropped_attributes_count"

_RESOURCE_ATTRIBUTE: Final = 1 << 3 | LENGTH
_RESOURCE_DROPPED: Final = 2 << 3 | VARINT
_RESOURCE_ENTITY: Final = 3 << 3 | LENGTH
_ENTITY_TEXTS: Final = {1 << 3 | LENGTH: "schemaUrl", 2 << 3 | LENGTH: "type"}
_ENTITY_KEYS: Final = {3 << 3 | LENGTH: "idKeys", 4 << 3 | LENGTH: "descriptionKeys"}
_SCOPE_TEXTS: Final = {1 << 3 | LENGTH: "name", 2 << 3 | LENGTH: "version"}
_SCOPE_ATTRIBUTE: Final = 3 << 3 | LENGTH
_SCOPE_DROPPED: Final = 4 << 3 | VARINT


def resource_texts(data: bytes, url: bytes, values: Values) -> Texts:
    """The attributes of a resource. `url`: its schema."""
    attributes = Texts()
    entities: list[dict[str, Any]] = []
    dropped = 0
    for tag, content in _message(data, "a resource", values):
        if tag == _RESOURCE_ATTRIBUTE:
            values.attribute(content, attributes)
        elif tag == _RESOURCE_DROPPED:
            dropped = content & UINT32
        elif tag == _RESOURCE_ENTITY:
            entities.append(_entity(content, values))
        else:
            values.unknown("a resource", tag)
    if entities:
        attributes["otel.entity_refs"] = json_text(entities)
    if dropped:
        attributes[DROPPED] = str(dropped)
    if url:
        attributes["otel.resource.schema_url"] = values.text(url)
    return attributes


def scope_texts(data: bytes, url: bytes, values: Values) -> Texts:
    """What the spans of a scope get as attributes. `url`: its schema."""
    named = {"name": "", "version": "", "dropped_attributes_count": "", "schema_url": values.text(url)}
    attributes = Texts()
    for tag, content in _message(data, "a scope", values):
        if tag in _SCOPE_TEXTS:
            named[_SCOPE_TEXTS[tag]] = values.text(content)
        elif tag == _SCOPE_ATTRIBUTE:
            values.attribute(content, attributes)
        elif tag == _SCOPE_DROPPED:
            named["dropped_attributes_count"] = str(content & UINT32)
        else:
            values.unknown("a scope", tag)
    texts = joined({key: text for key, text in named.items() if text}, attributes)
    return Texts(
        {f"{SCOPE_PREFIX}{key}": text for key, text in texts.items()}, {f"{SCOPE_PREFIX}{key}": kind for key, kind in by_key(texts).items()}
    )


def _entity(data: bytes, values: Values) -> dict[str, Any]:
    entity: dict[str, Any] = {}
    for tag, content in _message(data, "a reference to an entity", values):
        if tag in _ENTITY_TEXTS:
            entity[_ENTITY_TEXTS[tag]] = values.text(content)
        elif tag in _ENTITY_KEYS:
            entity.setdefault(_ENTITY_KEYS[tag], []).append(values.text(content))
        else:
            values.unknown("a reference to an entity", tag)
    return entity


def _message(data: bytes, what: str, values: Values) -> list[tuple[int, Any]]:
    """The fields of a message; none of one that is damaged, which is said."""
    try:
        return message(data)
    except Broken as error:
        values.lost(what, error)
        return []
