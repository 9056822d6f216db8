"""What OTLP JSON comes wrapped in: lists, Jaeger's v3 API, a gRPC gateway's stream, Tempo, Grafana."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..shapes import is_list, is_map

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS: Final = ("resourceSpans", "resource_spans", "batches")
"""Members that hold the elements of resourceSpans; the last one is Tempo's."""
_PART: Final = frozenset(("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans"))
_WRAPPERS: Final = ("result", "results", "trace", "traces", "data", "response")
_DEEPEST: Final = 8
"""Wrappers inside wrappers that are opened; nobody has more than three."""


def unwrapped(value: Any) -> Iterator[tuple[dict[str, Any] | None, Any]]:
    """Each object in the envelope that holds spans, with its elements of resourceSpans; for what is nothing of that kind (None, it)."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        content, depth = waiting.pop()
        if depth < _DEEPEST:
            inner = _inside(content)
            if inner is not None:
                waiting += ((item, depth + 1) for item in reversed(inner))
                continue
        if is_map(content):
            if not _PART.isdisjoint(content):
                yield content, [content]
                continue
            found = [member for member in PARTS if member in content]
            for member in found:
                yield content, content[member]
            if found:
                continue
        yield None, content


def _inside(content: Any) -> list[Any] | None:
    """What a list or a wrapper holds; None: it is neither."""
    if is_list(content):
        return content
    if not is_map(content) or not _PART.isdisjoint(content) or any(member in content for member in PARTS):
        return None
    inner = [content[member] for member in _WRAPPERS if is_map(content.get(member)) or is_list(content.get(member))]
    return inner or None
