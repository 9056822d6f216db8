"""Told once: which finding is a consequence of which.

A consequence stays a violation of its own; it is listed under "also" of its cause. Two findings belong together only when they have one
subject, or when one lies on the other's chain of causes: never because both happened.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .finding import Finding

    Span = tuple[str, str]

IMPLIES: Final[dict[str, tuple[str, ...]]] = {
    "T03": ("D01", "D04", "P01", "P09", "T02"),
    "P08": ("D01", "P01", "P02", "P03", "R01", "C04", "O03", "L01"),
    "P04": ("P03", "P05", "C07", "O03", "C06", "L01", "P11"),
    "P02": ("P03", "P05", "P11", "C07", "O03", "C06", "L01"),
    "P03": ("L01", "C01", "C05", "C07", "O03"),
    "P05": ("P03",),
    "P07": ("P07", "P02", "P03", "R02", "R03"),
    "P09": ("P05", "R01"),
    "P10": ("P03", "L01", "O03", "R08"),
    "D02": ("O02", "R02"),
    "D05": ("D06",),
    "R07": ("O02",),
    "C02": ("C01",),
    "C03": ("C01",),
    "C08": ("C01", "C03"),
    "C04": ("C06",),
    "C05": ("C01",),
    "C01": ("L02", "L03"),
    "L04": ("L02",),
    "L01": ("R05", "C01", "C02", "C05"),
}
"""Cause to consequences, as in the catalogue. Also ids of criteria that are not there yet."""

_CHAIN: Final = 32
"""Causes of causes that are followed."""


def link(findings: Iterable[Finding], ways: Mapping[Span, list[Span]]) -> None:
    """Set `implied_by` of each consequence to its nearest cause, and `also` of each cause to the ids of what follows from it.

    Args:
        findings: of all criteria that were judged; a cause that was ignored is not among them, and its consequences come forward.
        ways: for each subject the spans from it up to its root, itself first.
    """
    listed = list(findings)
    by_span: dict[Span, list[Finding]] = defaultdict(list)
    for finding in listed:
        if finding.span_id is not None:
            by_span[finding.trace_id, finding.span_id].append(finding)
    causes_of = {
        consequence: [c for c, all_ in IMPLIES.items() if consequence in all_] for all_ in IMPLIES.values() for consequence in all_
    }
    first: dict[int, Finding] = {}
    for finding in listed:
        wanted = causes_of.get(finding.criterion, [])
        if wanted and (cause := _cause(finding, wanted, by_span, ways)) is not None:
            first[id(finding)] = cause
    for finding in listed:
        cause = first.get(id(finding))
        if cause is not None:
            finding.implied_by = cause.fingerprint
            # Everything above it on the chain tells of it too.
            _tell(finding, cause, first)


def _tell(finding: Finding, cause: Finding | None, first: Mapping[int, Finding]) -> None:
    for _ in range(_CHAIN):
        if cause is None or cause is finding:
            return
        if finding.criterion not in cause.also and (finding.criterion != cause.criterion or finding.span_id != cause.span_id):
            cause.also = sorted([*cause.also, finding.criterion])
        cause = first.get(id(cause))


def _cause(finding: Finding, wanted: list[str], by_span: Mapping[Span, list[Finding]], ways: Mapping[Span, list[Span]]) -> Finding | None:
    """The finding that this one follows from: on its own subject, else the nearest on its chain of causes."""
    if finding.span_id is None:
        return None
    for span in _chain(finding, by_span, ways):
        hits = [other for other in by_span.get(span, ()) if other is not finding and other.criterion in wanted]
        if hits:
            # The order of IMPLIES is the order of precedence.
            order = list(IMPLIES)
            return min(hits, key=lambda other: order.index(other.criterion))
    return None


def _chain(finding: Finding, by_span: Mapping[Span, list[Finding]], ways: Mapping[Span, list[Span]]) -> Iterable[Span]:
    """The subject; what lies between it and its cause, when that encloses it; the cause; then likewise for the cause's own findings."""
    seen: set[Span] = set()
    current = [finding]
    for _ in range(_CHAIN):
        following: list[Finding] = []
        for item in current:
            subject = (item.trace_id, item.span_id or "")
            for span in (subject, *_between(item, ways.get(subject, []))):
                if span not in seen:
                    seen.add(span)
                    yield span
            if item.cause_span_id is not None:
                # The finding's cause may itself be the subject of findings: their causes come next.
                following += [
                    other for other in by_span.get((item.cause_trace_id or item.trace_id, item.cause_span_id), ()) if other is not finding
                ]
        if not following:
            return
        current = following


def _between(finding: Finding, way: list[Span]) -> list[Span]:
    if finding.cause_span_id is None:
        return []
    # The cause may stand in another trace of the same process.
    cause = (finding.cause_trace_id or finding.trace_id, finding.cause_span_id)
    return way[1 : way.index(cause) + 1] if cause in way else [cause]
