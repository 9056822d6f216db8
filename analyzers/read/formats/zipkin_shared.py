"""Zipkin's shared ids: the client and the server of a call may write their spans under one id. Here each gets an id of its own."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..shapes import is_list, is_map

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes

_CALLED: Final = frozenset(("SERVER", "CONSUMER"))
_CALLERS: Final = frozenset(("CLIENT", "PRODUCER"))
_LISTS: Final = ("annotations",)
_MAPS: Final = ("tags", "localEndpoint", "remoteEndpoint")


class Record(NamedTuple):
    """A span as it stands in the file.

    Attributes:
        trace_id: in form.
        span_id: in form.
        parent_id: in form; None: none.
        line: where it stands.
        span: its members, in Zipkin's second format.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    line: int
    span: dict[str, Any]

    @property
    def called(self) -> bool:
        """Whether it is the side that was called, of a call whose sides share an id."""
        return self.span.get("shared") is True or self.span.get("kind") in _CALLED

    @property
    def service(self) -> str:
        """Name of the service that wrote it; empty: not said."""
        endpoint = self.span.get("localEndpoint")
        return str(endpoint.get("serviceName") or "") if is_map(endpoint) else ""


def settled(records: list[Record], notes: Notes) -> Iterator[Record]:
    """The spans, each once and under an id of its own, in the order of the file.

    The side that called keeps the id. The side that was called gets one made of it, is its child, and parent of what its service did below.
    """
    sides: dict[tuple[str, str], dict[bool, Record]] = {}
    for record in records:
        both = sides.setdefault((record.trace_id, record.span_id), {})
        known = both.get(record.called)
        both[record.called] = record if known is None else _merged(known, record, notes)
    for key, both in sides.items():
        if len(both) == 2 and not _is_call(both):
            sides[key] = {False: _merged(both[False], both[True], notes)}
    for both in sides.values():
        for called, record in both.items():
            if called and len(both) == 2:
                detail = f"span {record.span_id}"
                done = "the side that was called got an id of its own, below the other"
                notes.add("both sides of a call share an id", done, "info", line=record.line, detail=detail)
                yield record._replace(span_id=_other(record.span_id), parent_id=record.span_id)
            else:
                yield record._replace(parent_id=_above(record, sides))


def _is_call(both: dict[bool, Record]) -> bool:
    """Whether two records are the two sides of a call, and not pieces of one span that is told its kind late."""
    return both[True].span.get("shared") is True or both[False].span.get("kind") in _CALLERS


def _above(record: Record, sides: dict[tuple[str, str], dict[bool, Record]]) -> str | None:
    """The parent's id; of two that share it, that of the side which was called, unless only the other is of the record's service."""
    if record.parent_id is None:
        return None
    both = sides.get((record.trace_id, record.parent_id), {})
    if len(both) < 2 or (both[False].service == record.service != both[True].service):
        return record.parent_id
    return _other(record.parent_id)


def _other(span_id: str) -> str:
    """An id for the side that was called, the same in every file."""
    return blake2b(span_id.encode("utf-8", "replace"), digest_size=8, person=b"zipkin-shared").hexdigest()


def _merged(known: Record, later: Record, notes: Notes) -> Record:
    """Two records of one span: Zipkin's clients may report a span in pieces."""
    notes.add("a span comes in several pieces", "they were put together", "info", line=later.line, detail=f"span {later.span_id}")
    span = known.span | {member: content for member, content in later.span.items() if content is not None}
    for member in _LISTS:
        before, after = known.span.get(member), later.span.get(member)
        if is_list(before) and is_list(after):
            span[member] = before + [item for item in after if item not in before]
    for member in _MAPS:
        before, after = known.span.get(member), later.span.get(member)
        if is_map(before) and is_map(after):
            span[member] = before | after
    return known._replace(span=span, parent_id=known.parent_id or later.parent_id)
