"""Spans of Zipkin's first format as spans of its second: one for each side of a call, as Zipkin's own converter makes them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..plain import label
from ..shapes import is_map, items
from ..times import scaled

_SIDES: Final = {"cs": "CLIENT", "cr": "CLIENT", "sr": "SERVER", "ss": "SERVER", "ms": "PRODUCER", "mr": "CONSUMER"}
"""Core annotations, by the kind of span that they are about."""
_ENDS: Final = frozenset(("cr", "ss"))
_ADDRESSES: Final = {"sa": ("CLIENT", "PRODUCER"), "ca": ("SERVER",), "ma": ("PRODUCER", "CONSUMER")}
"""Binary annotations that name the other side, by the kinds of span whose other side it is."""
_ELSEWHERE: Final = frozenset(("timestamp", "duration", "annotations", "binaryAnnotations", "tags", "localEndpoint"))
"""Members that do not go into every side as they are."""


def is_v1(span: dict[str, Any]) -> bool:
    """Whether it is written in the first format."""
    return "binaryAnnotations" in span or any(is_map(item) and "endpoint" in item for item in items(span.get("annotations")))


class _Annotation(NamedTuple):
    value: str
    time: Any
    service: str
    endpoint: dict[str, Any]


def upgraded(span: dict[str, Any]) -> list[dict[str, Any]]:
    """The span, in the second format; two spans with one id when both sides of the call were written into it."""
    common = {member: content for member, content in span.items() if content is not None and member not in _ELSEWHERE}
    annotations = [_annotation(item) for item in items(span.get("annotations")) if is_map(item)]
    sides: dict[str, dict[str, Any]] = {}
    for annotation in annotations:
        kind = _SIDES.get(annotation.value)
        if kind is not None:
            _core(sides.setdefault(kind, _blank(common) | {"kind": kind}), annotation)
    made = list(sides.values()) or [_blank(common)]
    if is_map(span.get("tags")):
        made[0]["tags"] |= span["tags"]
    if is_map(span.get("localEndpoint")):
        made[0].setdefault("localEndpoint", span["localEndpoint"])
    _own_times(span, made)
    for annotation in annotations:
        if annotation.value not in _SIDES:
            side = _side(made, annotation.service, annotation.endpoint)
            side["annotations"].append({"timestamp": annotation.time, "value": annotation.value})
    strange = [item for item in items(span.get("annotations")) if not is_map(item)]
    made[0]["annotations"] += strange
    for item in items(span.get("binaryAnnotations")):
        _binary(made, item)
    return made


def _blank(common: dict[str, Any]) -> dict[str, Any]:
    return common | {"annotations": [], "tags": {}}


def _annotation(item: dict[str, Any]) -> _Annotation:
    endpoint: Any = item.get("endpoint")
    endpoint = endpoint if is_map(endpoint) else {}
    return _Annotation(label(item.get("value")), item.get("timestamp"), label(endpoint.get("serviceName")), endpoint)


def _core(side: dict[str, Any], annotation: _Annotation) -> None:
    if annotation.endpoint:
        side.setdefault("localEndpoint", annotation.endpoint)
    side["ends" if annotation.value in _ENDS else "timestamp"] = annotation.time


def _own_times(span: dict[str, Any], made: list[dict[str, Any]]) -> None:
    """The first side, that which began the span, has the span's own times; another lasts from its first annotation to its last."""
    for side in made:
        start, end = scaled(side.get("timestamp"), 1), scaled(side.pop("ends", None), 1)
        if start is not None and end is not None and end >= start:
            side["duration"] = end - start
    owner = next((side for side in made if side.get("kind") in {"CLIENT", "PRODUCER"}), made[0])
    for member in ("timestamp", "duration"):
        if span.get(member) is not None:
            owner[member] = span[member]


def _side(made: list[dict[str, Any]], service: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    """The side that a service wrote; it may be the first word about who that is."""
    for side in made:
        local: dict[str, Any] = side.get("localEndpoint") or {}
        if service and service == label(local.get("serviceName")):
            return side
    if endpoint and "localEndpoint" not in made[0]:
        made[0]["localEndpoint"] = endpoint
    return made[0]


def _binary(made: list[dict[str, Any]], item: Any) -> None:
    """A binary annotation: an address of the other side, or a tag. What is neither is left for the reader to say."""
    if not is_map(item) or not isinstance(item.get("key"), str):
        made[0].setdefault("strange", []).append(item)
        return
    key, value, endpoint = item["key"], item.get("value"), item.get("endpoint")
    endpoint = endpoint if is_map(endpoint) else {}
    if key in _ADDRESSES and value in (True, "true", "\x01") and endpoint:
        for side in made:
            if side.get("kind") in _ADDRESSES[key] or len(made) == 1:
                side["remoteEndpoint"] = endpoint
                return
    _side(made, label(endpoint.get("serviceName")), endpoint)["tags"][key] = value
