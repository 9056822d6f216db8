"""Puts spans on lanes: Chrome's pages draw what is on one thread as a stack, so that slices there must lie inside each other or apart."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..source import Span

_OPEN: Final = 2**63


def lanes(spans: list[Span]) -> Iterator[tuple[Span, int]]:
    """Each span of a trace with its lane, from 1, in the order of their starts.

    A span goes on its parent's lane when it lies inside what is innermost there, which is then the parent; else on one that is free.
    """
    stacks: dict[int, list[tuple[int, str]]] = {}
    free_at: list[tuple[int, int]] = []
    lane_of: dict[str, int] = {}
    for span in sorted(spans, key=_begin):
        start, end = span.start_ns or 0, _end(span)
        lane = lane_of.get(span.parent_span_id or "")
        if lane is not None:
            stack = stacks[lane]
            while stack and stack[-1][0] <= start:
                stack.pop()
            if not stack or stack[-1][1] != span.parent_span_id or stack[-1][0] < end:
                lane = None
        if lane is None:
            lane = heapq.heappop(free_at)[1] if free_at and free_at[0][0] <= start else len(stacks) + 1
            stacks[lane] = []
            heapq.heappush(free_at, (max(end, start + 1), lane))
        stacks[lane].append((end, span.span_id))
        lane_of[span.span_id] = lane
        yield span, lane


def _begin(span: Span) -> tuple[int, int]:
    """Of spans that begin together the longest comes first."""
    return span.start_ns or 0, -_end(span)


def _end(span: Span) -> int:
    return _OPEN if span.end_ns is None else max(span.end_ns, span.start_ns or 0)
